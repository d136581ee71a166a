"""When to look at the clock next."""

from __future__ import annotations

import pytest

from steelyard.control.clock import IDLE, LEAVING, next_tick
from steelyard.control.events import AdminStateRequested, FailuresSeen
from steelyard.health.passive import Sample
from tests.unit.control.build import PROBE, Cluster, config


def test_nothing_waits() -> None:
    assert next_tick(Cluster(config("a")).state, 5.0) == IDLE


def test_a_draining_server_is_counted_often() -> None:
    cluster = Cluster(config("a"))
    cluster(AdminStateRequested("web", "a", "drain"))
    assert next_tick(cluster.state, 5.0) == LEAVING


def test_the_end_of_a_time_out_is_met_exactly() -> None:
    cluster = Cluster(config("a", "b"))
    cluster(FailuresSeen((Sample("web", "a", 5, connect=5),)), at=10.0)
    assert next_tick(cluster.state, 10.0) == IDLE
    assert next_tick(cluster.state, 14.6) == pytest.approx(0.4)
    assert next_tick(cluster.state, 20.0) > 0


def test_a_slow_start_moves_in_steps() -> None:
    cluster = Cluster(config("a", probe=PROBE, slow_start="10s", algorithm="weighted-round-robin"))
    cluster.probe("a", True)
    assert next_tick(cluster.state, 0.0) == 0.5
