"""The demonstration as a story: what is started, when a server dies, what is summed up. Draws nothing."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from steelyard.admin.server import AdminServer
from steelyard.balancer import Balancer
from steelyard.config.model import Algorithm, Config, Pool, Probe, Server, Service
from steelyard.demo.children import LoadProcess, ServerProcess
from steelyard.demo.tally import Tally
from steelyard.errors import SteelyardError
from steelyard.status import Status

POOL = "shop"
SERVICE = "www"
SPEEDS_MS = {"a": 4.0, "b": 12.0, "c": 36.0}
VICTIM = "b"
CYCLE_S = 24.0
"""Without an end, the story repeats in this time."""
KILL_AT, REVIVE_AT = 0.35, 0.65
"""Shares of the whole (or of one cycle)."""


@dataclass(slots=True)
class Scene:
    """What there is to see now."""

    servers: dict[str, ServerProcess]
    url: str = ""
    admin: str = ""
    status: Status | None = None
    started: float = field(default_factory=time.monotonic)
    total: Tally = field(default_factory=Tally)
    parts: deque[tuple[float, Tally]] = field(default_factory=lambda: deque(maxlen=240))
    """The last minute in quarters of a second, for rates."""
    news: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=200))
    kills: int = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def saw(self, part: Tally) -> None:
        """Take in what the load reported."""
        self.total.add(part)
        self.parts.append((self.elapsed, part))

    def tell(self, text: str) -> None:
        """Note something that happened."""
        self.news.append((self.elapsed, text))


@dataclass(frozen=True, slots=True)
class Summary:
    """What the demonstration proved, or did not."""

    seconds: float
    requests: int
    failures: int
    faults: dict[str, int]
    shares: dict[str, float]
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    retries: int
    kills: int
    algorithm: str

    @property
    def succeeded(self) -> bool:
        return self.failures == 0 and self.requests > 0


def configuration(servers: dict[str, ServerProcess], algorithm: Algorithm) -> Config:
    """The configuration of the demonstration, as any user would write it."""
    return Config(
        pools={
            POOL: Pool(
                algorithm=algorithm,
                servers=tuple(Server(id=server.id, address=server.address) for server in servers.values()),
                probe=Probe(type="http", path="/healthz", interval=0.5, timeout=0.4, rise=2, fall=2),
            )
        },
        services={SERVICE: Service(mode="proxy", listen="127.0.0.1:0", pool=POOL)},
    )


async def _admin_server(balancer: Balancer) -> AdminServer:
    """The usual address, so that the commands need no flag; any free port when it is taken."""
    try:
        return await AdminServer(balancer, "127.0.0.1:9900", None).__aenter__()
    except (OSError, SteelyardError):
        return await AdminServer(balancer, "127.0.0.1:0", None).__aenter__()


@asynccontextmanager
async def stage(algorithm: Algorithm, clients: int) -> AsyncIterator[tuple[Scene, Balancer]]:
    """Everything started, in order; everything ended, in the reverse order, whatever happened."""
    scene = Scene({name: ServerProcess(name, delay) for name, delay in SPEEDS_MS.items()})
    async with AsyncExitStack() as stack:
        for server in scene.servers.values():
            stack.push_async_callback(server.kill)
        await asyncio.gather(*(server.start() for server in scene.servers.values()))
        balancer = await stack.enter_async_context(Balancer(configuration(scene.servers, algorithm)))
        admin = await _admin_server(balancer)
        stack.push_async_exit(admin)
        address = balancer.addresses[SERVICE]
        scene.url, scene.admin = f"http://{address}/", admin.address
        load = LoadProcess(int(address.rpartition(":")[2]), clients, scene.saw)
        stack.push_async_callback(load.stop)
        watching = asyncio.create_task(_watch(scene, balancer))
        stack.callback(watching.cancel)
        scene.started = time.monotonic()
        await load.start()
        yield scene, balancer
        await load.stop()
        scene.status = await balancer.status()


async def _watch(scene: Scene, balancer: Balancer) -> None:
    """Note what the balancer says of itself."""
    async for event in balancer.events():
        scene.tell(f"balancer: {event.kind} {event.server or event.pool} {event.message}".rstrip())


async def play(scene: Scene, seconds: float | None) -> None:
    """Kill the victim and revive it, at the times of the story; returns at the end (never without ``seconds``)."""
    length = CYCLE_S if seconds is None else seconds
    victim = scene.servers[VICTIM]
    act = 0
    while act == 0 or seconds is None:
        begin = act * length
        await asyncio.sleep(max(0.0, begin + KILL_AT * length - scene.elapsed))
        await victim.kill()
        scene.kills += 1
        scene.tell(f"kill -9 server {victim.id}")
        await asyncio.sleep(max(0.0, begin + REVIVE_AT * length - scene.elapsed))
        await victim.start()
        scene.tell(f"server {victim.id} started again")
        await asyncio.sleep(max(0.0, begin + length - scene.elapsed))
        act += 1


def summarise(scene: Scene) -> Summary:
    """Sum up a scene whose load has ended."""
    assert scene.status is not None
    pool = scene.status.pools[0]
    answered = max(1, sum(scene.total.by_server.values()))
    return Summary(
        seconds=round(scene.elapsed, 1),
        requests=scene.total.requests,
        failures=scene.total.failures,
        faults=dict(scene.total.faults),
        shares={name: round(scene.total.by_server.get(name, 0) / answered, 4) for name in scene.servers},
        latency_p50_ms=_rounded(scene.total.quantile_ms(0.5)),
        latency_p99_ms=_rounded(scene.total.quantile_ms(0.99)),
        retries=pool.retries,
        kills=scene.kills,
        algorithm=pool.algorithm,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
