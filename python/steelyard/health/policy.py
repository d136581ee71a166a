"""What probes say of a server: the states unknown, up and down as one table, and the function that walks it.

Pure; the probes are in ``health.probes``, what traffic says in ``health.passive``. The diagram in ``docs/health.md`` is
drawn from ``TABLE``.

An unknown server comes up with its first good probe: at a start nobody wants to wait for ``rise`` intervals. It goes
down only after ``fall`` bad ones, because a server that is merely slow to boot still serves while nothing is up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from steelyard.config.model import Probe
from steelyard.status import Health


@dataclass(frozen=True, slots=True)
class Step:
    """A transition: after so many equal outcomes in a row, to this state."""

    after: Literal["one", "rise", "fall"]
    to: Health


TABLE: Final[Mapping[tuple[Health, bool], Step]] = {
    ("unknown", True): Step("one", "up"),
    ("unknown", False): Step("fall", "down"),
    ("up", False): Step("fall", "down"),
    ("down", True): Step("rise", "up"),
}
"""(state, whether the probe was good) to the step it leads towards; what is not listed confirms the state."""


@dataclass(frozen=True, slots=True)
class HealthState:
    """A server's health, and how far it is on the way to another state."""

    health: Health = "unknown"
    since: float = 0.0
    good: bool = False
    """What the last probe said; ``row`` counts how many in a row said so."""
    row: int = 0
    note: str = ""
    """The sentence of the last probe, such as "200 in 3 ms"."""


def observe(state: HealthState, good: bool, note: str, probe: Probe, now: float) -> HealthState:
    """The state after one more probe."""
    row = state.row + 1 if good == state.good else 1
    step = TABLE.get((state.health, good))
    if step is None or row < _needed(step, probe):
        return HealthState(state.health, state.since, good, row, note)
    return HealthState(step.to, now, good, row, note)


def unprobed(now: float) -> HealthState:
    """The health of a server that no probe asks: up, until traffic says otherwise."""
    return HealthState("up", now, True, 0, "no probe")


def _needed(step: Step, probe: Probe) -> int:
    return {"one": 1, "rise": probe.rise, "fall": probe.fall}[step.after]
