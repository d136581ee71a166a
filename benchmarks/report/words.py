"""How numbers, ratios and verdicts are written, the same in the terminal, in Markdown and in the chart. Pure."""

from __future__ import annotations

from benchmarks.contestants import CONTESTANTS
from benchmarks.statistics import Ratio, Summary
from benchmarks.targets import US, Verdict


def title(name: str) -> str:
    """A contestant's title; anything else (an algorithm) as it is."""
    return CONTESTANTS[name].title if name in CONTESTANTS else name


def number(value: float) -> str:
    """Three figures that mean something, or whole when large."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(summary: Summary) -> str:
    return f"{number(summary.low)} … {number(summary.high)}"


def ratio(found: Ratio | None) -> str:
    """The ratio, and in brackets the quartiles of the ratios formed round by round."""
    if found is None:
        return "–"
    return f"{found.value:.2f} ({found.low:.2f} … {found.high:.2f})"


def limit(verdict: Verdict) -> str:
    sign = "≥" if verdict.target.at_least else "≤"
    if verdict.target.against:
        return f"{sign} {verdict.target.limit:.2f} × {title(verdict.target.against)}"
    return f"{sign} {number(verdict.target.limit)} {verdict.unit}".rstrip()


def measured(verdict: Verdict) -> str:
    if verdict.value is None:
        return "–"
    if verdict.ratio:
        return ratio(verdict.ratio)
    return f"{number(verdict.value)} {verdict.unit}"


def judged(verdict: Verdict) -> str:
    if verdict.met is None:
        return "not measured"
    return "met" if verdict.met else f"missed by {max(verdict.miss, 0.01):.0%}"


def what(verdict: Verdict) -> str:
    return f"{verdict.title}, {title(US)}"
