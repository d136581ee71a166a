"""Short rounds of everybody in turn, as seconds per operation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from benchmarks.results import Metric, Rounds

Work = Callable[[int], float]
"""Does so many operations and returns the seconds that they took."""


def blocking(operation: Callable[[], object]) -> Work:
    """Work out of a plain function."""

    def work(times: int) -> float:
        begin = time.perf_counter()
        for _ in range(times):
            operation()
        return time.perf_counter() - begin

    return work


def awaiting(loop: asyncio.AbstractEventLoop, operation: Callable[[], Awaitable[object]]) -> Work:
    """Work out of a coroutine function, on an event loop of its own."""

    async def repeat(times: int) -> float:
        begin = time.perf_counter()
        for _ in range(times):
            await operation()
        return time.perf_counter() - begin

    return lambda times: loop.run_until_complete(repeat(times))


def microseconds(key: str, title: str, works: Mapping[str, Work], rounds: int, times: int) -> Metric:
    """Time per operation: every round is one turn of everybody, so that a neighbour disturbs all alike."""
    found: Rounds = {name: [] for name in works}
    for work in works.values():
        work(times // 4 + 1)  # connections, caches and scripts
    for number in range(rounds):
        for name, work in _turned(works, number):
            found[name].append(work(times) / times * 1e6)
    return Metric(key, title, "µs", found, "lower")


def per_second(metric: Metric) -> Metric:
    """The same as a rate."""
    rates = {name: [1e6 / value for value in values] for name, values in metric.rounds.items()}
    return Metric(metric.key, metric.title, "requests/s", rates, "higher")


def _turned(works: Mapping[str, Work], by: int) -> list[tuple[str, Work]]:
    """Another one begins each round, so that none is always after the same neighbour."""
    items = list(works.items())
    return items[by % len(items) :] + items[: by % len(items)]
