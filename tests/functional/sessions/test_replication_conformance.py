"""The suite of every store, on a member that is alone and on one of three."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steelyard.sessions.conformance import StoreConformance
from steelyard.sessions.keys import new_id
from steelyard.sessions.stores import Store, open_store
from tests.functional.sessions.servers import free_port

pytest.importorskip("zenoh", reason="pip install 'steelyard[replicated]'")


class TestAlone(StoreConformance):
    def open(self) -> Store:
        return open_store(f"replicated://a@127.0.0.1:{free_port()}?cluster={new_id()}&join=0.1")


@pytest.fixture(scope="module", params=["2", "all"])
def seeds(request: pytest.FixtureRequest) -> Iterator[str]:
    """Two members that stay; the address of one and the options that a third needs."""
    first, second = free_port(), free_port()
    shared = f"copies={request.param}&cluster={new_id()}"
    stores = [
        open_store(f"replicated://b@127.0.0.1:{first}?{shared}&join=0.1"),
        open_store(f"replicated://c@127.0.0.1:{second}?{shared}&peers=127.0.0.1:{first}"),
    ]
    connectors = [store.connector() for store in stores]
    yield f"{shared}&peers=127.0.0.1:{first},127.0.0.1:{second}"
    for connector in connectors:
        connector.close()


class TestOneOfThree(StoreConformance):
    @pytest.fixture(autouse=True)
    def _cluster(self, seeds: str) -> None:
        self.shared = seeds

    def open(self) -> Store:
        return open_store(f"replicated://a@127.0.0.1:{free_port()}?{self.shared}")
