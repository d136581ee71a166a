"""``python -m benchmarks``: chooses who and what, runs it, shows it, keeps it."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks import machine, native
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.load import start_origin
from benchmarks.processes import ProcessError, Room
from benchmarks.report import chart, document, terminal
from benchmarks.results import Result
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.base import Bench
from benchmarks.targets import judge

RESULTS = native.ROOT / "benchmarks" / "results"
CHART = native.ROOT / "docs" / "images" / "benchmarks.svg"
BUSY_MAX = 0.1
console = Console()


def main(  # noqa: PLR0917 (typer makes an option of each)
    scenario: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(SCENARIOS)}; repeat for several.")
    ] = None,
    contestants: Annotated[str, typer.Option(help="Who takes part, separated by commas.")] = ",".join(CONTESTANTS),
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds of each scenario.")] = 24,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of one round.")] = 2.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="8 rounds of half a second: the order of things, not a result.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write everything that was measured to this file.")] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the result in benchmarks/results and draw the docs' chart.")
    ] = False,
) -> None:
    """Us and the twins in one run: the same work, interleaved, each pinned to one core, as ratios with their spread."""
    if quick:
        rounds, seconds = 8, 0.5
    chosen = _chosen(scenario or list(SCENARIOS), list(SCENARIOS), "scenario")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise _refusal("this needs two cores, one for the contestant and one for the load; here is only one")
    took_part = _present(
        [CONTESTANTS[name] for name in _chosen(contestants.split(","), list(CONTESTANTS), "contestant")]
    )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        busy = machine.busy_share()
        if busy > BUSY_MAX:
            console.print(f"[yellow]this machine is not quiet:[/] other work takes {busy:.0%} of its cores")
        programs = native.build()
        with Room(programs, proxy_core=cores[1], load_core=cores[0]) as room:
            results = _run(room, chosen, took_part, rounds, seconds)
    except (native.BuildError, ProcessError) as error:
        raise _refusal(str(error)) from error
    except KeyboardInterrupt:
        raise _refusal("interrupted; every process that was started has ended") from None
    run = document.Run(
        date=datetime.now(UTC).date().isoformat(),
        machine=machine.describe(),
        versions={one.name: one.version() for one in took_part},
        rounds=rounds,
        seconds=seconds,
        busy=busy,
        results=results,
        verdicts=judge(results),
    )
    terminal.show(console, run.results, run.verdicts)
    _keep(run, json, save)


def _run(
    room: Room, chosen: Sequence[str], took_part: Sequence[Contestant], rounds: int, seconds: float
) -> list[Result]:
    columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("starting", total=None)

        def step(label: str) -> None:
            progress.update(bar, description=label, advance=1)

        bench = Bench(room, took_part, rounds, seconds, start_origin(room), step)
        progress.update(bar, total=sum(SCENARIOS[name].steps(bench) for name in chosen))
        return [result for name in chosen for result in SCENARIOS[name].run(bench)]


def _present(wanted: Sequence[Contestant]) -> list[Contestant]:
    """Those that are there; of the others it is said why not."""
    present = []
    for one in wanted:
        if reason := one.missing():
            console.print(f"[yellow]{one.title} does not take part:[/] {reason}")
        else:
            present.append(one)
    if not present:
        raise _refusal("nobody is left to be measured")
    return present


def _chosen(wanted: Sequence[str], known: Sequence[str], what: str) -> list[str]:
    names = [name.strip() for name in wanted]
    for name in names:
        if name not in known:
            raise _refusal(f"no {what} is named {name!r}: expected {', '.join(known)}", status=2)
    return names


def _keep(run: document.Run, json: Path | None, save: bool) -> None:
    if json:
        json.write_text(document.as_json(run))
        console.print(f"\nwritten: {json}")
    if save:
        RESULTS.mkdir(exist_ok=True)
        CHART.parent.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{run.date}.json").write_text(document.as_json(run))
        (RESULTS / f"{run.date}.md").write_text(document.as_markdown(run))
        CHART.write_text(chart.draw(run.results))
        console.print(f"\nwritten: benchmarks/results/{run.date}.json, .md and {CHART.relative_to(native.ROOT)}")


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    """A polite end from outside ends our processes as Ctrl-C does."""
    raise KeyboardInterrupt


def _refusal(message: str, status: int = 1) -> typer.Exit:
    console.print(f"[red]benchmarks:[/] {message}")
    return typer.Exit(status)


if __name__ == "__main__":
    typer.run(main)
