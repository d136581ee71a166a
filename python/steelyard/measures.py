"""What metrics are made from: where each server stands, what the planes counted, what happened. Shared by all.

Less than ``status``, which tells people why: with 10,000 servers a scrape every few seconds should not say it in
sentences that nobody reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from steelyard.report import Report
from steelyard.status import AdminState


class Standing(NamedTuple):
    """One server, as numbers say it."""

    pool: str
    server: str
    up: bool
    eligible: bool
    admin: AdminState
    weight: float
    """The weight that counts now, lower during slow start."""


@dataclass(frozen=True, slots=True)
class Measures:
    uptime_s: float
    report: Report
    servers: Sequence[Standing]
    events: Mapping[str, int]
    """Kind to how many, since the balancer's start."""
    health_changes: Mapping[tuple[str, str], Mapping[str, int]]
    """(pool, server) to how often it became ``up``, ``down`` and ``ejected``."""
