"""Every store passes the same suite, against its real server."""

from __future__ import annotations

import pytest

from steelyard.sessions.conformance import StoreConformance
from steelyard.sessions.stores import Store, open_store


class TestMemory(StoreConformance):
    def open(self) -> Store:
        return open_store("memory://")


class TestRedis(StoreConformance):
    @pytest.fixture(autouse=True)
    def _server(self, redis_url: str) -> None:
        self.url = redis_url

    def open(self) -> Store:
        return open_store(self.url)
