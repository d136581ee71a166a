"""The library: one balancer inside any asyncio program, with status, the operator's verbs and a stream of events.

    async with Balancer.from_file("steelyard.toml") as balancer:
        print(balancer.addresses)
        await balancer.drain("web", "a")

Here is only the door: ``control.supervisor`` runs, ``control.reduce`` decides, the native plane moves. Signals are not
handled here; they belong to the command line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

from steelyard.config.model import Algorithm, Config, Server
from steelyard.report import Report
from steelyard.status import Event, Explanation, Status


class Balancer:
    """A load balancer. Every verb returns only after the native plane has applied it.

    ``UnknownName`` is raised for a pool or server that is not there (with the nearest that is), ``Refused`` for what
    cannot be done now, ``PlaneError`` when the native plane refuses (nothing has changed then).
    """

    def __init__(self, config: Config, *, file: Path | None = None) -> None:
        """``file`` is what ``reload()`` reads again and what ``process.watch`` watches."""
        raise NotImplementedError

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read and check ``path`` now; ``ConfigError`` names all that is wrong. Start it with ``async with``."""
        raise NotImplementedError

    async def start(self) -> None:
        """Resolve names, probe every server once, then open the listeners. ``PlaneError``: one could not be bound."""
        raise NotImplementedError

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
        raise NotImplementedError

    @property
    def addresses(self) -> dict[str, str]:
        """Service name to the address bound, with the real port."""
        raise NotImplementedError

    async def status(self) -> Status:
        raise NotImplementedError

    async def report(self) -> Report:
        """The native plane's counters since the start, for metrics."""
        raise NotImplementedError

    async def explain(self, pool: str, client: str, cookie: str = "") -> Explanation:
        """Which server the client address (with this Cookie field) would get now, and why; nothing is changed."""
        raise NotImplementedError

    def events(self) -> AsyncIterator[Event]:
        """What happens from this call on. A subscriber that is too slow loses the oldest, and is told how many
        (``events-lost``). The iteration ends when the balancer has stopped."""
        raise NotImplementedError

    async def ready(self, pool: str, server: str) -> None:
        raise NotImplementedError

    async def drain(self, pool: str, server: str) -> None:
        """No new clients; those that affinity bound to it stay. ``server-drained`` is told when nothing runs on it."""
        raise NotImplementedError

    async def maintenance(self, pool: str, server: str) -> None:
        """No clients at all, and its probes count no longer; running requests end by themselves."""
        raise NotImplementedError

    async def set_weight(self, pool: str, server: str, weight: int) -> None:
        raise NotImplementedError

    async def add_server(self, pool: str, server: Server) -> None:
        raise NotImplementedError

    async def remove_server(self, pool: str, server: str) -> None:
        """Drain it, then take it away; returns once it gets no new client. ``server-removed`` is told at the end."""
        raise NotImplementedError

    async def set_algorithm(self, pool: str, algorithm: Algorithm) -> None:
        raise NotImplementedError

    async def reload(self, config: Config | None = None) -> object:
        """Take over ``config``, or the file read again; returns ``config.diff.Changes``.

        On ``ConfigError`` or ``PlaneError`` nothing has changed.
        """
        raise NotImplementedError

    def reopen_log(self) -> None:
        raise NotImplementedError

    async def stop(self, timeout: float | None = None) -> int:
        """Stop accepting, let what runs finish (None: ``process.shutdown_timeout``), end the rest; returns how many
        connections were cut."""
        raise NotImplementedError

    async def wait_stopped(self) -> None:
        raise NotImplementedError
