"""Quartiles against the standard library's, ratios against arithmetic done by hand."""

from __future__ import annotations

import statistics as oracle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import compare, paired_ratios, quantile, summarise

costs = st.lists(st.floats(0.1, 1e6), min_size=2, max_size=60)


@given(costs)
def test_quartiles_are_those_of_the_standard_library(values: list[float]) -> None:
    expected = oracle.quantiles(values, n=4, method="inclusive")
    assert [quantile(values, share) for share in (0.25, 0.5, 0.75)] == pytest.approx(expected)


@given(costs)
def test_the_ends_are_the_smallest_and_the_largest(values: list[float]) -> None:
    assert quantile(values, 0) == min(values)
    assert quantile(values, 1) == max(values)


def test_one_round_is_its_own_quartile() -> None:
    assert quantile([7.0], 0.25) == 7.0


def test_no_round_has_no_quartile() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        quantile([], 0.5)


def test_a_cost_is_its_lower_quartile_a_throughput_its_upper_one() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    cost, throughput = summarise(values, "lower"), summarise(values, "higher")
    assert (cost.value, cost.best) == (2.0, 1.0)
    assert (throughput.value, throughput.best) == (4.0, 5.0)
    assert (cost.low, cost.median, cost.high, cost.rounds) == (2.0, 3.0, 4.0, 5)


def test_disturbed_rounds_do_not_move_the_lower_quartile() -> None:
    calm = [5.0] * 20
    assert summarise([*calm, 15.0, 20.0, 40.0], "lower").value == 5.0


def test_ratios_are_formed_within_a_round() -> None:
    assert paired_ratios([2.0, 9.0], [4.0, 3.0]) == [0.5, 3.0]


def test_a_round_that_only_one_took_part_in_and_a_zero_are_left_out() -> None:
    assert paired_ratios([2.0, 9.0, 1.0], [4.0, 0.0]) == [0.5]


def test_weather_that_meets_both_leaves_the_ratio_alone() -> None:
    weather = [1.0, 1.1, 3.0, 2.0, 1.0, 1.4]
    found = compare([4 * one for one in weather], [5 * one for one in weather], "lower")
    assert found is not None
    assert (found.value, found.low, found.median, found.high) == pytest.approx((0.8, 0.8, 0.8, 0.8))


def test_a_cost_too_small_to_be_seen_has_no_ratio() -> None:
    assert compare([4.0, 4.0], [0.0, 0.0], "lower") is None
