"""Responses of 1 MiB: CPU time per response, with everything each program offers for large bodies switched on.

The origin sends from memory and the generator drops what it received without copying it, so that both leave their
core to the kernel's work; what is measured is how often the contestant touches the bytes.
"""

from __future__ import annotations

from benchmarks.contestants import Work
from benchmarks.load import LARGE_BODY
from benchmarks.results import Metric, Result
from benchmarks.scenarios.base import Bench, interleave, measure, running

CONNECTIONS = 8


def run(bench: Bench) -> list[Result]:
    with running(bench, bench.contestants, Work(bench.origin_port, large_bodies=True)) as started:
        found = interleave(
            bench,
            started,
            "1 MiB responses",
            lambda one: measure(bench, one, path="/large", length=LARGE_BODY, connections=CONNECTIONS),
            rounds=rounds(bench),
        )
    metrics = [
        Metric("large", "CPU per response of 1 MiB", "ms", found.series(lambda one: one.cpu_us / 1e3)),
        Metric("large-rate", "responses of 1 MiB", "1/s", found.series(lambda one: one.load.per_second), "higher"),
    ]
    return [Result("bodies", "Large responses", metrics, found.errors())]


def rounds(bench: Bench) -> int:
    return max(bench.rounds // 2, 3)


def steps(bench: Bench) -> int:
    return rounds(bench) * len(bench.contestants)
