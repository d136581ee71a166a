"""Drain, maintenance, weights, servers added and removed, the algorithm: under load, and at no request's cost."""

from __future__ import annotations

import asyncio

import pytest

from steelyard.config.model import Server
from steelyard.errors import Refused
from tests.functional.cluster import PROBE, balanced
from tests.support.client import Client
from tests.support.origin import Origin
from tests.support.waiting import until


async def test_a_drained_server_gets_no_request_after_the_drain_is_acknowledged() -> None:
    async with balanced("abc", probe=PROBE) as cluster, cluster.load(100) as load:
        for _ in range(5):
            await load.more(300)
            events = cluster.balancer.events()
            await cluster.balancer.drain("web", "b")
            async for event in events:
                if event.kind == "server-drained":
                    break
            answered = cluster.origins["b"].requests
            await load.more(500)
            assert cluster.origins["b"].requests == answered
            await cluster.balancer.ready("web", "b")
            answered = load.servers["b"]
            await until(lambda answered=answered: load.servers["b"] > answered)
    assert load.failures == []


async def test_a_running_request_ends_by_itself_and_then_the_server_is_drained() -> None:
    async with balanced("ab") as cluster, Client(cluster.address) as client:
        for origin in cluster.origins.values():
            origin.gate.close()
        request = asyncio.create_task(client.get())
        await until(lambda: sum(origin.active for origin in cluster.origins.values()) == 1)
        [busy] = [name for name, origin in cluster.origins.items() if origin.active]
        events = cluster.balancer.events()
        await cluster.balancer.drain("web", busy)
        assert (await anext(events)).kind == "admin-changed"
        server = await cluster.server(busy)
        assert (server.active, server.drained, server.eligible) == (1, False, False)
        cluster.origins[busy].gate.open()
        assert (await request).server == busy
        event = await anext(events)
        assert (event.kind, event.server) == ("server-drained", busy)
        assert (await cluster.server(busy)).drained


async def test_maintenance_takes_everybody_away() -> None:
    async with balanced("ab", affinity={"by": "cookie"}) as cluster, Client(cluster.address) as client:
        first = await client.get()
        cookie = (first.header("Set-Cookie") or "").partition(";")[0]
        assert (await client.get(Cookie=cookie)).server == first.server
        await cluster.balancer.maintenance("web", first.server)
        assert (await client.get(Cookie=cookie)).server not in ("", first.server)


@pytest.mark.parametrize("cause", ["probes", "maintenance", "removal", "drain"])
async def test_connections_end_with_their_server_where_the_pool_says_so(cause: str) -> None:
    async with balanced("ab", service={"mode": "tcp"}, probe=PROBE, on_down="cut") as cluster:
        host, _, port = cluster.address.rpartition(":")
        connections: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        while len(connections) < 2:
            reader, writer = await asyncio.open_connection(host, int(port))
            connections[await say(reader, writer)] = (reader, writer)
        if cause == "probes":
            cluster.origins["a"].health_status = 503
        elif cause == "maintenance":
            await cluster.balancer.maintenance("web", "a")
        elif cause == "removal":
            await cluster.balancer.remove_server("web", "a")
        else:
            await cluster.balancer.drain("web", "a")
        reader, writer = connections["a"]
        if cause == "drain":
            assert await say(reader, writer) == "a"
        else:
            with pytest.raises(ConnectionError):
                await reader.readexactly(1)
        assert await say(*connections["b"]) == "b"
        for _, writer in connections.values():
            writer.close()


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Who answers one request on this connection."""
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length: ")[2].split("\r\n")[0])
    return (await reader.readexactly(length)).decode().strip()


async def test_weights_take_effect_at_once() -> None:
    async with balanced("abc", algorithm="weighted-round-robin") as cluster:
        assert await cluster.ask(30) == {"a": 10, "b": 10, "c": 10}
        await cluster.balancer.set_weight("web", "a", 5)
        counted = await cluster.ask(70)
        assert abs(counted["a"] - 50) <= 5
        assert abs(counted["b"] - 10) <= 3


async def test_servers_come_and_go_under_load() -> None:
    async with balanced("ab", probe=PROBE) as cluster, Origin("n") as new, cluster.load(100) as load:
        for _ in range(5):
            await load.more(300)
            events = cluster.balancer.events()
            await cluster.balancer.add_server("web", Server(id="n", address=new.address))
            answered = load.servers["n"]
            await until(lambda answered=answered: load.servers["n"] > answered + 20)
            await cluster.balancer.remove_server("web", "n")
            async for event in events:
                if event.kind == "server-removed":
                    break
            assert new.active == 0
    assert load.failures == []


async def test_the_algorithm_changes_while_it_runs() -> None:
    async with balanced("abc") as cluster:
        assert set(await cluster.ask(30)) == {"a", "b", "c"}
        await cluster.balancer.set_algorithm("web", "source-hash")
        assert len(await cluster.ask(30, connections=5)) == 1


async def test_explain_names_whom_a_client_gets() -> None:
    async with balanced("abc", algorithm="source-hash") as cluster:
        explanation = await cluster.balancer.explain("web", "127.0.0.1")
        assert (explanation.algorithm, explanation.client) == ("source-hash", "127.0.0.1")
        assert await cluster.ask(5) == {explanation.server: 5}
        assert [each.eligible for each in explanation.candidates] == [True, True, True]
        await cluster.balancer.drain("web", explanation.server or "")
        again = await cluster.balancer.explain("web", "127.0.0.1")
        assert again.server not in (None, explanation.server)
        with pytest.raises(Refused, match="'nonsense' is not an IP address"):
            await cluster.balancer.explain("web", "nonsense")
