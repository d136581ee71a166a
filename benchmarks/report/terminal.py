"""The results as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.report import words
from benchmarks.results import Metric, Result
from benchmarks.targets import US, Verdict


def show(console: Console, results: Sequence[Result], verdicts: Sequence[Verdict]) -> None:
    for result in results:
        console.print()
        console.rule(f"[bold]{result.title}", align="left")
        for metric in result.metrics:
            if metric.rounds:
                console.print(metric_table(metric))
        for note in result.notes:
            console.print(f"  [dim]· {note}[/]")
    if any(verdict.met is not None for verdict in verdicts):
        console.print()
        console.print(target_table(verdicts))


def metric_table(metric: Metric) -> Table:
    columns, rows = words.metric_rows(metric)
    table = Table(
        title=f"{metric.title} ({metric.unit})", title_justify="left", title_style="", header_style="dim", box=None
    )
    table.add_column("", min_width=16, no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for name, row in rows.items():
        table.add_row(*row, style="bold cyan" if name == US else "")
    return table


def target_table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Targets", title_justify="left", title_style="bold", header_style="dim", box=None)
    for column in ("", "target", "measured", ""):
        table.add_column(column)
    for verdict in verdicts:
        style = {True: "green", False: "red", None: "dim"}[verdict.met]
        table.add_row(
            verdict.title, words.limit(verdict), words.measured(verdict), f"[{style}]{words.judged(verdict)}[/]"
        )
    return table
