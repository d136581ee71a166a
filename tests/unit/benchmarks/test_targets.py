"""Verdicts: met, missed by how much, or not measured, and never silently one for another."""

from __future__ import annotations

import pytest

from benchmarks.results import Metric, Result
from benchmarks.targets import TARGETS, Target, judge


def verdict(target: Target, rounds: dict[str, list[float]], better: str = "lower"):
    metric = Metric("m", "a metric", "µs", rounds, "lower" if better == "lower" else "higher")
    [found] = judge([Result("s", "a scenario", [metric])], [target])
    return found


@pytest.mark.parametrize(("ours", "met", "miss"), [(4.0, True, 0.0), (4.25, True, 0.0), (5.1, False, 0.2)])
def test_a_ratio_against_another(ours: float, met: bool, miss: float) -> None:
    found = verdict(Target("m", 0.85, "nginx"), {"steelyard": [ours] * 3, "nginx": [5.0] * 3})
    assert found.met is met
    assert found.miss == pytest.approx(miss)


def test_a_floor_is_met_from_above() -> None:
    target = Target("m", 1.0, "nginx", at_least=True)
    assert verdict(target, {"steelyard": [11.0], "nginx": [10.0]}, "higher").met is True
    slower = verdict(target, {"steelyard": [9.0], "nginx": [10.0]}, "higher")
    assert (slower.met, slower.miss) == (False, pytest.approx(0.1))


def test_a_limit_of_the_value_itself() -> None:
    assert verdict(Target("m", 4096), {"steelyard": [4000.0]}).met is True
    assert verdict(Target("m", 4096), {"steelyard": [8192.0]}).miss == pytest.approx(1.0)


@pytest.mark.parametrize("rounds", [{}, {"nginx": [5.0]}, {"steelyard": [5.0]}])
def test_what_was_not_measured_is_neither_met_nor_missed(rounds: dict[str, list[float]]) -> None:
    assert verdict(Target("m", 1.0, "nginx"), rounds).met is None


def test_without_results_every_target_is_still_listed() -> None:
    found = judge([])
    assert [one.target for one in found] == list(TARGETS)
    assert {one.met for one in found} == {None}
