"""The results to keep: JSON with every round, and Markdown to read. Pure: both are returned as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.machine import Machine
from benchmarks.report import words
from benchmarks.results import Metric, Result
from benchmarks.targets import Verdict

NOTE = (
    "The number of a contestant is its undisturbed quartile over all rounds: the lower one of a cost, the upper one of "
    "a throughput. A ratio is the ratio of these; in brackets are the quartiles of the ratios formed within each round."
)


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a document tells."""

    date: str
    machine: Machine
    versions: Mapping[str, str]
    rounds: int
    seconds: float
    busy: float
    """The share of the cores that other work took before the run."""
    results: Sequence[Result]
    verdicts: Sequence[Verdict]


def as_json(run: Run) -> str:
    document = {
        "date": run.date,
        "machine": run.machine.as_dict(),
        "versions": dict(run.versions),
        "rounds": run.rounds,
        "seconds": run.seconds,
        "busy": run.busy,
        "results": [
            {
                "scenario": result.scenario,
                "title": result.title,
                "notes": result.notes,
                "metrics": [_metric(metric) for metric in result.metrics],
            }
            for result in run.results
        ],
        "targets": [
            {
                "metric": verdict.target.metric,
                "against": verdict.target.against or None,
                "limit": verdict.target.limit,
                "at_least": verdict.target.at_least,
                "value": verdict.value,
                "ratio": asdict(verdict.ratio) if verdict.ratio else None,
                "met": verdict.met,
            }
            for verdict in run.verdicts
        ],
    }
    return json.dumps(_rounded(document), indent=1, ensure_ascii=False) + "\n"


def as_markdown(run: Run) -> str:
    machine = run.machine
    lines = [
        f"# Benchmarks of {run.date}",
        "",
        f"{machine.cpu}, {machine.cores} cores{' of a virtual machine' if machine.virtual else ''}, "
        f"{machine.memory_gib} GiB, {machine.kernel}, Python {machine.python}, {machine.compiler}. "
        f"{run.rounds} interleaved rounds of {run.seconds:g} s. "
        f"Before the run, other work took {run.busy:.0%} of the cores.",
        "",
        *(f"- {words.title(name)}: {version}" for name, version in run.versions.items()),
        "",
        NOTE,
        "",
        "## Targets",
        "",
        *_table(
            ["", "target", "measured", ""],
            [[v.title, words.limit(v), words.measured(v), words.judged(v)] for v in run.verdicts],
        ),
    ]
    for result in run.results:
        lines += ["", f"## {result.title}"]
        for metric in result.metrics:
            if metric.rounds:
                lines += ["", f"**{metric.title}** ({metric.unit})", "", *_metric_table(metric)]
        lines += ["", *(f"- {note}" for note in result.notes)] if result.notes else []
    return "\n".join(lines) + "\n"


def _metric(metric: Metric) -> dict[str, object]:
    return {
        "key": metric.key,
        "title": metric.title,
        "unit": metric.unit,
        "better": metric.better,
        "summary": {name: asdict(metric.summary(name)) for name in metric.rounds},
        "rounds": metric.rounds,
    }


def _metric_table(metric: Metric) -> list[str]:
    columns, rows = words.metric_rows(metric)
    return _table(columns, list(rows.values()))


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _rounded(value: object) -> object:
    """Five figures: more would only pretend."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(item) for item in value]
    return value
