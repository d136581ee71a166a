"""Our manager's load and save against redis-py's own round trip with the same command and as many bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis
import redis.asyncio

from benchmarks.results import Metric, Result
from benchmarks.sessions.contest import Work, awaiting, blocking, microseconds
from benchmarks.targets import US
from steelyard.sessions.keys import store_key
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import carry_out, carry_out_async
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores import open_store

FAR_MS = 32_503_680_000_000
VISITOR = {"user": "ann", "name": "Ann Lee", "token": "x" * 40, "basket": [1, 2, 3], "seen": 12}
LOAD, SAVE = "GET by redis-py", "EVALSHA by redis-py, our script"
SET = "SET by redis-py"


class Visitor:
    """One stored session, and the bare client's copy of the same bytes."""

    def __init__(self, url: str) -> None:
        self.store = open_store(url)
        self.manager = Manager(self.store, Settings(insecure=True))
        connector = self.connector = self.store.connector()
        session = self.manager.session(None)
        carry_out(self.manager.load(session), connector)
        session.update(VISITOR)
        carry_out(self.manager.save(session), connector)
        assert session.state.cookie_id is not None
        assert session.state.stored is not None
        self.id, self.body = session.state.cookie_id, session.state.stored.body
        # As long a key as ours and as many bytes.
        self.name = "bareclient" + store_key(self.id)
        self.value = b"%12d%18d%10d" % (1, FAR_MS, 0) + self.body
        self.session = self.open()
        carry_out(self.manager.load(self.session), connector)
        self.saves = 0

    def open(self) -> Session:
        return self.manager.session(self.id)

    def change(self) -> Session:
        """The session as a request leaves it that changed one value."""
        self.saves += 1
        self.session["seen"] = self.saves
        return self.session

    def bare(self, client: Any) -> dict[str, Callable[[], Any]]:
        """The same round trips without us, on a key of their own. ``client`` blocks or is asynchronous."""
        from steelyard.sessions.stores.redis import REPLACE

        # An expected version that stays, so that every swap holds.
        swap = (REPLACE.digest, 1, self.name, 0, self.value[:12], self.value, FAR_MS)
        return {
            LOAD: lambda: client.get(self.name),
            SAVE: lambda: client.evalsha(*swap),
            SET: lambda: client.set(self.name, self.value, pxat=FAR_MS),
        }


def run(url: str, rounds: int) -> Result:
    """Both ways to wait."""
    visitor = Visitor(url)
    with redis.Redis.from_url(url) as client:
        client.set(visitor.name, visitor.value)
        metrics = _metrics("blocking", rounds, *_blocking(visitor, client))
    loop = asyncio.new_event_loop()
    asynchronous = redis.asyncio.Redis.from_url(url)
    connector = visitor.store.async_connector()
    metrics += _metrics("asyncio", rounds, *_asynchronous(visitor, asynchronous, connector, loop))
    loop.run_until_complete(asynchronous.aclose())
    loop.run_until_complete(connector.close())
    loop.close()
    visitor.connector.close()
    return Result(
        "bare",
        "Load and save against the bare client",
        metrics,
        [f"a session of {len(VISITOR)} keys, {len(visitor.body)} bytes; a save changes one of them"],
    )


def _blocking(visitor: Visitor, client: Any) -> tuple[Work, Work, dict[str, Work]]:
    def load() -> None:
        carry_out(visitor.manager.load(visitor.open()), visitor.connector)

    def save() -> None:
        carry_out(visitor.manager.save(visitor.change()), visitor.connector)

    bare = {name: blocking(ask) for name, ask in visitor.bare(client).items()}
    return blocking(load), blocking(save), bare


def _asynchronous(
    visitor: Visitor, client: Any, connector: Any, loop: asyncio.AbstractEventLoop
) -> tuple[Work, Work, dict[str, Work]]:
    def load() -> Awaitable[None]:
        return carry_out_async(visitor.manager.load(visitor.open()), connector)

    def save() -> Awaitable[object]:
        return carry_out_async(visitor.manager.save(visitor.change()), connector)

    bare = {name: awaiting(loop, ask) for name, ask in visitor.bare(client).items()}
    return awaiting(loop, load), awaiting(loop, save), bare


def _metrics(way: str, rounds: int, load: Work, save: Work, bare: dict[str, Work]) -> list[Metric]:
    loads, saves = {US: load, LOAD: bare[LOAD]}, {US: save, SAVE: bare[SAVE], SET: bare[SET]}
    return [
        microseconds(f"load-{way}", f"Load, {way}", loads, rounds, 100),
        microseconds(f"save-{way}", f"Save, {way}", saves, rounds, 100),
    ]
