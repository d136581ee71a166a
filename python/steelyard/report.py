"""What the planes counted: the shape of ``DataPlane.report``, the mirror of ``crates/dataplane/src/report.rs``.

Only shapes, and typed dictionaries rather than models: with 10,000 servers the report is read as it was parsed, and
nothing is built from it twice. All counters run since the start.
"""

from __future__ import annotations

from typing import Final, TypedDict

LATENCY_BUCKETS_US: Final = (
    50, 100, 200, 350, 500, 750, 1_000, 1_500, 2_500, 5_000, 7_500, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000,
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
)  # fmt: skip
"""Upper bounds in microseconds; a histogram has one bucket more, for what is above them all."""


class ServiceReport(TypedDict):
    address: str
    connections: int
    """Open now."""
    accepted: int
    requests: int
    responses: list[int]
    """By class, 1xx … 5xx, as sent to the client."""
    bytes_in: int
    bytes_out: int
    upgraded: int
    rejected: dict[str, int]
    """By reason, such as ``bad-request``, ``header-timeout``, ``connections-per-client``."""
    latency: list[int]
    """Counts per bucket of ``LATENCY_BUCKETS_US``."""
    latency_sum_us: int


class ServerReport(TypedDict):
    active: int
    """Running now."""
    requests: int
    responses: list[int]
    connects: int
    reused: int
    failed_connect: int
    failed_reset: int
    failed_timeout: int
    failed_protocol: int
    bytes_in: int
    bytes_out: int
    latency: list[int]
    latency_sum_us: int
    ewma_us: int
    """The decayed mean that ``peak-ewma`` uses."""


class PoolReport(TypedDict):
    queued: int
    """Waiting now."""
    queued_total: int
    queue_timeouts: int
    queue_refused: int
    retries: int
    retries_refused: int
    servers: dict[str, ServerReport]


class Report(TypedDict):
    version: int
    log_written: int
    log_dropped: int
    services: dict[str, ServiceReport]
    pools: dict[str, PoolReport]
