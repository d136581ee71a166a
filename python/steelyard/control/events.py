"""What has happened: past participles, the only things that change the state. The clock's time travels beside them.

Requests of an operator end in ``Requested``: the reducer may refuse those by ``UnknownName`` or ``Refused``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steelyard.config.model import Algorithm, Config, Server
from steelyard.health.passive import Sample
from steelyard.status import AdminState


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name means now. A failure (no addresses) keeps the last good address."""

    host: str
    addresses: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """A configuration to take over, with what input and output had to find out for it beforehand."""

    config: Config
    keys: Mapping[str, bytes] = field(default_factory=dict)
    """Pool to the key of its marks."""
    listens: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Resolution] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListenersOpened:
    """The first probes are in: from here on clients are served."""


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    pool: str
    server: str
    good: bool
    note: str


@dataclass(frozen=True, slots=True)
class ProbesFinished:
    """Some probes, together: thousands of servers make thousands of outcomes a second, and few changes."""

    outcomes: tuple[ProbeOutcome, ...]


@dataclass(frozen=True, slots=True)
class FailuresSeen:
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class NamesResolved:
    resolutions: tuple[Resolution, ...]


@dataclass(frozen=True, slots=True)
class ActiveCounted:
    """How many requests run on servers that are leaving, counted after the snapshot that made them leave."""

    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Slow starts, times out and removal deadlines move with time alone."""


@dataclass(frozen=True, slots=True)
class AdminStateRequested:
    pool: str
    server: str
    admin: AdminState


@dataclass(frozen=True, slots=True)
class WeightRequested:
    pool: str
    server: str
    weight: int


@dataclass(frozen=True, slots=True)
class AlgorithmRequested:
    pool: str
    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class AdditionRequested:
    pool: str
    server: Server
    resolution: Resolution | None = None
    """What its host name means, where it has one."""


@dataclass(frozen=True, slots=True)
class RemovalRequested:
    pool: str
    server: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The balancer ends: nothing is published any more."""


Event = (
    ConfigChanged
    | ListenersOpened
    | ProbesFinished
    | FailuresSeen
    | NamesResolved
    | ActiveCounted
    | TimePassed
    | AdminStateRequested
    | WeightRequested
    | AlgorithmRequested
    | AdditionRequested
    | RemovalRequested
    | StopRequested
)
