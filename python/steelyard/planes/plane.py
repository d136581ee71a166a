"""What the supervisor needs of a plane: the border at which tests put a plane of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from steelyard.health.passive import Sample
from steelyard.report import Report, ServerReport


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a client would get now."""

    server: str | None
    reason: str


class Plane(Protocol):
    """Every method returns when it is done; ``PlaneError`` says what was refused, and that nothing changed."""

    def listen_for_failures(self, deliver: Callable[[tuple[Sample, ...]], None]) -> None:
        """From now on call ``deliver``, on the event loop, with what failed since the last time."""

    async def apply(self, snapshot: bytes) -> None: ...

    async def addresses(self) -> dict[str, str]: ...

    async def report(self) -> Report: ...

    async def server_report(self, pool: str, server: str) -> ServerReport | None:
        """One server's part of the report; None when the plane does not know it."""

    async def rejections(self) -> dict[str, dict[str, int]]:
        """What was refused since the start, by service and reason. Cheap, and possible after ``close`` too."""

    async def explain(self, pool: str, client: str, cookie: str) -> Choice: ...

    async def active(self, servers: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]: ...

    async def stop_accepting(self) -> None: ...

    async def close(self, timeout: float) -> int:
        """Wait so long for the connections to end, then end the rest; returns how many were cut."""

    def reopen_log(self) -> None: ...
