"""The ways to keep a user logged in, as data. Another way is another entry of ``WAYS``.

A way says whether the balancer keeps users on their server, what the servers' stores are, and what it promises.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx

from steelyard.demo.sessions.processes import free_port, program

SERVERS = ("a", "b", "c")


async def uncounted(_: Sequence[str]) -> int | None:
    """For what cannot be counted."""
    return None


@dataclass(frozen=True, slots=True)
class Opened:
    """A way whose store is there."""

    stores: dict[str, str]
    """Server to the URL of its store."""
    where: str
    """Where sessions are, for the reader."""
    pids: tuple[int, ...] = ()
    """Processes besides the servers that hold sessions."""
    moved_bytes: Callable[[Sequence[str]], Awaitable[int | None]] = uncounted
    """Given the servers' addresses: how many bytes went between servers and store, or each other, so far."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way."""

    name: str
    sticky: bool
    """Whether the balancer keeps a user on one server, by a cookie."""
    survives: bool
    """Whether sessions outlive their server. If not, only those of living servers are promised."""
    sentence: str
    """What the reader should take home."""
    open: Callable[[], AbstractAsyncContextManager[Opened]]
    missing: Callable[[], str] = lambda: ""
    """Why it cannot be shown here; empty when it can."""


@asynccontextmanager
async def _memory() -> AsyncIterator[Opened]:
    async def none(_: Sequence[str]) -> int:
        return 0

    yield Opened(dict.fromkeys(SERVERS, "memory://"), "in the memory of each server", moved_bytes=none)


@asynccontextmanager
async def _session_server() -> AsyncIterator[Opened]:
    """redis-server or valkey-server where there is one, otherwise a file that the servers share."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    with tempfile.TemporaryDirectory(prefix="steelyard-demo-") as directory:
        if found is None or find_spec("redis") is None:
            url = f"sqlite:///{Path(directory) / 'sessions.db'}"
            missing = "no redis-server is installed" if found is None else "redis-py is not installed"
            yield Opened(dict.fromkeys(SERVERS, url), f"in one SQLite file ({missing})")
            return
        port = free_port()
        options = [
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            directory,
            "--loglevel",
            "warning",
        ]
        async with program([found, *options], port) as pid:

            async def moved(_: Sequence[str]) -> int:
                return await _redis_bytes(port)

            url = f"redis://127.0.0.1:{port}/0"
            yield Opened(dict.fromkeys(SERVERS, url), f"in {Path(found).name} on port {port}", (pid,), moved)


async def _redis_bytes(port: int) -> int:
    """What the server itself counted, in and out."""
    import redis.asyncio

    async with redis.asyncio.Redis(port=port) as client:
        told = await client.info("stats")
    return int(told["total_net_input_bytes"]) + int(told["total_net_output_bytes"])


@asynccontextmanager
async def _replicated() -> AsyncIterator[Opened]:
    """Each server is a member and keeps some sessions, and copies of some others'."""
    members = {name: f"127.0.0.1:{free_port()}" for name in SERVERS}
    stores = {}
    for name, address in members.items():
        peers = ",".join(other for other in members.values() if other != address)
        stores[name] = f"replicated://{name}@{address}?peers={peers}&copies=2"
    yield Opened(stores, "in the servers, two copies of each", moved_bytes=_sent)


async def _sent(servers: Sequence[str]) -> int:
    """What the members say that they sent to each other."""
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(client.get(f"http://{address}/sent") for address in servers))
    return sum(int(answer.json()["bytes"]) for answer in answers)


def _no_replication() -> str:
    if find_spec("steelyard.sessions.stores.replicated") is None:
        return "this build has no replicated store"
    return "" if find_spec("zenoh") else "it needs zenoh: pip install 'steelyard[replicated]'"


WAYS = (
    Way(
        "sticky",
        sticky=True,
        survives=False,
        sentence="Costs nothing per request, and a dead server takes its users' sessions with it.",
        open=_memory,
    ),
    Way(
        "session-server",
        sticky=False,
        survives=True,
        sentence="Any server may answer and any may die; a request pays a round trip, and the store must be run.",
        open=_session_server,
    ),
    Way(
        "replicated",
        sticky=False,
        survives=True,
        sentence="No store to run; each write waits for a second server, and memory and traffic pay for the copies.",
        open=_replicated,
        missing=_no_replication,
    ),
)
