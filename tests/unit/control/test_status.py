"""Status and the phrases of why: every state a server can be in, and the arithmetic of the histograms."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from steelyard.config.model import Server
from steelyard.control import events as happened
from steelyard.control.status import candidates, in_force, quantile_ms, status
from steelyard.health.passive import Sample
from steelyard.report import LATENCY_BUCKETS_US, Report, ServerReport
from tests.unit.control.build import PROBE, Cluster, config

EMPTY: Report = {"version": 1, "log_written": 0, "log_dropped": 0, "services": {}, "pools": {}}


def admin(state: str) -> happened.AdminStateRequested:
    return happened.AdminStateRequested("web", "a", state)  # type: ignore[arg-type]


def probed(*outcomes: bool) -> Callable[[Cluster], object]:
    return lambda cluster: (cluster.probe("a", *outcomes, at=10.0), cluster.probe("b", True))


def sent(*events: happened.Event, at: float = 10.0) -> Callable[[Cluster], object]:
    return lambda cluster: (
        cluster.probe("a", True),
        cluster.probe("b", True),
        [cluster(event, at) for event in events],
    )


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (lambda cluster: None, "serves because nothing is up, though it is unknown: not probed yet"),
        (probed(True), "up since 12 s"),
        (probed(False), "unknown: connection refused"),
        (probed(False, False, False), "down: connection refused since 12 s"),
        (sent(admin("drain")), "drain: no new clients, by an operator"),
        (
            sent(admin("drain"), happened.ActiveCounted({("web", "a"): 0})),
            "drain: no new clients, by an operator, nothing runs on it",
        ),
        (sent(admin("maintenance")), "maintenance: an operator took it out"),
        (sent(happened.RemovalRequested("web", "a")), "being removed: drains first, 18 s at most"),
        (
            sent(happened.FailuresSeen((Sample("web", "a", 5, reset=5),)), at=20.0),
            "taken out by traffic: 5 failures in a row (reset); back in 3 s",
        ),
        (
            sent(happened.FailuresSeen((Sample("web", "a", 5, reset=5),)), *[admin("ready")], at=20.0),
            "taken out by traffic: 5 failures in a row (reset); back in 3 s",
        ),
    ],
)
def test_why(happens: Callable[[Cluster], object], why: str) -> None:
    cluster = Cluster(config("a", "b", probe=PROBE))
    happens(cluster)
    assert candidates(cluster.state.pools["web"], 22.0)[0].why == why


def test_why_of_the_last_resort_and_of_backups() -> None:
    cluster = Cluster(config("a", {"id": "b", "backup": True}, probe=PROBE))
    cluster.probe("a", True)
    cluster.probe("b", True)
    assert candidates(cluster.state.pools["web"], 0.0)[1].why == "backup: primaries are up"
    cluster(happened.FailuresSeen((Sample("web", "a", 5, reset=5),)))
    assert candidates(cluster.state.pools["web"], 0.0)[1].why == "backup, and no primary can serve: up since 0 s"
    cluster.probe("b", False, False, False)
    [a, _] = candidates(cluster.state.pools["web"], 0.0)
    assert a.why.startswith("serves because nothing better is left, though traffic took it out: 5 failures in a row")


def test_why_without_an_address() -> None:
    cluster = Cluster(config({"id": "a", "address": "app.example:80"}))
    assert candidates(cluster.state.pools["web"], 0.0)[0].why == "no address: not resolved yet"
    cluster(happened.NamesResolved((happened.Resolution("app.example", (), "app.example: no such name"),)))
    assert candidates(cluster.state.pools["web"], 0.0)[0].why == "no address: app.example: no such name"


def test_why_during_slow_start() -> None:
    cluster = Cluster(config("a", probe=PROBE, slow_start="10s", algorithm="weighted-round-robin"))
    cluster.probe("a", True, at=10.0)
    assert candidates(cluster.state.pools["web"], 13.0)[0].why == "up since 3 s, slow start at 30% of its weight"
    shown = status(cluster.state, EMPTY, 13.0, uptime=3.0, file=None)
    assert shown.pools[0].servers[0].effective_weight == 0.3


def test_status_puts_state_and_counters_together() -> None:
    cluster = Cluster(config({"id": "a", "weight": 3}, "b", probe=PROBE))
    cluster.probe("a", True)
    cluster(happened.WeightRequested("web", "a", 6))
    counted: ServerReport = {
        "active": 2,
        "requests": 10,
        "responses": [0, 7, 1, 1, 1],
        "connects": 3,
        "reused": 7,
        "failed_connect": 1,
        "failed_reset": 2,
        "failed_timeout": 3,
        "failed_protocol": 4,
        "bytes_in": 0,
        "bytes_out": 0,
        "latency": [10] + [0] * 22,
        "latency_sum_us": 300,
        "ewma_us": 0,
    }
    report: Report = {
        "version": 3,
        "log_written": 5,
        "log_dropped": 2,
        "services": {
            "www": {
                "address": "127.0.0.1:8080",
                "connections": 4,
                "accepted": 9,
                "requests": 11,
                "responses": [0, 8, 1, 1, 1],
                "bytes_in": 100,
                "bytes_out": 200,
                "upgraded": 0,
                "rejected": {"bad-request": 1},
                "latency": [0] * 23,
                "latency_sum_us": 0,
            }
        },
        "pools": {
            "web": {
                "queued": 1,
                "queued_total": 2,
                "queue_timeouts": 0,
                "queue_refused": 0,
                "retries": 3,
                "retries_refused": 0,
                "servers": {"a": counted},
            }
        },
    }
    shown = status(cluster.state, report, 5.0, uptime=4.5, file="/etc/steelyard.toml")
    assert (shown.snapshot, shown.decided) == (3, cluster.state.version), "what the planes read, and what is shown"
    assert (shown.uptime_s, shown.log_dropped) == (4.5, 2)
    [service] = shown.services
    assert (service.listen, service.connections, service.rejected) == ("127.0.0.1:8080", 4, {"bad-request": 1})
    assert service.latency_p50_ms is None
    [pool] = shown.pools
    assert (pool.queued, pool.retries) == (1, 3)
    a, b = pool.servers
    assert (a.weight, a.effective_weight, a.active, a.requests) == (6, 6.0, 2, 10)
    assert a.responses == {"1xx": 0, "2xx": 7, "3xx": 1, "4xx": 1, "5xx": 1}
    assert a.failures == {"connect": 1, "reset": 2, "timeout": 3, "protocol": 4}
    assert a.latency_p50_ms == 0.025
    assert (b.health, b.eligible, b.requests, b.latency_p99_ms) == ("unknown", False, 0, None)


def test_the_configuration_in_force_has_what_was_changed_at_run_time() -> None:
    cluster = Cluster(config("a", "b"))
    cluster(happened.WeightRequested("web", "a", 6))
    cluster(happened.AlgorithmRequested("web", "maglev"))
    cluster(happened.AdditionRequested("web", Server(id="n", address="10.0.0.9:80")))
    cluster(happened.RemovalRequested("web", "b"))
    pool = in_force(cluster.state).pools["web"]
    assert pool.algorithm == "maglev"
    assert [(server.id, server.weight) for server in pool.servers] == [("a", 6), ("n", 1)]


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ({}, 0.5, None),
        ({0: 4}, 0.5, 0.025),
        ({1: 1}, 0.99, 0.1),
        ({0: 50, 6: 50}, 0.5, 0.05),
        ({0: 98, 6: 2}, 0.99, 0.875),
        ({22: 1}, 0.5, 10_000.0),
    ],
)
def test_quantiles(counts: dict[int, int], share: float, expected: float | None) -> None:
    histogram = [counts.get(bucket, 0) for bucket in range(len(LATENCY_BUCKETS_US) + 1)]
    found = quantile_ms(histogram, share)
    assert found is expected is None or found == pytest.approx(expected, abs=0.01)
