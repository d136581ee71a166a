"""Reloads: what the file changed is applied, what was changed at run time and what was found out stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from steelyard.config.model import Server
from steelyard.control.effects import FollowNames, Publish, StartProbe, StopProbe
from steelyard.control.events import (
    ActiveCounted,
    AdditionRequested,
    AdminStateRequested,
    AlgorithmRequested,
    ConfigChanged,
    FailuresSeen,
    RemovalRequested,
    Resolution,
    WeightRequested,
)
from steelyard.control.publish import snapshot
from steelyard.health.passive import Sample
from tests.unit.control.build import PROBE, Cluster, config

A = {"id": "a", "address": "10.0.0.1:80"}
B = {"id": "b", "address": "10.0.0.2:80"}
C = {"id": "c", "address": "10.0.0.3:80"}


def reload(cluster: Cluster, *servers: Any, at: float = 10.0, **pool: Any) -> list[str]:
    return cluster(ConfigChanged(config(*servers, **pool), {"web": b"key"}), at)


def names(cluster: Cluster) -> list[str]:
    return list(cluster.state.pools["web"].servers)


def test_the_same_file_again_publishes_nothing() -> None:
    cluster = Cluster(config(A, B, probe=PROBE))
    cluster(ConfigChanged(config(A, B, probe=PROBE)))
    version = cluster.state.version
    assert cluster(ConfigChanged(config(A, B, probe=PROBE))) == ["reloaded"]
    assert cluster.state.version == version
    assert not [effect for effect in cluster.effects if isinstance(effect, Publish | StartProbe | StopProbe)]


def test_health_admin_state_and_ejection_survive() -> None:
    cluster = Cluster(config(A, B, C, probe=PROBE))
    for name in "abc":
        cluster.probe(name, True)
    cluster.probe("a", False, False, False)
    cluster(AdminStateRequested("web", "b", "drain"))
    cluster(FailuresSeen((Sample("web", "c", 9, connect=9),)))
    before = [(server.health, server.admin) for server in cluster.state.pools["web"].servers.values()]
    reload(cluster, {**A, "weight": 9}, B, C, probe=PROBE, algorithm="maglev")
    after = [(server.health, server.admin) for server in cluster.state.pools["web"].servers.values()]
    assert after == before
    assert cluster.state.pools["web"].algorithm_now == "maglev"
    assert cluster.server("a").config.weight == 9


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda: config(A, B), True),
        (lambda: config(A, {**B, "weight": 5}), True),
        (lambda: config({**A, "max_connections": 5}, B), True),
        (lambda: config({**A, "weight": 5}, B), False),
    ],
)
def test_an_operators_weight_stays_until_the_file_changes_that_weight(change: Callable[[], Any], kept: bool) -> None:
    cluster = Cluster(config(A, B))
    cluster(WeightRequested("web", "a", 7))
    cluster(ConfigChanged(change()))
    weights = [server["weight"] for server in snapshot(cluster.state, 0.0)["pools"][0]["servers"]]
    assert weights[0] == (7 if kept else 5)


def test_an_operators_algorithm_stays_until_the_file_changes_it() -> None:
    cluster = Cluster(config(A))
    cluster(AlgorithmRequested("web", "random"))
    reload(cluster, A, B)
    assert cluster.state.pools["web"].algorithm_now == "random"
    reload(cluster, A, B, algorithm="maglev")
    assert cluster.state.pools["web"].algorithm_now == "maglev"


def test_an_added_server_stays_and_becomes_the_files_when_the_file_names_it() -> None:
    cluster = Cluster(config(A))
    cluster(AdditionRequested("web", Server(**C)))
    reload(cluster, A, B)
    assert names(cluster) == ["a", "b", "c"]
    reload(cluster, C, A, B)
    assert names(cluster) == ["c", "a", "b"]
    reload(cluster, A, B)
    assert cluster.eligible == "a b"
    assert cluster.server("c").removing is not None


def test_a_removed_server_stays_away_until_the_file_changes_it() -> None:
    cluster = Cluster(config(A, B))
    cluster(RemovalRequested("web", "b"))
    cluster(ActiveCounted({("web", "b"): 0}))
    reload(cluster, A, B)
    assert names(cluster) == ["a"]
    assert reload(cluster, A, {**B, "weight": 2}) == ["server-added b", "reloaded"]
    assert cluster.eligible == "a b"


def test_a_reload_while_it_drains_does_not_bring_a_removed_server_back() -> None:
    cluster = Cluster(config(A, B))
    cluster(RemovalRequested("web", "b"))
    reload(cluster, A, B)
    assert (cluster.eligible, cluster.keeping) == ("a", "a b")
    cluster(ActiveCounted({("web", "b"): 0}))
    assert names(cluster) == ["a"]


def test_a_server_gone_from_the_file_drains_and_comes_back_with_its_health() -> None:
    cluster = Cluster(config(A, B, probe=PROBE))
    cluster.probe("a", True)
    cluster.probe("b", True)
    reload(cluster, A, probe=PROBE)
    assert (cluster.eligible, cluster.keeping) == ("a", "a b")
    reload(cluster, A, B, probe=PROBE)
    assert cluster.eligible == "a b"
    reload(cluster, A, probe=PROBE)
    assert cluster(ActiveCounted({("web", "b"): 0})) == ["server-drained b", "server-removed b"]
    assert StopProbe("web", "b") in cluster.effects


def test_a_new_address_is_a_new_server_of_the_old_name() -> None:
    cluster = Cluster(config(A, B, probe=PROBE))
    cluster.probe("a", True)
    cluster.probe("b", True)
    reload(cluster, {**A, "address": "10.9.9.9:80"}, B, probe=PROBE)
    assert cluster.server("a").health.health == "unknown"
    assert cluster.eligible == "b"
    [start] = [effect for effect in cluster.effects if isinstance(effect, StartProbe)]
    assert (start.server, start.target.address) == ("a", "10.9.9.9:80")


def test_a_pool_that_goes_takes_its_probes_with_it() -> None:
    cluster = Cluster(config(A, B, probe=PROBE))
    cluster(ConfigChanged(config().model_copy(update={"pools": {}, "services": {}})))
    assert [effect for effect in cluster.effects if isinstance(effect, StopProbe)] == [
        StopProbe("web", "a"),
        StopProbe("web", "b"),
    ]
    assert cluster.state.pools == {}


def test_without_its_probe_a_server_that_was_down_is_up() -> None:
    cluster = Cluster(config(A, B, probe=PROBE))
    cluster.probe("a", False, False, False)
    reload(cluster, A, B)
    assert cluster.eligible == "a b"
    assert StopProbe("web", "a") in cluster.effects


def test_a_changed_probe_is_started_anew_and_health_stays() -> None:
    cluster = Cluster(config(A, probe=PROBE))
    cluster.probe("a", True)
    reload(cluster, A, probe={**PROBE, "interval": "9s"})
    [start] = [effect for effect in cluster.effects if isinstance(effect, StartProbe)]
    assert start.target.probe.interval == 9.0
    assert cluster.server("a").health.health == "up"


def test_marks_change_with_the_key_only() -> None:
    cookie = {"by": "cookie"}
    cluster = Cluster(config(A, affinity=cookie))

    def mark(key: bytes) -> str:
        cluster(ConfigChanged(config(A, B, affinity=cookie), {"web": key}))
        return cluster.server("a").mark

    assert mark(b"one") == mark(b"one") != mark(b"two")
    reload(cluster, A)
    assert cluster.server("a").mark == ""


def test_names_are_followed_as_servers_come_and_go() -> None:
    cluster = Cluster(config(A))
    named = {"id": "n", "address": "app.example:80"}
    found = {"app.example": Resolution("app.example", ("10.1.1.1",))}
    cluster(ConfigChanged(config(A, named), {}, {}, found))
    assert FollowNames(frozenset({"app.example"})) in cluster.effects
    assert cluster.server("n").address == "10.1.1.1:80"
    cluster(ConfigChanged(config(A), {}, {}, {}))
    assert FollowNames(frozenset({"app.example"})) not in cluster.effects
    cluster(ActiveCounted({("web", "n"): 0}))
    assert FollowNames(frozenset()) in cluster.effects


def test_listen_names_are_published_as_they_were_resolved() -> None:
    cluster = Cluster(config(A))
    cluster(ConfigChanged(config(A), {}, {"www": "192.0.2.7:80"}))
    assert snapshot(cluster.state, 0.0)["services"][0]["listen"] == "192.0.2.7:80"
