"""Our own use of connections to one Redis server: no reply is taken for another's, whatever breaks in between."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from steelyard.sessions.conformance import fresh_key, whole
from steelyard.sessions.errors import StoreUnavailable
from steelyard.sessions.plan import AsyncConnector, Connector, carry_out, carry_out_async
from steelyard.sessions.record import Stored
from steelyard.sessions.stores import Store, open_store
from steelyard.sessions.stores.base import Saved
from tests.functional.sessions.relay import Relay
from tests.functional.sessions.servers import accepts, free_port, program, running

THREADS = 8


@pytest.fixture
def relay(redis_url: str) -> Iterator[Relay]:
    port = urlsplit(redis_url).port
    assert port is not None
    made = Relay(port)
    yield made
    made.close()


def record(body: bytes) -> Stored:
    return Stored(1, whole(time.time() + 60), "", body)


def two_records(store: Store, connector: Connector) -> tuple[str, str]:
    """The keys of two sessions whose replies are told apart by their bodies."""
    keys = fresh_key(), fresh_key()
    for key in keys:
        carry_out(store.create(key, record(key.encode()), time.time()), connector)
    return keys


def body(store: Store, connector: Connector, key: str) -> str:
    stored = carry_out(store.load(key, time.time()), connector)
    assert stored is not None
    return stored.body.decode()


async def body_async(store: Store, connector: AsyncConnector, key: str) -> str:
    stored = await carry_out_async(store.load(key, time.time()), connector)
    assert stored is not None
    return stored.body.decode()


@pytest.mark.parametrize("length", [0, 1, 7, 60], ids=lambda length: f"after {length} bytes")
def test_a_late_reply_is_given_to_nobody(relay: Relay, length: int) -> None:
    store = open_store(f"redis://127.0.0.1:{relay.port}/0?timeout=1")
    connector = store.connector()
    one, other = two_records(store, connector)
    relay.hold_after(length)
    with pytest.raises(StoreUnavailable, match="Timeout reading"):
        body(store, connector, one)
    relay.release()
    assert [body(store, connector, key) for key in (other, one, other)] == [other, one, other]
    connector.close()


@pytest.mark.parametrize("length", [0, 1, 7, 60], ids=lambda length: f"after {length} bytes")
@pytest.mark.parametrize("ends", ["timeout", "cancelled"])
def test_a_late_reply_is_given_to_nobody_on_an_event_loop(relay: Relay, length: int, ends: str) -> None:
    store = open_store(f"redis://127.0.0.1:{relay.port}/0?timeout={1 if ends == 'timeout' else 30}")
    blocking = store.connector()
    one, other = two_records(store, blocking)
    blocking.close()

    async def check() -> None:
        connector = store.async_connector()
        assert await body_async(store, connector, one) == one
        relay.hold_after(length)
        if ends == "timeout":
            with pytest.raises(StoreUnavailable, match=r"no answer within 1 s"):
                await body_async(store, connector, one)
        else:
            task = asyncio.create_task(body_async(store, connector, one))
            await asyncio.to_thread(relay.held.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        relay.release()
        assert [await body_async(store, connector, key) for key in (other, one, other)] == [other, one, other]
        await connector.close()

    asyncio.run(check())


def test_connections_that_were_lost_while_idle_are_replaced(redis_url: str) -> None:
    store = open_store(redis_url + "?client_name=idle")
    connector = store.connector()
    one, other = two_records(store, connector)
    with redis.Redis.from_url(redis_url) as operator:
        assert named(operator, "idle") == 1
        operator.client_kill_filter(_type="normal", skipme=True)
    assert [body(store, connector, key) for key in (one, other)] == [one, other]
    connector.close()


def test_connections_that_were_lost_while_idle_are_replaced_on_an_event_loop(redis_url: str) -> None:
    store = open_store(redis_url)

    async def check() -> None:
        connector = store.async_connector()
        key = fresh_key()
        await carry_out_async(store.create(key, record(key.encode()), time.time()), connector)
        with redis.Redis.from_url(redis_url) as operator:
            operator.client_kill_filter(_type="normal", skipme=True)
        assert await body_async(store, connector, key) == key
        await connector.close()

    asyncio.run(check())


def test_the_server_restarted(tmp_path: Path) -> None:
    """While it is away every request is told so; afterwards the same connector goes on."""
    port = free_port()
    command = [program("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(tmp_path), "--requirepass", "p w"]
    store = open_store(f"redis://:p%20w@127.0.0.1:{port}/3?timeout=5")
    connector = store.connector()
    with running(command, accepts(port), tmp_path):
        one, other = two_records(store, connector)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=str(port)):
            body(store, connector, one)
    with running(command, accepts(port), tmp_path):
        assert [body(store, connector, key) for key in (one, other)] == [one, other]
        stored = Stored(2, whole(time.time() + 60), "", b"next")
        assert carry_out(store.replace(one, 1, stored, time.time()), connector) == Saved(), (
            "a new server knows no script"
        )
    connector.close()


def test_eight_threads_get_their_own_replies(redis_url: str) -> None:
    store = open_store(redis_url + "?client_name=threads")
    connector = store.connector()
    begun = threading.Barrier(THREADS)

    def work(_: int) -> bool:
        key = fresh_key()
        carry_out(store.create(key, record(key.encode()), time.time()), connector)
        begun.wait()
        return all(body(store, connector, key) == key for _ in range(200))

    with ThreadPoolExecutor(THREADS) as pool, redis.Redis.from_url(redis_url) as operator:
        assert list(pool.map(work, range(THREADS))) == [True] * THREADS
        assert 1 <= named(operator, "threads") <= THREADS
    connector.close()


def test_a_fork_shares_no_connection(redis_url: str) -> None:
    store = open_store(redis_url)
    connector = store.connector()
    one, other = two_records(store, connector)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if all(body(store, connector, one) == one for _ in range(300)) else 1)
        finally:
            os._exit(2)
    assert all(body(store, connector, other) == other for _ in range(300))
    assert os.waitpid(child, 0)[1] == 0
    assert body(store, connector, other) == other, "the child closed nothing of its parent's"
    connector.close()


def test_an_event_loop_keeps_to_its_connections(redis_url: str) -> None:
    store = open_store(redis_url + "?client_name=few&max_connections=2")

    async def check() -> None:
        connector = store.async_connector()
        keys = [fresh_key() for _ in range(20)]
        for key in keys:
            await carry_out_async(store.create(key, record(key.encode()), time.time()), connector)
        assert await asyncio.gather(*(body_async(store, connector, key) for key in keys * 5)) == keys * 5
        with redis.Redis.from_url(redis_url) as operator:
            assert named(operator, "few") == 2
        await connector.close()

    asyncio.run(check())


def named(operator: redis.Redis, name: str) -> int:
    """How many connections of that name the server has."""
    return sum(client["name"] == name for client in operator.client_list())  # type: ignore[union-attr]
