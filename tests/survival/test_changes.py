"""Under a keep-alive load of 200 connections, servers die and come back and everything is changed: no request fails."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from steelyard.demo.children import ServerProcess
from tests.support.client import Client, Load
from tests.support.origin import Origin
from tests.support.waiting import until
from tests.survival.process import Running, write

CONNECTIONS = 200
PROBE = 'probe = { type = "http", path = "/healthz", interval = "200ms", timeout = "1s", rise = 1, fall = 2 }'


@asynccontextmanager
async def killable(*names: str) -> AsyncIterator[dict[str, ServerProcess]]:
    """Servers that are processes of their own."""
    async with AsyncExitStack() as stack:
        servers = {name: ServerProcess(name, 2.0) for name in names}
        for server in servers.values():
            stack.push_async_callback(server.kill)
            await server.start()
        yield servers


async def test_a_server_killed_and_revived(tmp_path: Path) -> None:
    async with killable("a", "b", "c") as servers:
        addresses = {name: server.address for name, server in servers.items()}
        async with Running(write(tmp_path / "x.toml", addresses, pool=PROBE)) as running:
            async with Load(running.address, CONNECTIONS) as load:
                await load.more(2000)
                await servers["b"].kill()
                await load.more(2000)
                await until(lambda: _is(running, "b", health="down"), "b is down")
                load.servers.clear()
                await load.more(2000)
                assert load.servers["b"] == 0
                await servers["b"].start()
                await until(lambda: _is(running, "b", eligible=True), "b is eligible again")
                await until(lambda: load.servers["b"] > 20, "b gets its share again")
            assert load.failures == []


async def test_a_hundred_reloads_in_a_row(tmp_path: Path) -> None:
    async with Origin("a") as a, Origin("b") as b, Origin("c") as c:
        everyone = {origin.name: origin.address for origin in (a, b, c)}
        file = write(tmp_path / "x.toml", everyone, pool=PROBE)
        async with Running(file) as running, Load(running.address, CONNECTIONS) as load:
            await load.more(500)
            for number in range(100):
                fewer = {name: address for name, address in everyone.items() if number % 3 or name != "c"}
                algorithm = ("round-robin", "least-connections", "maglev")[number % 3]
                write(file, fewer, pool=f'{PROBE}\nalgorithm = "{algorithm}"')
                if number % 2:
                    await running.do("POST", "/reload")
                else:
                    seen = (await running.status())["snapshot"]
                    running.process.send_signal(signal.SIGHUP)
                    await until(lambda seen=seen: _newer(running, seen), "the reload by signal")
            await load.more(500)
        assert load.failures == []
        assert running.process.returncode == 0


async def test_drained_removed_and_weighted(tmp_path: Path) -> None:
    async with Origin("a") as a, Origin("b") as b, Origin("c") as c:
        servers = {origin.name: origin.address for origin in (a, b, c)}
        pool = f'{PROBE}\nalgorithm = "weighted-round-robin"'
        async with Running(write(tmp_path / "x.toml", servers, pool=pool)) as running:
            async with Load(running.address, CONNECTIONS) as load:
                await load.more(1000)
                await running.do("PUT", "/pools/web/servers/b/admin-state", {"admin": "drain"})
                await nobody_reaches(running, "b")
                await until(lambda: _is(running, "b", drained=True), "b is drained")
                counted = b.requests
                await load.more(2000)
                assert b.requests == counted, "a drained server gets nothing"
                await running.do("DELETE", "/pools/web/servers/c")
                await nobody_reaches(running, "c")
                await until(lambda: _gone(running, "c"), "c is removed")
                await running.do("PUT", "/pools/web/servers/b/admin-state", {"admin": "ready"})
                for weight in range(1, 40):
                    await running.do("PUT", "/pools/web/servers/a/weight", {"weight": weight})
                await running.do("PUT", "/pools/web/servers/a/weight", {"weight": 9})
                await until(lambda: _is(running, "b", eligible=True), "b is back")
                load.servers.clear()
                await load.more(4000)
            assert load.failures == []
            assert load.servers["c"] == 0
            assert 7 < load.servers["a"] / load.servers["b"] < 11


async def test_all_down_is_503_and_recovers_by_itself(tmp_path: Path) -> None:
    async with Origin("a") as a, Origin("b") as b:
        servers = {origin.name: origin.address for origin in (a, b)}
        async with (
            Running(write(tmp_path / "x.toml", servers, pool=PROBE)) as running,
            Client(running.address) as client,
        ):
            assert (await client.get()).status == 200
            await a.kill()
            await b.kill()
            await until(lambda: _is(running, "a", health="down"), "a is down")
            await until(lambda: _is(running, "b", health="down"), "b is down")
            await until(lambda: _answers(client, 503), "503 once the planes know")
            assert int((await client.get()).header("Retry-After") or 0) >= 1
            await a.revive()
            await until(lambda: _answers(client, 200), "a serves again")
            assert (await client.get()).server == "a"


async def _answers(client: Client, status: int) -> bool:
    return (await client.get()).status == status


async def nobody_reaches(running: Running, server: str) -> None:
    """No request that is sent from now on is answered by this server."""
    async with Client(running.address) as client:
        for _ in range(60):
            reply = await client.get()
            assert reply.status == 200
            assert reply.server != server


async def _is(running: Running, name: str, **wanted: object) -> bool:
    server = await running.server(name)
    return all(server[key] == value for key, value in wanted.items())


async def _gone(running: Running, name: str) -> bool:
    return all(server["id"] != name for server in (await running.status())["pools"][0]["servers"])


async def _newer(running: Running, version: int) -> bool:
    return bool((await running.status())["snapshot"] > version)
