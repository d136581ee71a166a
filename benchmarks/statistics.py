"""How many short rounds become one number, and how two contestants are compared. Pure.

Shared cores make the same round vary by a factor of two or three within a minute, and only upwards: a neighbour can
take time away but never give any. So the *undisturbed quartile* stands for a contestant (the lower one of a cost, the
upper one of a throughput), and a ratio is also formed within each round, between runs that are seconds apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher"]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed, interpolated between neighbours (Hyndman and Fan's type 7)."""
    if not values:
        raise ValueError("no rounds: a quantile needs at least one value")
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@dataclass(frozen=True, slots=True)
class Summary:
    """All rounds of one contestant."""

    value: float
    """The undisturbed quartile: the number that is compared."""
    best: float
    low: float
    """Lower quartile."""
    median: float
    high: float
    """Upper quartile."""
    rounds: int


def summarise(values: Sequence[float], better: Better) -> Summary:
    low, median, high = (quantile(values, share) for share in (0.25, 0.5, 0.75))
    return Summary(
        value=low if better == "lower" else high,
        best=min(values) if better == "lower" else max(values),
        low=low,
        median=median,
        high=high,
        rounds=len(values),
    )


@dataclass(frozen=True, slots=True)
class Ratio:
    """One contestant over another."""

    value: float
    """The ratio of the undisturbed quartiles: the number that a target is held against."""
    low: float
    """Lower quartile of the ratios formed within each round."""
    median: float
    high: float


def paired_ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The ratio within each round that both took part in."""
    return [mine / other for mine, other in zip(ours, theirs, strict=False) if other > 0]


def compare(ours: Sequence[float], theirs: Sequence[float], better: Better) -> Ratio | None:
    """None where there is nothing to divide by: a cost too small to be seen."""
    pairs = paired_ratios(ours, theirs)
    divisor = summarise(theirs, better).value
    if not pairs or divisor <= 0:
        return None
    return Ratio(
        value=summarise(ours, better).value / divisor,
        low=quantile(pairs, 0.25),
        median=quantile(pairs, 0.5),
        high=quantile(pairs, 0.75),
    )
