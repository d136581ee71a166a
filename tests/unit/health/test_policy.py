"""The table of health: every state with every outcome, rise and fall, and what breaks a row."""

from __future__ import annotations

import pytest

from steelyard.config.model import Probe
from steelyard.health.policy import TABLE, HealthState, observe, unprobed
from steelyard.status import Health

PROBE = Probe(rise=2, fall=3)


@pytest.mark.parametrize(
    ("start", "outcomes", "end"),
    [
        ("unknown", "+", "up"),
        ("unknown", "--", "unknown"),
        ("unknown", "---", "down"),
        ("unknown", "--+", "up"),
        ("up", "--", "up"),
        ("up", "---", "down"),
        ("up", "--+--", "up"),
        ("up", "--+---", "down"),
        ("down", "+", "down"),
        ("down", "++", "up"),
        ("down", "+-+", "down"),
        ("down", "+-++", "up"),
        ("up", "+++", "up"),
        ("down", "---", "down"),
        ("unknown", "+---++", "up"),
    ],
)
def test_outcomes_lead_to(start: Health, outcomes: str, end: Health) -> None:
    state = HealthState(start)
    for number, outcome in enumerate(outcomes):
        state = observe(state, outcome == "+", "said", PROBE, float(number))
    assert state.health == end


def test_since_is_the_moment_of_the_change_and_the_note_is_always_the_last() -> None:
    state = observe(HealthState(), True, "200 in 3 ms", PROBE, 7.0)
    assert (state.health, state.since, state.note) == ("up", 7.0, "200 in 3 ms")
    state = observe(state, False, "connection refused", PROBE, 9.0)
    assert (state.health, state.since, state.note) == ("up", 7.0, "connection refused")


def test_rise_and_fall_of_one_act_at_once() -> None:
    hasty = Probe(rise=1, fall=1)
    down = observe(HealthState("up"), False, "", hasty, 1.0)
    assert down.health == "down"
    assert observe(down, True, "", hasty, 2.0).health == "up"


def test_without_a_probe_a_server_is_up() -> None:
    assert unprobed(4.0).health == "up"


def test_no_step_leads_back_to_unknown_and_none_stays_where_it_is() -> None:
    assert all(step.to not in ("unknown", state) for (state, _), step in TABLE.items())
