"""A plane without traffic: it records the snapshots it was given, and refuses, counts and fails as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from steelyard.errors import PlaneError
from steelyard.health.passive import Sample
from steelyard.planes.plane import Choice
from steelyard.report import Report, ServerReport


class RecordingPlane:
    def __init__(self) -> None:
        self.snapshots: list[dict[str, Any]] = []
        self.refuse = ""
        """While not empty, ``apply`` refuses with these words."""
        self.counts: dict[tuple[str, str], int] = {}
        """Requests that run, by (pool, server)."""
        self.accepting = True
        self.closed = False
        self.deliver: Callable[[tuple[Sample, ...]], None] = lambda samples: None

    @property
    def snapshot(self) -> dict[str, Any]:
        return self.snapshots[-1]

    def eligible(self, pool: str = "web") -> list[str]:
        return [server["id"] for server in self.servers(pool) if server["eligible"]]

    def servers(self, pool: str = "web") -> list[dict[str, Any]]:
        [found] = [each for each in self.snapshot["pools"] if each["name"] == pool]
        servers: list[dict[str, Any]] = found["servers"]
        return servers

    def listen_for_failures(self, deliver: Callable[[tuple[Sample, ...]], None]) -> None:
        self.deliver = deliver

    async def apply(self, snapshot: bytes) -> None:
        if self.refuse:
            raise PlaneError(self.refuse)
        self.snapshots.append(json.loads(snapshot))

    async def addresses(self) -> dict[str, str]:
        return {service["name"]: service["listen"] for service in self.snapshot["services"]}

    async def report(self) -> Report:
        return {"version": self.snapshot["version"], "log_written": 0, "log_dropped": 0, "services": {}, "pools": {}}

    async def server_report(self, pool: str, server: str) -> ServerReport | None:
        return None

    async def rejections(self) -> dict[str, dict[str, int]]:
        return {}

    async def explain(self, pool: str, client: str, cookie: str) -> Choice:
        return Choice(next(iter(self.eligible(pool)), None), "first")

    async def active(self, servers: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        return {server: self.counts.get(server, 0) for server in servers}

    async def stop_accepting(self) -> None:
        self.accepting = False

    async def close(self, timeout: float) -> int:
        self.closed = True
        return 0

    def reopen_log(self) -> None:
        if self.refuse:
            raise PlaneError(self.refuse)
