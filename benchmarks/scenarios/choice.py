"""The cost of choosing one server and giving it back, in ``crates/balance`` alone: no socket, no request.

Runs the crate's own benchmark, ``cargo bench -p steelyard-balance -- --json``, which tells the best of several short
rounds for each algorithm and size of pool.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence

from benchmarks.native import ROOT
from benchmarks.results import Metric, Result
from benchmarks.scenarios.base import Bench

TITLE = "One choice"
COMMAND = ("cargo", "bench", "--quiet", "-p", "steelyard-balance", "--bench", "choice", "--", "--json")
SIZES = (3, 100, 10_000)


def run(bench: Bench) -> list[Result]:
    bench.step("one choice (building and running crates/balance)")
    if not shutil.which(COMMAND[0]):
        return [Result("choice", TITLE, [], ["not measured: cargo is not installed"])]
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [Result("choice", TITLE, [], [f"not measured: {done.stderr.strip()[-300:]}"])]
    return [
        Result(
            "choice",
            TITLE,
            metrics(json.loads(done.stdout)),
            ["a choice and its end; the best of several rounds"],
        )
    ]


def steps(bench: Bench) -> int:
    return 1


def metrics(rows: Sequence[dict[str, float | str]]) -> list[Metric]:
    """One metric a size, each with one value an algorithm, and how much the largest pool costs above the smallest."""
    costs: dict[int, dict[str, list[float]]] = {size: {} for size in SIZES}
    for row in rows:
        costs[int(row["servers"])][str(row["algorithm"])] = [float(row["one_thread_ns"])]
    growth = {name: [value[0] / costs[SIZES[0]][name][0]] for name, value in costs[SIZES[-1]].items()}
    found = [Metric(f"choice-{size}", f"one choice among {size:,} servers", "ns", costs[size]) for size in SIZES]
    title = f"{SIZES[-1]:,} servers over {SIZES[0]}"
    return [*found, Metric("choice-growth", title, "×", growth)]
