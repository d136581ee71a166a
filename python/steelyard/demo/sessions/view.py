"""What ``steelyard demo sessions`` shows: a live table in a terminal, plain lines elsewhere, the table at the end."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from steelyard.demo.sessions.story import Act, Result, Scene

COLOURS = {"waiting": "dim", "done": "green"}


def panel(scene: Scene) -> RenderableType:
    """The whole live view."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("way", no_wrap=True)
    table.add_column("shop", min_width=10, no_wrap=True)
    for title in ("users", "clicks", "writes", "logouts", "lost", "failed", "p99 ms"):
        table.add_column(title, justify="right", no_wrap=True)
    for act in scene.acts:
        record = act.record
        table.add_row(
            Text(act.way.name, style="bold"),
            Text(act.state, style=COLOURS.get(act.state, "bold red" if "killed" in act.state else "cyan")),
            f"{record.logged_in}/{scene.users}",
            str(record.clicks.requests),
            str(record.writes),
            _count(record.all_logouts),
            _count(record.lost_writes),
            _count(record.clicks.failures),
            _ms(record.clicks.quantile_ms(0.99)).removesuffix(" ms"),
        )
    news = Text("\n".join(list(scene.news)[-8:]), style="dim")
    title = f"steelyard demo sessions · {scene.users} users, {scene.seconds:g} s each way"
    return Panel(Group(table, Text(), news), title=title, subtitle="Ctrl-C ends it", border_style="cyan")


def plain_line(act: Act, users: int) -> str:
    """One line of progress where there is no terminal."""
    record = act.record
    return (
        f"{act.way.name}, {act.state}: {record.logged_in}/{users} logged in, {record.clicks.requests} requests, "
        f"{record.writes} writes, {record.all_logouts} logouts, {record.lost_writes} lost writes, "
        f"{record.clicks.failures} failed"
    )


def show_results(console: Console, results: list[Result], missing: dict[str, str]) -> None:
    """The end: a column for each way, a row for each question, a sentence each."""
    for way, why in missing.items():
        console.print(Text.assemble((way, "bold"), f": not shown, {why}."), soft_wrap=True)
    if not results:
        console.print("No way was played to its end, so there is nothing to compare.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    for result in results:
        table.add_column(result.way, justify="right")
    rows: dict[str, list[str | Text]] = {
        "requests": [str(result.requests) for result in results],
        "acknowledged writes": [str(result.writes) for result in results],
        "logouts": [_count(result.logouts) for result in results],
        "lost writes": [_count(result.lost_writes) for result in results],
        "failed requests": [_count(result.failed) for result in results],
        "latency p50": [_ms(result.latency_p50_ms) for result in results],
        "latency p99": [_ms(result.latency_p99_ms) for result in results],
        "memory of the 3 servers": [f"{result.cost.servers_mib:.0f} MiB" for result in results],
        "memory of the store": [
            f"{result.cost.store_mib:.0f} MiB" if result.cost.store_mib else "–" for result in results
        ],
        "bytes moved per request": [
            "–" if result.cost.bytes_per_request is None else str(result.cost.bytes_per_request) for result in results
        ],
        "kept what it promises": [
            Text("yes", style="bold green") if result.kept_its_promise else Text("NO", style="bold red")
            for result in results
        ],
    }
    for title, cells in rows.items():
        table.add_row(title, *cells)
    console.print()
    console.print(table)
    console.print()
    for result in results:
        console.print(
            Text.assemble((result.way, "bold"), f": sessions {result.where}. {result.sentence}"), soft_wrap=True
        )
        for fault, count in result.faults.items():
            console.print(Text(f"    {count} × {fault}", style="dim"), soft_wrap=True)


def _count(number: int) -> Text:
    return Text(str(number), style="bold red" if number else "green")


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"
