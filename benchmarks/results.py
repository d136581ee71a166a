"""What a run found, as data: scenarios hold metrics, a metric holds the rounds of every contestant. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.statistics import Better, Ratio, Summary, compare, summarise

Rounds = dict[str, list[float]]
"""By contestant (or by algorithm), in the order in which they were measured."""


@dataclass(frozen=True, slots=True)
class Metric:
    key: str
    """Unique in a run, such as ``cpu`` or ``cpu-logs-off``; targets name it."""
    title: str
    unit: str
    rounds: Rounds
    better: Better = "lower"

    def summary(self, name: str) -> Summary:
        return summarise(self.rounds[name], self.better)

    def ratio(self, ours: str, theirs: str) -> Ratio | None:
        return compare(self.rounds[ours], self.rounds[theirs], self.better)


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario's outcome."""

    scenario: str
    title: str
    metrics: list[Metric]
    notes: list[str] = field(default_factory=list)
    """What a reader must know to judge the numbers: errors, limits that were met, who did not take part and why."""
