"""What traffic says: rows, shares, growing times out, trial and forgiveness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.config.model import Passive
from steelyard.health.passive import Ejection, Sample, eject, end, judge, out_time

POLICY = Passive(failures=5, error_share=0.5, window=10.0, min_requests=20, out_time=5.0, max_out_time=60.0)


def sample(requests: int = 0, *, connect: int = 0, reset: int = 0, timeout: int = 0, bad: int = 0) -> Sample:
    return Sample("web", "a", requests, connect=connect, reset=reset, timeout=timeout, status_5xx=bad)


def judged(*samples: Sample, state: Ejection | None = None, now: float = 1.0) -> tuple[Ejection, str]:
    state, said = state or Ejection(), ""
    for each in samples:
        state, charge = judge(state, each, POLICY, now)
        said = charge.why if charge else said
    return state, said


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        ([sample(4, connect=4)], ""),
        ([sample(5, connect=5)], "5 failures in a row (connect)"),
        ([sample(2, connect=2), sample(3, reset=3)], "5 failures in a row (reset)"),
        ([sample(2, connect=2), sample(9, reset=2), sample(4, reset=4)], ""),
        ([sample(0, timeout=5)], "5 failures in a row (timeout)"),
        ([sample(20, bad=9)], ""),
        ([sample(20, bad=10)], "10 of 20 requests failed"),
        ([sample(19, bad=19)], ""),
        ([sample(10, bad=5), sample(10, bad=5)], "10 of 20 requests failed"),
        ([sample(20, connect=4, bad=6)], "10 of 20 requests failed"),
    ],
)
def test_what_takes_a_server_out(samples: list[Sample], why: str) -> None:
    assert judged(*samples)[1] == why


def test_a_new_window_forgets_the_old_share() -> None:
    state, _ = judged(sample(19, bad=19), now=0.0)
    _, why = judged(sample(19, bad=9), state=state, now=11.0)
    assert why == ""


def test_what_is_out_is_not_accused_again() -> None:
    state, why = judged(sample(50, connect=50), state=eject(Ejection(), "x", POLICY, 0.0))
    assert why == ""
    assert state.out


def test_the_time_out_doubles_up_to_the_longest() -> None:
    state, now, lengths = Ejection(), 0.0, []
    for _ in range(6):
        state = eject(state, "x", POLICY, now)
        assert state.until is not None
        lengths.append(state.until - now)
        now = state.until
        state = end(state, now)
    assert lengths == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_being_good_as_long_as_it_was_out_halves_the_next_time() -> None:
    state = end(Ejection(times=3), 0.0)
    cases = [(19.9, 40.0), (20.0, 20.0), (30.0, 10.0), (35.0, 5.0), (1000.0, 5.0)]
    for good_for, expected in cases:
        again = eject(state, "x", POLICY, good_for)
        assert again.until == good_for + expected


def test_a_server_that_is_back_is_on_trial() -> None:
    back = end(eject(Ejection(), "x", POLICY, 0.0), 5.0)
    assert judged(sample(1, connect=1), state=back, now=6.0)[1] == "1 failure in a row (connect)"
    assert judged(sample(3, connect=1), state=back, now=6.0)[1] == ""
    assert judged(sample(1, connect=1), state=back, now=5.0 + POLICY.window + 1)[1] == ""


@given(st.integers(0, 500))
def test_the_time_out_never_passes_its_limits(times: int) -> None:
    assert POLICY.out_time <= out_time(times, POLICY) <= POLICY.max_out_time


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), max_size=30))
def test_without_failures_nobody_is_accused(counts: list[tuple[int, int, int]]) -> None:
    state, now = Ejection(), 0.0
    for requests, wait, _ in counts:
        now += wait
        state, charge = judge(state, sample(requests), POLICY, now)
        assert charge is None
