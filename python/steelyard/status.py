"""What a running balancer says of itself: the shapes of ``status``, shared by the library, the admin API and the CLI.

Only shapes: ``control.status`` fills them from the state and from what the planes counted.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Health = Literal["unknown", "up", "down"]
AdminState = Literal["ready", "drain", "maintenance"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class ServerStatus(Part):
    id: str
    address: str
    """As configured."""
    resolved: str | None
    """The address connected to; null while a name cannot be resolved."""
    health: Health
    admin: AdminState
    eligible: bool
    """Whether a new client may get this server now."""
    why: str
    """One phrase: why it is, or is not, eligible."""
    drained: bool
    """In drain or maintenance, and nothing runs on it any more."""
    backup: bool
    weight: int
    effective_weight: float
    """The weight that counts now, lower than ``weight`` during slow start."""
    max_connections: int
    active: int
    """Requests (mode tcp: connections) that it has now."""
    requests: int
    """Since the balancer started."""
    responses: dict[str, int]
    """By class: 1xx … 5xx."""
    failures: dict[str, int]
    """By reason: connect, reset, timeout, protocol."""
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    last_probe: str
    """What the last probe found, such as "200 in 3 ms" or "connection refused"."""


class PoolStatus(Part):
    name: str
    algorithm: str
    queued: int
    """Requests that wait now."""
    retries: int
    servers: tuple[ServerStatus, ...]


class ServiceStatus(Part):
    name: str
    mode: str
    listen: str
    """The address bound, with the real port."""
    pool: str
    connections: int
    requests: int
    responses: dict[str, int]
    rejected: dict[str, int]
    """Requests and connections that were refused, by reason."""
    bytes_in: int
    bytes_out: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None


class Status(Part):
    version: str
    snapshot: int
    """The version of the snapshot that the planes read."""
    decided: int
    """The version that is shown here. It is ahead of ``snapshot`` for a moment when changes come faster than they are
    published, and while the planes refuse."""
    uptime_s: float
    file: str | None
    stopping: bool
    log_dropped: int
    """Access-log lines dropped because the disk was slower than the traffic."""
    services: tuple[ServiceStatus, ...]
    pools: tuple[PoolStatus, ...]


class Candidate(Part):
    id: str
    eligible: bool
    why: str


class Explanation(Part):
    """Which server a client would get, and why. Nothing is changed by asking."""

    pool: str
    algorithm: str
    client: str
    server: str | None
    reason: str
    candidates: tuple[Candidate, ...]


class Event(Part):
    """Something that happened: health changed, server drained, configuration reloaded."""

    at: float
    """Unix time in seconds."""
    kind: str
    """A past participle: ``server-up``, ``server-down``, ``server-ejected``, ``server-drained``, ``server-added``,
    ``server-removed``, ``server-weighted``, ``server-returned`` (its time out is over), ``server-resolved``,
    ``server-unresolved``, ``algorithm-changed``, ``admin-changed``, ``reloaded``, ``reload-failed``, ``plane-failed``,
    ``refused`` (what a service refused, by reason, at most once in ten seconds), ``events-lost``, ``stopping``."""
    service: str = ""
    pool: str = ""
    server: str = ""
    message: str = ""

    @property
    def about(self) -> str:
        """What it happened to: ``pool/server``, a pool or a service; empty where it is the whole."""
        return f"{self.pool}/{self.server}" if self.server else self.pool or self.service
