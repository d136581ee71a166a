"""The library: one balancer inside any asyncio program, with status, the operator's verbs and a stream of events.

    async with Balancer.from_file("steelyard.toml") as balancer:
        print(balancer.addresses)
        await balancer.drain("web", "a")

Here is only the door: ``control.supervisor`` runs, ``control.reduce`` decides, the native plane moves. Signals are not
handled here; they belong to the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

from steelyard.config.diff import Changes, diff
from steelyard.config.load import load, verify
from steelyard.config.model import Algorithm, Config, Server
from steelyard.control.events import (
    AdditionRequested,
    AdminStateRequested,
    AlgorithmRequested,
    ConfigChanged,
    RemovalRequested,
    WeightRequested,
)
from steelyard.control.nearest import unknown
from steelyard.control.prepare import prepare
from steelyard.control.state import name_to_resolve
from steelyard.control.status import candidates, in_force, server_status, standings, status
from steelyard.control.supervisor import Supervisor
from steelyard.control.watch import look, watch
from steelyard.errors import ConfigError, Refused, SteelyardError
from steelyard.measures import Measures
from steelyard.planes import http
from steelyard.planes.plane import Plane
from steelyard.report import Report
from steelyard.status import AdminState, Event, Explanation, ServerStatus, Status


class Balancer:
    """A load balancer. Every verb returns only after the native plane has applied it.

    ``UnknownName`` is raised for a pool or server that is not there (with the nearest that is), ``Refused`` for what
    cannot be done now, ``PlaneError`` when the native plane refuses (nothing has changed then).
    """

    def __init__(
        self,
        config: Config,
        *,
        file: Path | None = None,
        adjust: Callable[[Config], Config] = lambda config: config,
        plane: Callable[[Config], Plane] = http.start,
    ) -> None:
        """``ConfigError`` when the parts of ``config`` cannot stand together. ``file`` is what ``reload()`` reads again
        and what ``process.watch`` watches; ``adjust`` is done to it each time, for flags that stand above the file;
        ``plane`` is for tests."""
        self._config = verify(config)
        self._file = file
        self._seen = None if file is None else look(file)
        self._adjust = adjust
        self._make_plane = plane
        self._supervisor: Supervisor | None = None
        self._addresses: dict[str, str] = {}
        self._random_key = secrets.token_bytes(32)
        self._started = 0.0
        self._reloading = asyncio.Lock()
        self._stopping: asyncio.Task[int] | None = None
        self._stopped = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read and check ``path`` now; ``ConfigError`` names all that is wrong. Start it with ``async with``."""
        seen = look(Path(path))
        balancer = cls(load(Path(path)), file=Path(path))
        balancer._seen = seen
        return balancer

    async def start(self) -> None:
        """Resolve names, probe every server once, then open the listeners. ``PlaneError``: one could not be bound."""
        if self._supervisor is not None:
            raise Refused("a balancer is started once; make a new one")
        plane = self._make_plane(self._config)
        self._supervisor = supervisor = Supervisor(plane)
        try:
            await supervisor.start(await self._prepared(self._config))
            self._addresses = await plane.addresses()
        except BaseException:
            await supervisor.abandon()
            await plane.close(0.0)
            self._stopped.set()
            raise
        self._started = time.monotonic()
        if self._config.process.watch and self._file is not None:
            self._watcher = asyncio.create_task(
                watch(self._file, self._file_changed, self._seen), name="steelyard-watch"
            )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def config(self) -> Config:
        """The configuration in force, with what was changed at run time (weights, servers, algorithms)."""
        return in_force(self._running.state)

    @property
    def addresses(self) -> dict[str, str]:
        """Service name to the address bound, with the real port."""
        return dict(self._addresses)

    async def status(self) -> Status:
        supervisor = self._running
        report = await supervisor.plane.report()
        now = time.monotonic()
        file = None if self._file is None else str(self._file)
        return status(supervisor.state, report, now, uptime=now - self._started, file=file)

    async def server(self, pool: str, server: str) -> ServerStatus:
        """One server's part of ``status``, without the cost of the others."""
        supervisor = self._running
        if pool not in supervisor.state.pools:
            raise unknown("pool", pool, supervisor.state.pools)
        counted = await supervisor.plane.server_report(pool, server)
        state = supervisor.state.pools.get(pool)
        if state is None or server not in state.servers:
            raise unknown(f"server of pool {pool!r}", server, state.servers if state else ())
        return server_status(state, server, counted, time.monotonic())

    def algorithm_of(self, pool: str) -> Algorithm:
        """The algorithm in force; ``config`` tells it too, at the cost of every server."""
        pools = self._running.state.pools
        if pool not in pools:
            raise unknown("pool", pool, pools)
        return pools[pool].algorithm_now

    async def report(self) -> Report:
        """The native plane's counters since the start."""
        return await self._running.plane.report()

    async def measures(self) -> Measures:
        """What metrics are made from. Events and changes of health are counted from the start on."""
        supervisor = self._running
        report, now = await supervisor.plane.report(), time.monotonic()
        return Measures(
            uptime_s=round(now - self._started, 3),
            report=report,
            servers=standings(supervisor.state, now),
            events=dict(supervisor.happened.kinds),
            health_changes={server: dict(became) for server, became in supervisor.happened.health.items()},
        )

    async def explain(self, pool: str, client: str, cookie: str = "") -> Explanation:
        """Which server the client address (with this Cookie field) would get now, and why; nothing is changed."""
        supervisor = self._running
        if pool not in supervisor.state.pools:
            raise unknown("pool", pool, supervisor.state.pools)
        try:
            ipaddress.ip_address(client)
        except ValueError:
            raise Refused(f"{client!r} is not an IP address, such as 192.0.2.7 or 2001:db8::7") from None
        choice = await supervisor.plane.explain(pool, client, cookie)
        state = supervisor.state.pools[pool]
        return Explanation(
            pool=pool,
            algorithm=state.algorithm_now,
            client=client,
            server=choice.server,
            reason=choice.reason,
            candidates=candidates(state, time.monotonic()),
        )

    def events(self) -> AsyncIterator[Event]:
        """What happens from this call on. A subscriber that is too slow loses the oldest, and is told how many
        (``events-lost``). The iteration ends when the balancer has stopped."""
        supervisor = self._supervisor or self._running
        return supervisor.subscribe()

    async def ready(self, pool: str, server: str) -> None:
        await self._set_admin(pool, server, "ready")

    async def drain(self, pool: str, server: str) -> None:
        """No new clients; those that affinity bound to it stay. ``server-drained`` is told when nothing runs on it."""
        await self._set_admin(pool, server, "drain")

    async def maintenance(self, pool: str, server: str) -> None:
        """No clients at all, and its probes count no longer; running requests end by themselves."""
        await self._set_admin(pool, server, "maintenance")

    async def set_weight(self, pool: str, server: str, weight: int) -> None:
        await self._running.request(WeightRequested(pool, server, weight))

    async def add_server(self, pool: str, server: Server) -> None:
        host = name_to_resolve(server.address)
        resolution = None if host is None else (await self._running.resolver.resolve([host]))[host]
        await self._running.request(AdditionRequested(pool, server, resolution))

    async def remove_server(self, pool: str, server: str) -> None:
        """Drain it, then take it away; returns once it gets no new client. ``server-removed`` is told at the end."""
        await self._running.request(RemovalRequested(pool, server))

    async def set_algorithm(self, pool: str, algorithm: Algorithm) -> None:
        """``Refused`` where the algorithm cannot work with the rest of the pool or its services, as in the file."""
        config = self.config
        if pool in config.pools and algorithm in get_args(Algorithm):
            changed = {pool: config.pools[pool].model_copy(update={"algorithm": algorithm})}
            try:
                verify(config.model_copy(update={"pools": {**config.pools, **changed}}))
            except ConfigError as error:
                raise Refused(error.problems[0].message) from error
        await self._running.request(AlgorithmRequested(pool, algorithm))

    async def reload(self, config: Config | None = None) -> Changes:
        """Take over ``config``, or the file read again; returns what changed.

        On ``ConfigError`` or ``PlaneError`` nothing has changed.
        """
        supervisor = self._running
        async with self._reloading:
            before = self._config
            try:
                after = await self._read() if config is None else verify(config)
                await supervisor.request(await self._prepared(after))
            except SteelyardError as error:
                supervisor.announce("reload-failed", message=str(error))
                raise
            self._config = supervisor.state.config
            self._addresses = await supervisor.plane.addresses()
            return diff(before, after)

    def reopen_log(self) -> None:
        self._running.plane.reopen_log()

    async def stop(self, timeout: float | None = None) -> int:
        """Stop accepting, let what runs finish (None: ``process.shutdown_timeout``), end the rest; returns how many
        connections were cut."""
        if self._supervisor is None or self._stopped.is_set():
            return 0
        if self._stopping is None:
            wait = self._config.process.shutdown_timeout if timeout is None else timeout
            self._stopping = asyncio.create_task(self._stop(self._supervisor, wait), name="steelyard-stop")
        return await asyncio.shield(self._stopping)

    async def wait_stopped(self) -> None:
        await self._stopped.wait()

    @property
    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise Refused("the balancer is not started: enter it by 'async with', or await start()")
        if self._stopped.is_set():
            raise Refused("the balancer has stopped")
        return self._supervisor

    async def _set_admin(self, pool: str, server: str, admin: AdminState) -> None:
        await self._running.request(AdminStateRequested(pool, server, admin))

    async def _prepared(self, config: Config) -> ConfigChanged:
        file = "(configuration)" if self._file is None else str(self._file)
        return await prepare(config, self._running.resolver, self._random_key, file)

    async def _read(self) -> Config:
        if self._file is None:
            raise Refused("this balancer was not started from a file: give reload() a configuration")
        return self._adjust(await asyncio.to_thread(load, self._file))

    async def _file_changed(self) -> None:
        """A file that cannot be used was announced as ``reload-failed``; what runs, runs on."""
        with contextlib.suppress(SteelyardError):
            await self.reload()

    async def _stop(self, supervisor: Supervisor, timeout: float) -> int:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        try:
            return await supervisor.stop(timeout)
        finally:
            self._stopped.set()
