"""The demonstration's counts add up and survive the way between processes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.demo.tally import GROWTH, Tally


@given(st.lists(st.floats(min_value=0.0001, max_value=20), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_quantiles_are_right_within_a_bucket(latencies: list[float], share: float) -> None:
    tally = Tally()
    for latency in latencies:
        tally.answered("a", latency)
    exact = sorted(latencies)[max(0, -(-int(share * len(latencies) * 1000) // 1000) - 1)] * 1000
    found = tally.quantile_ms(share)
    assert found is not None
    assert min(latencies) * 1000 / GROWTH <= found <= max(latencies) * 1000 * GROWTH
    assert found >= exact / GROWTH**2


def test_empty_tally_has_no_latency() -> None:
    assert Tally().quantile_ms(0.5) is None


def test_parts_add_up_after_json() -> None:
    first, second = Tally(), Tally()
    first.answered("a", 0.002)
    second.answered("b", 0.2)
    second.failed("status 502")
    total = Tally()
    for part in (first, second):
        total.add(Tally.from_json(json.loads(json.dumps(part.as_json()))))
    assert (total.requests, total.failures) == (3, 1)
    assert total.by_server == {"a": 1, "b": 1}
    assert total.faults == {"status 502": 1}
    assert total.quantile_ms(1.0) == pytest.approx(200, rel=0.11)


def test_clear_begins_anew() -> None:
    tally = Tally()
    tally.answered("a", 0.1)
    tally.failed("x")
    tally.clear()
    assert tally == Tally()
