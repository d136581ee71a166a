"""Latency at one rate for all: half of what nginx does at saturation, in an open loop.

A latency counts from the time a request was due, so that a stall is charged to every request it delayed. The relay
shows how much of each figure belongs to the kernel, the origin and the generator.
"""

from __future__ import annotations

from benchmarks.contestants import Running, Work
from benchmarks.results import Metric, Result
from benchmarks.scenarios.base import Bench, interleave, measure, running
from benchmarks.statistics import quantile

REFERENCE = "nginx"
PROBING_ROUNDS = 5


def run(bench: Bench) -> list[Result]:
    with running(bench, bench.contestants, Work(bench.origin_port)) as started:
        reference = next((one for one in started if one.name == REFERENCE), started[0])
        rate = _half_of_saturation(bench, reference)
        found = interleave(bench, started, f"latency at {rate:,.0f}/s", lambda one: measure(bench, one, rate=rate))
    metrics = [
        Metric("p50", "median latency", "µs", found.series(lambda one: one.load.p50_us)),
        Metric("p99", "99th percentile", "µs", found.series(lambda one: one.load.p99_us)),
        Metric("p999", "99.9th percentile", "µs", found.series(lambda one: one.load.p999_us)),
    ]
    title = f"Latency at {rate:,.0f} requests/s"
    return [
        Result("latency", title, metrics, [f"the rate is half of the saturation of {reference.name}", *found.errors()])
    ]


def steps(bench: Bench) -> int:
    return PROBING_ROUNDS + bench.rounds * len(bench.contestants)


def _half_of_saturation(bench: Bench, reference: Running) -> float:
    """To two figures, so that a repeated run asks the same."""
    rates = []
    for _ in range(PROBING_ROUNDS):
        bench.step(f"saturation of {reference.name}")
        rates.append(measure(bench, reference, seconds=min(bench.seconds, 1.0)).load.per_second)
    return float(f"{quantile(rates, 0.5) / 2:.2g}")
