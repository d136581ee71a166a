"""What the crate's benchmark prints, as metrics."""

from __future__ import annotations

from benchmarks.scenarios.choice import SIZES, metrics


def row(algorithm: str, servers: int, cost: float) -> dict[str, float | str]:
    return {
        "algorithm": algorithm,
        "servers": servers,
        "one_thread_ns": cost,
        "two_threads_ns": 2 * cost,
        "build_us": 1,
    }


def test_each_size_is_a_metric_and_growth_compares_the_ends() -> None:
    costs = {"random": (10.0, 11.0, 12.0), "maglev": (20.0, 20.0, 80.0)}
    rows = [row(name, size, cost) for name in costs for size, cost in zip(SIZES, costs[name], strict=True)]
    found = {metric.key: metric.rounds for metric in metrics(rows)}
    assert found["choice-3"] == {"random": [10.0], "maglev": [20.0]}
    assert found["choice-10000"] == {"random": [12.0], "maglev": [80.0]}
    assert found["choice-growth"] == {"random": [1.2], "maglev": [4.0]}
