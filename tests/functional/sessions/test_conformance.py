"""Every store passes the same suite, against its real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from steelyard.sessions.conformance import StoreConformance
from steelyard.sessions.errors import StoreUnavailable
from steelyard.sessions.plan import carry_out
from steelyard.sessions.stores import Store, open_store


class TestMemory(StoreConformance):
    def open(self) -> Store:
        return open_store("memory://")


class TestSqlite(StoreConformance):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path}/sessions.db"

    def open(self) -> Store:
        return open_store(self.url)


class OfServer(StoreConformance):
    """A store whose server's URL is a fixture, named like its scheme or kind."""

    scheme = ""

    @pytest.fixture(autouse=True)
    def _server(self, request: pytest.FixtureRequest) -> None:
        self.url: str = request.getfixturevalue(f"{self.scheme}_url")

    def open(self) -> Store:
        return open_store(self.url)


class TestRedis(OfServer):
    scheme = "redis"


class TestRedisOverTls(OfServer):
    scheme = "rediss"


class TestRedisCluster(OfServer):
    scheme = "redis_cluster"


class TestValkey(OfServer):
    scheme = "valkey"


class TestValkeyCluster(OfServer):
    scheme = "valkey_cluster"


class TestMemcached(OfServer):
    scheme = "memcached"
    counts_exactly = False  # it cannot list its items


class TestMysql(OfServer):
    scheme = "mysql"


class TestPostgresql(OfServer):
    scheme = "postgresql"


def test_a_server_that_proves_nothing_is_not_talked_to(rediss_url: str) -> None:
    """TLS: its authority is one of its own, and this client was not told to trust it."""
    store = open_store(rediss_url.partition("?")[0])
    connector = store.connector()
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        carry_out(store.count(0.0), connector)
    connector.close()
