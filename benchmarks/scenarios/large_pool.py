"""A pool of 10,000 servers: the time from starting the process to its first answer, and of one change while it runs.

The servers are one origin under 10,000 loopback addresses. Without and with a health check of each every two seconds.
"""

from __future__ import annotations

import time

from benchmarks.contestants import Contestant, Running, Work
from benchmarks.processes import wait_until_it_answers
from benchmarks.results import Metric, Result
from benchmarks.scenarios.base import Bench

SERVERS = 10_000
CHANGES = 5


def run(bench: Bench) -> list[Result]:
    plain: dict[str, list[float]] = {}
    probed: dict[str, list[float]] = {}
    changes: dict[str, list[float]] = {}
    for _ in range(repeats(bench)):
        for contestant in _who(bench):
            bench.step(f"10,000 servers: {contestant.name}")
            seconds, changed = _start_and_change(bench, contestant, probes=False)
            plain.setdefault(contestant.name, []).append(seconds)
            if changed:
                changes.setdefault(contestant.name, []).extend(changed)
            bench.step(f"10,000 servers with probes: {contestant.name}")
            seconds, _ = _start_and_change(bench, contestant, probes=True)
            probed.setdefault(contestant.name, []).append(seconds)
    metrics = [
        Metric("start", "from start to the first answer", "s", plain),
        Metric("start-probed", "the same, with a health check of each server", "s", probed),
        Metric("change", "one weight changed, until acknowledged", "ms", changes),
    ]
    notes = [
        "nginx changes a weight only by a reload and has no active health checks",
        "the relay does not take part: it has one server",
    ]
    return [Result("large-pool", "10,000 servers in a pool", metrics, notes)]


def repeats(bench: Bench) -> int:
    return max(bench.rounds // 5, 1)


def steps(bench: Bench) -> int:
    return 2 * repeats(bench) * len(_who(bench))


def _who(bench: Bench) -> list[Contestant]:
    return bench.without("relay")


def _start_and_change(bench: Bench, contestant: Contestant, *, probes: bool) -> tuple[float, list[float]]:
    work = Work(bench.origin_port, servers=SERVERS, logs=False, probes=probes)
    began = time.monotonic()
    one = contestant.start(work, bench.room)  # writing the configuration is a few milliseconds of it
    try:
        answered = wait_until_it_answers(one.process, one.port)
        return answered - began, [] if probes else _changes(contestant, one)
    finally:
        bench.room.stop(one.process)


def _changes(contestant: Contestant, one: Running) -> list[float]:
    """Milliseconds of each change."""
    found = [contestant.change_weight(one, 2 + number) for number in range(CHANGES)]
    return [seconds * 1e3 for seconds in found if seconds is not None]
