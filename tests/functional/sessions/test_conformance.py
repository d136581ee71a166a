"""Every store passes the same suite, against its real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from steelyard.sessions.conformance import StoreConformance
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
    """A store whose server is a fixture named like its scheme."""

    scheme = ""

    @pytest.fixture(autouse=True)
    def _server(self, request: pytest.FixtureRequest) -> None:
        self.url: str = request.getfixturevalue(f"{self.scheme}_url")

    def open(self) -> Store:
        return open_store(self.url)


class TestRedis(OfServer):
    scheme = "redis"


class TestMemcached(OfServer):
    scheme = "memcached"


class TestMysql(OfServer):
    scheme = "mysql"


class TestPostgresql(OfServer):
    scheme = "postgresql"
