"""What is measured, as data: a scenario is a name, a title and two functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Result
from benchmarks.scenarios import bodies, choice, idle, large_pool, latency, requests
from benchmarks.scenarios.base import Bench


@dataclass(frozen=True, slots=True)
class Scenario:
    run: Callable[[Bench], list[Result]]
    steps: Callable[[Bench], int]
    """How often ``run`` will call ``Bench.step``: the length of the progress bar."""


SCENARIOS: dict[str, Scenario] = {
    "requests": Scenario(requests.run, requests.steps),
    "latency": Scenario(latency.run, latency.steps),
    "bodies": Scenario(bodies.run, bodies.steps),
    "idle": Scenario(idle.run, idle.steps),
    "large-pool": Scenario(large_pool.run, large_pool.steps),
    "choice": Scenario(choice.run, choice.steps),
}
