"""What we must reach, as data, and whether we did. Pure. A target that was not measured is said to be so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.results import Metric, Result
from benchmarks.statistics import Ratio

US = "steelyard"


@dataclass(frozen=True, slots=True)
class Target:
    metric: str
    limit: float
    """Of the ratio to ``against``, or of the value itself when ``against`` is empty."""
    against: str = ""
    at_least: bool = False
    """The limit is a floor, not a ceiling."""


@dataclass(frozen=True, slots=True)
class Verdict:
    target: Target
    title: str
    unit: str
    """Empty for a ratio."""
    value: float | None
    """What is held against the limit; None: not measured in this run."""
    ratio: Ratio | None

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.target.limit if self.target.at_least else self.value <= self.target.limit

    @property
    def miss(self) -> float:
        """By which share of the limit it was missed; 0 when it was met or not measured."""
        if self.value is None or self.met:
            return 0.0
        return abs(self.value / self.target.limit - 1)


TARGETS = (
    Target("cpu", 1.15, "relay"),
    Target("cpu", 0.85, "nginx"),
    Target("cpu", 0.70, "haproxy"),
    Target("cpu-logs-off", 1.15, "relay"),
    Target("cpu-logs-off", 0.85, "nginx"),
    Target("cpu-logs-off", 0.70, "haproxy"),
    Target("throughput", 1.0, "nginx", at_least=True),
    Target("throughput", 1.0, "haproxy", at_least=True),
    Target("p50", 1.0, "nginx"),
    Target("p99", 1.0, "nginx"),
    Target("large", 1.1, "haproxy"),
    Target("idle", 4096),
    Target("start", 2.0),
    Target("change", 100.0),
)


def judge(results: Sequence[Result], targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    metrics = {metric.key: metric for result in results for metric in result.metrics}
    return [_judge(target, metrics.get(target.metric)) for target in targets]


def _judge(target: Target, metric: Metric | None) -> Verdict:
    if metric is None:
        return Verdict(target, target.metric, "", None, None)
    if US not in metric.rounds or (target.against and target.against not in metric.rounds):
        return Verdict(target, metric.title, metric.unit, None, None)
    if not target.against:
        return Verdict(target, metric.title, metric.unit, metric.summary(US).value, None)
    ratio = metric.ratio(US, target.against)
    return Verdict(target, metric.title, "", ratio.value if ratio else None, ratio)
