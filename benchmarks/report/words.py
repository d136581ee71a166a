"""How numbers, ratios and verdicts are written, the same in the terminal, in Markdown and in the chart. Pure."""

from __future__ import annotations

from benchmarks.contestants import CONTESTANTS
from benchmarks.results import Metric
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


def metric_rows(metric: Metric) -> tuple[list[str], dict[str, list[str]]]:
    """A table of one metric: its columns, and its rows by contestant. Columns that would say nothing are left out."""
    several = any(len(rounds) > 1 for rounds in metric.rounds.values())
    compares = US in metric.rounds and len(metric.rounds) > 1
    columns = [""]
    if several:
        columns += ["lower quartile" if metric.better == "lower" else "upper quartile", "best", "quartiles"]
    else:
        columns += [metric.unit]
    columns += [f"{title(US)} is … of it"] if compares else []
    return columns, {name: _metric_row(metric, name, several, compares) for name in metric.rounds}


def _metric_row(metric: Metric, name: str, several: bool, compares: bool) -> list[str]:
    summary = metric.summary(name)
    row = [title(name), number(summary.value)]
    if several:
        row += [number(summary.best), spread(summary)]
    if compares:
        row += ["" if name == US else ratio(metric.ratio(US, name))]
    return row
