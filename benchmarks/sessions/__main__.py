"""``python -m benchmarks.sessions``: a Redis on a free port, everybody in turn, tables and a document."""

from __future__ import annotations

import json as jsonlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import machine
from benchmarks.report import terminal, words
from benchmarks.results import Result
from benchmarks.sessions import asgi, bare, engines, wsgi
from benchmarks.targets import US

RESULTS = Path(__file__).resolve().parents[1] / "results"
LIBRARIES = ("redis", "starlette", "starsessions", "flask", "flask-session", "django")
LIMIT = 1.15
NOTE = (
    "One visitor, one request at a time. The number of a contestant is its undisturbed quartile over all rounds: the "
    "lower one of a time, the upper one of a rate. A ratio is the ratio of these; in brackets are the quartiles of the "
    "ratios formed within each round."
)
console = Console()


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds of each measurement.")] = 60,
    save: Annotated[bool, typer.Option("--save", help="Keep the result in benchmarks/results.")] = False,
) -> None:
    """Our sessions against the field's libraries and the bare client, on the same store, as ratios."""
    busy = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as name, _redis(Path(name)) as url:
        results = [
            bare.run(url, rounds),
            asgi.run(url, rounds),
            wsgi.run(url, rounds),
            engines.run(url, rounds, Path(name)),
        ]
    busy.append(os.getloadavg()[0])
    terminal.show(console, results, [])
    if save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "sessions.md").write_text(_markdown(results, rounds, busy))
        (RESULTS / "sessions.json").write_text(_json(results, rounds, busy))
        console.print("\nwritten: benchmarks/results/sessions.md and .json")


@contextmanager
def _redis(directory: Path) -> Iterator[str]:
    """A real server that keeps nothing on disk, ended with the run."""
    program = shutil.which("redis-server")
    if program is None:
        console.print("[red]benchmarks:[/] redis-server is not installed (Debian package redis-server)")
        raise typer.Exit(1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 30
            while not _accepts(port):
                if time.monotonic() > deadline or server.poll() is not None:
                    console.print("[red]benchmarks:[/] redis-server does not answer")
                    raise typer.Exit(1)
                time.sleep(0.02)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _markdown(results: Sequence[Result], rounds: int, busy: Sequence[float]) -> str:
    here = machine.describe()
    lines = [
        "# What sessions cost",
        "",
        f"{datetime.now(UTC).date()}. {here.cpu}, {here.cores} cores{' of a virtual machine' if here.virtual else ''}, "
        f"{here.memory_gib} GiB, {here.kernel}, Python {here.python}. {rounds} interleaved rounds. "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        + ". Made by `python -m benchmarks.sessions --save`.",
        "",
        NOTE,
        "",
        f"Load average of the machine: {busy[0]:.1f} at the beginning, {busy[1]:.1f} at the end; above 1 others were "
        "at work too, and times are then long while ratios hold.",
    ]
    for result in results:
        lines += ["", f"## {result.title}"]
        for metric in result.metrics:
            columns, rows = words.metric_rows(metric)
            table = [columns, ["---"] * len(columns), *rows.values()]
            lines += ["", f"**{metric.title}** ({metric.unit})", "", *(f"| {' | '.join(row)} |" for row in table)]
        lines += ["", *(f"- {note}" for note in result.notes)]
    return "\n".join([*lines, "", *_judged(results)]) + "\n"


def _judged(results: Sequence[Result]) -> list[str]:
    """The target, held against the bare client's round trip with the same command."""
    lines = [f"## Target: at most {LIMIT} × the bare client's round trip with the same command", ""]
    for metric in results[0].metrics:
        same = bare.LOAD if metric.key.startswith("load") else bare.SAVE
        ratio = metric.ratio(US, same)
        verdict = (
            "–" if ratio is None else "met" if ratio.value <= LIMIT else f"missed by {ratio.value / LIMIT - 1:.0%}"
        )
        lines.append(f"- {metric.title}: {words.ratio(ratio)}, {verdict}")
    return lines


def _json(results: Sequence[Result], rounds: int, busy: Sequence[float]) -> str:
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.describe().as_dict(),
        "versions": {name: version(name) for name in LIBRARIES},
        "rounds": rounds,
        "load_average": list(busy),
        "results": [asdict(result) for result in results],
    }
    return jsonlib.dumps(_rounded(document), ensure_ascii=False) + "\n"


def _rounded(value: object) -> object:
    """Four figures: more would only pretend."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    typer.run(main)
