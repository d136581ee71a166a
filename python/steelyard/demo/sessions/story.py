"""The story of one way: everybody logs in and clicks, a server is killed and comes back, every basket is checked.

Draws nothing. ``perform`` plays one way and returns what it cost and lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from steelyard.balancer import Balancer
from steelyard.config.model import Affinity, Config, Pool, Probe, Server, Service
from steelyard.demo.sessions.processes import ShopProcess, UsersProcess, resident_mib
from steelyard.demo.sessions.record import Record
from steelyard.demo.sessions.ways import Opened, Way
from steelyard.errors import SteelyardError

VICTIM = "b"
KILL_AT, REVIVE_AT = 0.35, 0.65
"""Shares of the time."""
ARRIVAL_S = 60.0
"""How long everybody may take to log in."""


@dataclass(slots=True)
class Act:
    """One way, as it is seen while it is played."""

    way: Way
    state: str = "waiting"
    where: str = ""
    record: Record = field(default_factory=Record)
    result: Result | None = None


@dataclass(slots=True)
class Scene:
    """Everything there is to see."""

    users: int
    seconds: float
    acts: list[Act]
    news: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    started: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Note something that happened."""
        self.news.append(f"{time.monotonic() - self.started:5.1f} s  {text}")


@dataclass(frozen=True, slots=True)
class Cost:
    """What was paid."""

    seconds: float
    servers_mib: float
    """Resident memory of the servers at the end."""
    store_mib: float
    """The same of the store's processes; 0 where there are none."""
    bytes_per_request: int | None
    """Between servers and store, or each other, while all servers live; None where it cannot be counted."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one way cost and lost."""

    way: str
    where: str
    users: int
    requests: int
    failed: int
    faults: dict[str, int]
    writes: int
    logouts: int
    logouts_of_living_servers: int
    lost_writes: int
    audited: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    cost: Cost
    kept_its_promise: bool
    sentence: str


def configuration(servers: dict[str, ShopProcess], sticky: bool) -> Config:
    """The configuration, as any user would write it; the ways differ in one line."""
    return Config(
        pools={
            "shop": Pool(
                servers=tuple(Server(id=server.id, address=server.address) for server in servers.values()),
                probe=Probe(type="http", path="/healthz", interval=0.5, timeout=2.0, rise=2, fall=3),
                affinity=Affinity(by="cookie") if sticky else None,
            )
        },
        services={"www": Service(mode="proxy", listen="127.0.0.1:0", pool="shop")},
    )


async def perform(act: Act, scene: Scene) -> None:
    """Play one way."""
    way, record = act.way, act.record
    async with _stage(act, scene) as (opened, servers, users):
        act.state = "logging in"
        await _everybody(act, scene.users, users)
        act.state = "open"
        before = await _traffic(opened, servers, record)
        started = time.monotonic()
        await asyncio.sleep(KILL_AT * scene.seconds)
        after = await _traffic(opened, servers, record)
        await servers[VICTIM].kill()
        act.state = f"{VICTIM} killed"
        scene.tell(f"{way.name}: kill -9 server {VICTIM}")
        await asyncio.sleep(max(0.0, started + REVIVE_AT * scene.seconds - time.monotonic()))
        await servers[VICTIM].start()
        act.state = "open"
        scene.tell(f"{way.name}: server {VICTIM} started again")
        await asyncio.sleep(max(0.0, started + scene.seconds - time.monotonic()))
        act.state = "checking"
        await users.stop()
        cost = Cost(
            seconds=round(time.monotonic() - started, 1),
            servers_mib=_memory([server.process.pid for server in servers.values() if server.process is not None]),
            store_mib=_memory(opened.pids),
            bytes_per_request=_per_request(before, after),
        )
        act.result = _result(act, scene.users, cost)
    act.state = "done"
    scene.tell(f"{way.name}: {act.result.logouts} logouts, {act.result.lost_writes} acknowledged writes lost")


@asynccontextmanager
async def _stage(act: Act, scene: Scene) -> AsyncIterator[tuple[Opened, dict[str, ShopProcess], UsersProcess]]:
    """Everything started, in order; everything ended, in the reverse order, whatever happened."""
    act.state = "starting"
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(act.way.open())
        act.where = opened.where
        scene.tell(f"{act.way.name}: sessions are {opened.where}")
        servers = {name: ShopProcess(name, 0.0, store=store) for name, store in opened.stores.items()}
        for server in servers.values():
            stack.push_async_callback(server.kill)
        await asyncio.gather(*(server.start() for server in servers.values()))
        balancer = await stack.enter_async_context(Balancer(configuration(servers, act.way.sticky)))
        port = int(balancer.addresses["www"].rpartition(":")[2])
        users = UsersProcess(port, scene.users, act.record.add)
        stack.push_async_callback(users.stop)
        await users.start()
        yield opened, servers, users


async def _everybody(act: Act, users: int, process: UsersProcess) -> None:
    """Wait until all have logged in."""
    deadline = time.monotonic() + ARRIVAL_S
    while act.record.logged_in < users:
        if time.monotonic() > deadline or process.reading is None or process.reading.done():
            faults = ", ".join(act.record.clicks.faults) or "no fault was seen"
            raise SteelyardError(f"{act.way.name}: only {act.record.logged_in} of {users} users logged in ({faults})")
        await asyncio.sleep(0.05)


async def _traffic(opened: Opened, servers: dict[str, ShopProcess], record: Record) -> tuple[int | None, int]:
    """Bytes moved and requests so far."""
    moved = await opened.moved_bytes([server.address for server in servers.values()])
    return moved, record.clicks.requests


def _per_request(before: tuple[int | None, int], after: tuple[int | None, int]) -> int | None:
    if before[0] is None or after[0] is None:
        return None
    return round((after[0] - before[0]) / max(1, after[1] - before[1]))


def _memory(pids: Iterable[int]) -> float:
    return round(sum(map(resident_mib, pids)), 1)


def _result(act: Act, users: int, cost: Cost) -> Result:
    way, record = act.way, act.record
    elsewhere = record.all_logouts - record.logouts.get(VICTIM, 0)
    broken = record.all_logouts + record.lost_writes if way.survives else elsewhere
    return Result(
        way=way.name,
        where=act.where,
        users=users,
        requests=record.clicks.requests,
        failed=record.clicks.failures,
        faults=dict(record.clicks.faults),
        writes=record.writes,
        logouts=record.all_logouts,
        logouts_of_living_servers=elsewhere,
        lost_writes=record.lost_writes,
        audited=record.audited,
        latency_p50_ms=_rounded(record.clicks.quantile_ms(0.5)),
        latency_p99_ms=_rounded(record.clicks.quantile_ms(0.99)),
        cost=cost,
        kept_its_promise=broken == 0 and record.writes > 0 and record.audited == users,
        sentence=way.sentence,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
