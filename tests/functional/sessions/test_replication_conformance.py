"""The suite of every store, on a member that is alone and on one of three."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from steelyard.sessions.conformance import StoreConformance, fresh_key
from steelyard.sessions.keys import new_id
from steelyard.sessions.plan import carry_out
from steelyard.sessions.record import Stored
from steelyard.sessions.stores import Store, open_store
from tests.functional.sessions.servers import free_port

pytest.importorskip("zenoh", reason="pip install 'steelyard[replicated]'")

from steelyard.sessions.replication.wire import unpack
from steelyard.sessions.stores.replicated import ReplicatedStore


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


@pytest.mark.parametrize("kind", ["data", "ask"])
@pytest.mark.parametrize(
    "noise", [b"", b"\x01", b"\x02rest", b"\x01\xff\xff\xff\xff", b"\x01\0\0\0\x02[]", bytes(range(256)) * 99]
)
def test_messages_that_are_none_are_refused_and_the_member_lives_on(kind: str, noise: bytes) -> None:
    store = open_store(f"replicated://a@127.0.0.1:{free_port()}?cluster={new_id()}&join=0.1")
    assert isinstance(store, ReplicatedStore)
    connector = store.connector()
    try:
        (member,) = store.node.view.members
        (answer,) = store.node.links.ask(kind, [member], noise, 5.0)
        assert answer is not None
        assert unpack(answer).kind == "refused"
        key, now = fresh_key(), time.time()
        assert carry_out(store.create(key, Stored(1, now + 60, "", b"x"), now), connector) is True
    finally:
        connector.close()
