"""Memory of an idle keep-alive connection: 10,000 of them, each of which has done two requests before.

The program's own memory only (proportional set size); the kernel's part of a socket is the same for all. Each
measurement starts a fresh process, because memory that was once touched is seldom given back.
"""

from __future__ import annotations

import resource

from benchmarks.contestants import Contestant, Work
from benchmarks.load import generator
from benchmarks.results import Metric, Result
from benchmarks.scenarios.base import Bench, running

CONNECTIONS = 10_000
SPARE_DESCRIPTORS = 500
SECONDS_OF_SECOND_REQUESTS = 2.0


def run(bench: Bench) -> list[Result]:
    connections = min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_DESCRIPTORS)
    values: dict[str, list[float]] = {}
    for _ in range(repeats(bench)):
        for contestant in _who(bench):
            bench.step(f"idle connections: {contestant.name}")
            values.setdefault(contestant.name, []).append(_bytes_per_connection(bench, contestant, connections))
    notes = ["the relay does not take part: it needs two descriptors for each idle connection"]
    if connections < CONNECTIONS:
        notes.append(f"only {connections} connections: the limit of open files of this machine allows no more")
    metric = Metric("idle", "memory per idle connection", "bytes", values)
    return [Result("idle", f"{connections:,} idle keep-alive connections", [metric], notes)]


def repeats(bench: Bench) -> int:
    return max(bench.rounds // 8, 1)


def steps(bench: Bench) -> int:
    return repeats(bench) * len(_who(bench))


def _who(bench: Bench) -> list[Contestant]:
    return bench.without("relay")


def _bytes_per_connection(bench: Bench, contestant: Contestant, connections: int) -> float:
    with running(bench, [contestant], Work(bench.origin_port)) as [one]:
        with generator(bench.room, one.port, connections=64) as load:
            load.go(0.5)  # what a first load touches once and for all is not what a connection costs
        before = one.memory()
        with generator(bench.room, one.port, connections=connections) as load:
            found = load.go(SECONDS_OF_SECOND_REQUESTS, connections / SECONDS_OF_SECOND_REQUESTS)
            if found.errors:
                raise RuntimeError(f"{one.name} failed {found.errors} of {connections} requests on idle connections")
            return (one.memory().pss_bytes - before.pss_bytes) / connections
