"""What the demonstration shows: a live panel in a terminal, plain lines elsewhere. Reads the scene, changes nothing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from steelyard.demo.story import POOL, Scene, Summary
from steelyard.demo.tally import Tally
from steelyard.status import ServerStatus

RATE_WINDOW_S = 2.0
BAR_CELLS = 24
SPARKS = "▁▂▃▄▅▆▇█"
HEALTH = {"up": "green", "down": "red", "unknown": "yellow"}


def recent(scene: Scene) -> Tally:
    """What the load saw in the last seconds."""
    tally = Tally()
    for at, part in scene.parts:
        if at > scene.elapsed - RATE_WINDOW_S:
            tally.add(part)
    return tally


def sparkline(scene: Scene, server: str, cells: int = 20) -> str:
    """The server's answers over the last seconds, a cell each half second, scaled to the busiest server."""
    series = {name: [0] * cells for name in scene.servers}
    for at, part in scene.parts:
        cell = cells - 1 - int((scene.elapsed - at) / 0.5)
        if 0 <= cell < cells:
            for name, count in part.by_server.items():
                if name in series:
                    series[name][cell] += count
    top = max(1, *(max(values) for values in series.values()))
    return "".join(SPARKS[min(len(SPARKS) - 1, count * len(SPARKS) // (top + 1))] for count in series[server])


def health_text(server: ServerStatus | None) -> Text:
    """Health as a word with a colour; the word alone says it all."""
    if server is None:
        return Text("–")
    label = server.health if server.eligible or server.health == "down" else f"{server.health}, not eligible"
    return Text(f"● {label}", style=HEALTH[server.health] if server.eligible else "red")


def server_table(scene: Scene) -> Table:
    """One row a server."""
    now = recent(scene)
    answered = max(1, sum(now.by_server.values()))
    span = max(0.25, min(RATE_WINDOW_S, scene.elapsed))
    known = {server.id: server for server in scene.status.pools[0].servers} if scene.status else {}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title, justify in (("server", "left"), ("takes", "right"), ("health", "left"), ("share of requests", "left")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for title in ("req/s", "active"):
        table.add_column(title, justify="right")
    table.add_column("last 10 s")
    for name, process in scene.servers.items():
        count = now.by_server.get(name, 0)
        share = count / answered
        bar = Text("█" * round(share * BAR_CELLS), style="cyan")
        bar.append("░" * (BAR_CELLS - len(bar)), style="dim")
        bar.append(f" {share:4.0%}")
        server = known.get(name)
        table.add_row(
            Text(name, style="bold"),
            f"{process.delay_ms:g} ms",
            health_text(server) if process.alive else Text("✝ killed", style="bold red"),
            bar,
            f"{count / span:.0f}",
            str(server.active) if server else "–",
            Text(sparkline(scene, name), style="cyan"),
        )
    return table


def headline(scene: Scene) -> Text:
    """The numbers that matter, in one line."""
    now, span = recent(scene), max(0.25, min(RATE_WINDOW_S, scene.elapsed))
    p50, p99 = now.quantile_ms(0.5), now.quantile_ms(0.99)
    text = Text(f"{scene.elapsed:5.1f} s   {now.requests / span:.0f} req/s   ")
    if p50 is not None and p99 is not None:
        text.append(f"p50 {p50:.1f} ms   p99 {p99:.1f} ms   ")
    text.append(f"{scene.total.requests} requests, ")
    text.append(f"{scene.total.failures} failed", style="bold red" if scene.total.failures else "bold green")
    return text


def command() -> str:
    """How the reader starts our command: by its name, or by its path where the name is not found."""
    if shutil.which("steelyard"):
        return "steelyard"
    started = Path(sys.argv[0])
    return os.path.relpath(started) if started.name == "steelyard" else "python -m steelyard"


def hints(scene: Scene) -> Text:
    """What to try by hand while it runs."""
    steelyard, flag = command(), "" if scene.admin.endswith(":9900") else f" --admin {scene.admin}"
    other = "round-robin" if scene.status and scene.status.pools[0].algorithm != "round-robin" else "least-connections"
    return Text.assemble(
        "try it    ", (f"curl -i {scene.url}", "bold"), "\n",
        "change it ", (f"{steelyard} algorithm {POOL} {other}{flag}", "bold"), "\n",
        "look      ", (f"{steelyard} status{flag}", "bold"), "   ", (f"{steelyard} drain {POOL}/a{flag}", "bold"),
    )  # fmt: skip


def panel(scene: Scene) -> RenderableType:
    """The whole live view."""
    algorithm = scene.status.pools[0].algorithm if scene.status else "…"
    news = Text("\n".join(f"{at:5.1f} s  {text}" for at, text in list(scene.news)[-6:]), style="dim")
    return Panel(
        Group(headline(scene), Text(), server_table(scene), Text(), hints(scene), Text(), news),
        title=f"steelyard demo · {scene.url} · {algorithm}",
        subtitle="Ctrl-C ends it",
        border_style="cyan",
    )


def plain_line(scene: Scene) -> str:
    """One line of progress where there is no terminal."""
    now = recent(scene)
    answered = max(1, sum(now.by_server.values()))
    shares = " ".join(f"{name} {now.by_server.get(name, 0) / answered:.0%}" for name in scene.servers)
    return f"{headline(scene).plain}   {shares}"


def show_summary(console: Console, summary: Summary) -> None:
    """The end of the story."""
    shares = ", ".join(f"{name} {share:.1%}" for name, share in summary.shares.items())
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("time", f"{summary.seconds:.1f} s, {summary.kills} time(s) a server was killed with -9 and came back")
    table.add_row("requests", f"{summary.requests}")
    failures = Text(str(summary.failures), style="bold red" if summary.failures else "bold green")
    table.add_row("failures", failures)
    for fault, count in summary.faults.items():
        table.add_row("", f"{count} × {fault}")
    table.add_row("shares", f"{shares} ({summary.algorithm})")
    if summary.latency_p50_ms is not None and summary.latency_p99_ms is not None:
        table.add_row("latency", f"p50 {summary.latency_p50_ms:.1f} ms, p99 {summary.latency_p99_ms:.1f} ms")
    table.add_row("retries", f"{summary.retries} requests were tried again on another server")
    console.print(table)
