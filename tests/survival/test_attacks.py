"""Five hundred connections that mean harm: slow headers, slow bodies, slow readers. Others are served meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.origin import Origin, Request, Response
from tests.support.waiting import until
from tests.survival.process import Running, write

ATTACKERS = 500
SERVICE = """
[services.www.timeouts]
header = "2s"
body = "2s"
stall = "2s"
[services.www.limits]
body_rate_min = 10000
"""
BIG = b"x" * (4 << 20)


def answer(request: Request) -> Response:
    return Response(body=BIG if request.target == "/big" else b"small")


async def slow_header(attacker: socket.socket) -> None:
    """One byte of a header now and then."""
    loop = asyncio.get_running_loop()
    for byte in itertools.chain(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", itertools.repeat(ord("a"))):
        await loop.sock_sendall(attacker, bytes([byte]))
        await asyncio.sleep(0.2)


async def slow_body(attacker: socket.socket) -> None:
    """A body announced large and sent byte by byte."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(attacker, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        await loop.sock_sendall(attacker, b"a")
        await asyncio.sleep(0.2)


async def slow_read(attacker: socket.socket) -> None:
    """A large answer asked for and never read."""
    await asyncio.get_running_loop().sock_sendall(attacker, b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.Event().wait()


@asynccontextmanager
async def attack(address: str, how: Callable[[socket.socket], Awaitable[None]]) -> AsyncIterator[list[socket.socket]]:
    """The attackers, all connected."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    sockets = []
    for _ in range(ATTACKERS):
        attacker = socket.socket()
        attacker.setblocking(False)
        attacker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(attacker, (host, int(port)))
        sockets.append(attacker)
    tasks = [asyncio.ensure_future(how(attacker)) for attacker in sockets]
    try:
        yield sockets
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for attacker in sockets:
            attacker.close()


@pytest.mark.parametrize("how", [slow_header, slow_body, slow_read], ids=["header", "body", "read"])
async def test_others_are_served_and_the_attackers_are_shown_out(
    tmp_path: Path, how: Callable[[socket.socket], Awaitable[None]]
) -> None:
    async with Origin("a") as origin:
        origin.answer = answer
        async with Running(write(tmp_path / "x.toml", {"a": origin.address}, service=SERVICE)) as running:
            before = running.memory()
            async with attack(running.address, how):
                for _ in range(20):
                    async with Client(running.address) as client:
                        for _ in range(20):
                            assert (await client.get("/small")).body == b"small"
                # An attacker holds buffers of some kilobytes, never a whole body.
                assert running.memory() - before < ATTACKERS * (256 << 10)
                await until(lambda: _connections(running, 0), "every attacker was shown out")
            async with Client(running.address) as client:
                assert (await client.get("/small")).body == b"small"


async def test_descriptors_exhausted(tmp_path: Path) -> None:
    async with Origin("a") as origin:
        origin.answer = answer
        file = write(tmp_path / "x.toml", {"a": origin.address})
        async with Running(file, descriptors=160) as running, Client(running.address) as early:
            assert (await early.get("/small")).status == 200
            async with attack(running.address, slow_read_nothing):
                # Whoever is inside is served; the admin API keeps its own connection.
                for _ in range(50):
                    assert (await early.get("/small")).body == b"small"
                assert running.descriptors() <= 160
            await until(lambda: _serves(running.address), "new clients are served again")
            await until(lambda: running.descriptors() < 60, "the descriptors are given back")
        assert running.process.returncode == 0


async def slow_read_nothing(attacker: socket.socket) -> None:
    """Connected, and silent."""
    await asyncio.Event().wait()


async def _connections(running: Running, most: int) -> bool:
    return bool((await running.status())["services"][0]["connections"] <= most)


async def _serves(address: str) -> bool:
    try:
        async with asyncio.timeout(2), Client(address) as client:
            return (await client.get("/small")).status == 200
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
