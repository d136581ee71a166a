"""Small keep-alive requests as fast as they go: CPU time per request and throughput, with logs and without.

A closed loop over 64 connections keeps the contestant's core busy all the time. Where the load's own core is the
busier one, a throughput is what the load could ask, not what the contestant could give; the notes say so.
"""

from __future__ import annotations

from benchmarks.contestants import Work
from benchmarks.results import Metric, Result
from benchmarks.scenarios.base import Bench, Rounds, interleave, measure, running
from benchmarks.statistics import quantile

SATURATED = 0.95


def run(bench: Bench) -> list[Result]:
    full = _rounds(bench, Work(bench.origin_port), "requests")
    bare = _rounds(bench, Work(bench.origin_port, logs=False), "requests, logs off")
    metrics = [
        Metric("cpu", "CPU per request", "µs", full.series(lambda one: one.cpu_us)),
        Metric("cpu-user", "of it in the program", "µs", _part(full, system=False)),
        Metric("cpu-system", "of it in the kernel", "µs", _part(full, system=True)),
        Metric("cpu-logs-off", "CPU per request, logs off", "µs", bare.series(lambda one: one.cpu_us)),
        Metric("throughput", "throughput", "requests/s", full.series(lambda one: one.load.per_second), "higher"),
    ]
    notes = [*full.errors(), *bare.errors(), *limited_by_the_load(full)]
    return [Result("requests", "Small keep-alive requests", metrics, notes)]


def steps(bench: Bench) -> int:
    return 2 * bench.rounds * len(bench.contestants)


def _rounds(bench: Bench, work: Work, label: str) -> Rounds:
    with running(bench, bench.contestants, work) as started:
        return interleave(bench, started, label, lambda one: measure(bench, one))


def _part(rounds: Rounds, *, system: bool) -> dict[str, list[float]]:
    """One value each: the kernel samples the split a hundred times a second, so that only all rounds tell it."""
    found = {}
    for name, all_rounds in rounds.by_name.items():
        cost = quantile([one.cpu_us for one in all_rounds], 0.25)
        user = sum(one.cpu.user_ticks for one in all_rounds)
        kernel = sum(one.cpu.system_ticks for one in all_rounds)
        found[name] = [cost * (kernel if system else user) / max(user + kernel, 1)]
    return found


def limited_by_the_load(rounds: Rounds) -> list[str]:
    notes = []
    for name, all_rounds in rounds.by_name.items():
        busy = quantile([one.proxy_busy for one in all_rounds], 0.5)
        if busy < SATURATED:
            load = quantile([one.load_core_busy for one in all_rounds], 0.5)
            notes.append(
                f"{name} had {1 - busy:.0%} of its core to spare at its throughput "
                f"(the load's core was {load:.0%} busy): the figure is a lower bound"
            )
    return notes
