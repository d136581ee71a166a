"""Events in, effects out: health, tiers, drains, removals, ejections, as sequences of what happened."""

from __future__ import annotations

import pytest

from steelyard.config.model import Server
from steelyard.control.effects import Publish, StartProbe, StopProbe
from steelyard.control.events import (
    ActiveCounted,
    AdditionRequested,
    AdminStateRequested,
    AlgorithmRequested,
    FailuresSeen,
    ListenersOpened,
    NamesResolved,
    RemovalRequested,
    Resolution,
    StopRequested,
    TimePassed,
    WeightRequested,
)
from steelyard.errors import Refused, UnknownName
from steelyard.health.passive import Sample
from tests.unit.control.build import PROBE, Cluster, config


def admin(server: str, state: str) -> AdminStateRequested:
    return AdminStateRequested("web", server, state)  # type: ignore[arg-type]


def refusals(server: str, number: int = 5) -> FailuresSeen:
    return FailuresSeen((Sample("web", server, number, connect=number),))


def answers_5xx(server: str, number: int = 40) -> FailuresSeen:
    return FailuresSeen((Sample("web", server, number, status_5xx=number),))


def idle(*servers: str) -> ActiveCounted:
    return ActiveCounted({("web", server): 0 for server in servers})


def test_without_a_probe_servers_are_up_from_the_start() -> None:
    assert Cluster(config("a", "b")).eligible == "a b"


def test_unknown_servers_serve_while_nothing_is_up() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE))
    assert cluster.eligible == "a b"
    assert cluster.probe("a", True) == ["server-up a"]
    assert cluster.eligible == "a"
    assert cluster.probe("b", True) == ["server-up b"]
    assert cluster.eligible == "a b"


def test_a_server_goes_down_after_fall_and_comes_up_after_rise() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE))
    cluster.probe("a", True)
    cluster.probe("b", True)
    assert cluster.probe("a", False, False) == []
    assert cluster.eligible == "a b"
    assert cluster.probe("a", False) == ["server-down a"]
    assert cluster.eligible == "b"
    assert cluster.probe("a", True, True) == ["server-up a"]
    assert cluster.eligible == "a b"


def test_all_down_leaves_nobody() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE))
    cluster.probe("a", False, False, False)
    cluster.probe("b", False, False, False)
    assert cluster.eligible == ""


def test_backups_serve_only_while_no_primary_does() -> None:
    cluster = Cluster(config("a", "b", {"id": "spare", "backup": True}, probe=PROBE))
    for server in ("a", "b", "spare"):
        cluster.probe(server, True)
    assert cluster.eligible == "a b"
    cluster.probe("a", False, False, False)
    assert cluster.eligible == "b"
    cluster(admin("b", "drain"))
    assert cluster.eligible == "spare"
    cluster.probe("a", True, True)
    assert cluster.eligible == "a"


def test_only_what_shows_is_published() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE))
    cluster.probe("a", True)
    assert Publish() in cluster.effects
    version = cluster.state.version
    cluster.probe("a", True)
    assert Publish() not in cluster.effects
    assert cluster.state.version == version


def test_nothing_is_published_before_the_listeners_open_nor_while_stopping() -> None:
    cluster = Cluster(config("a", probe=PROBE), opened=False)
    cluster.probe("a", True)
    assert Publish() not in cluster.effects
    cluster(ListenersOpened())
    assert Publish() in cluster.effects
    assert cluster(StopRequested()) == ["stopping"]
    cluster.probe("a", False, False, False)
    assert Publish() not in cluster.effects


def test_drain_keeps_its_clients_and_tells_when_nothing_runs_any_more() -> None:
    cluster = Cluster(config("a", "b"))
    assert cluster(admin("a", "drain")) == ["admin-changed a"]
    assert (cluster.eligible, cluster.keeping) == ("b", "a b")
    assert cluster(ActiveCounted({("web", "a"): 3})) == []
    assert cluster(idle("a")) == ["server-drained a"]
    assert cluster(idle("a")) == []
    assert cluster.server("a").drained
    cluster(admin("a", "ready"))
    assert cluster.eligible == "a b"
    assert not cluster.server("a").drained


def test_maintenance_keeps_nobody_and_counts_no_probe() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE))
    cluster.probe("a", True)
    cluster.probe("b", True)
    cluster(admin("a", "maintenance"))
    assert StopProbe("web", "a") in cluster.effects
    assert cluster.keeping == "b"
    assert cluster.probe("a", False, False, False) == []
    assert cluster.server("a").health.health == "up"
    cluster(admin("a", "ready"))
    assert cluster.server("a").health.health == "unknown"
    assert any(isinstance(effect, StartProbe) for effect in cluster.effects)
    cluster.probe("a", True)
    assert cluster.eligible == "a b"


def test_the_same_admin_state_again_changes_nothing() -> None:
    cluster = Cluster(config("a", "b"))
    cluster(admin("a", "drain"))
    assert cluster(admin("a", "drain")) == []
    assert cluster.effects == ()


def test_removal_drains_first() -> None:
    cluster = Cluster(config("a", "b"))
    cluster(RemovalRequested("web", "a"))
    assert (cluster.eligible, cluster.keeping) == ("b", "a b")
    cluster(ActiveCounted({("web", "a"): 1}))
    assert "a" in cluster.state.pools["web"].servers
    assert cluster(idle("a")) == ["server-drained a", "server-removed a"]
    assert list(cluster.state.pools["web"].servers) == ["b"]


def test_removal_does_not_wait_for_ever() -> None:
    cluster = Cluster(config("a", "b"))
    cluster(RemovalRequested("web", "a"), at=100.0)
    assert cluster(TimePassed(), at=129.9) == []
    assert cluster(TimePassed(), at=130.0) == ["server-removed a"]


def test_a_server_being_removed_takes_no_admin_state_but_may_be_added_again() -> None:
    cluster = Cluster(config("a", "b"))
    cluster(RemovalRequested("web", "a"))
    with pytest.raises(Refused, match="being removed"):
        cluster(admin("a", "ready"))
    assert cluster(AdditionRequested("web", Server(id="a", address="10.0.0.1:80"))) == ["server-added a"]
    assert cluster.eligible == "a b"


def test_addition_of_what_is_there_is_refused() -> None:
    with pytest.raises(Refused, match="there already"):
        Cluster(config("a"))(AdditionRequested("web", Server(id="a", address="10.0.0.9:80")))


def test_an_added_server_with_a_probe_waits_for_its_first_good_one() -> None:
    cluster = Cluster(config("a", probe=PROBE))
    cluster.probe("a", True)
    assert cluster(AdditionRequested("web", Server(id="n", address="10.0.0.9:80"))) == ["server-added n"]
    assert cluster.eligible == "a"
    cluster.probe("n", True)
    assert cluster.eligible == "a n"


def test_weight_and_algorithm() -> None:
    cluster = Cluster(config("a", "b"))
    assert cluster(WeightRequested("web", "a", 7)) == ["server-weighted a"]
    assert Publish() in cluster.effects
    assert cluster(WeightRequested("web", "a", 7)) == []
    assert cluster(AlgorithmRequested("web", "maglev")) == ["algorithm-changed"]
    assert cluster.state.pools["web"].algorithm_now == "maglev"
    with pytest.raises(Refused, match="from 1 to 1000"):
        cluster(WeightRequested("web", "a", 0))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (admin("aa", "drain"), "no server in pool 'web' is called 'aa'; did you mean 'a'?"),
        (AdminStateRequested("wed", "a", "drain"), "no pool is called 'wed'; did you mean 'web'?"),
        (RemovalRequested("web", "zzz"), "no server in pool 'web' is called 'zzz'; there is 'a', 'b'"),
        (
            AlgorithmRequested("web", "round-robbin"),
            "no algorithm is called 'round-robbin'; did you mean 'round-robin'?",
        ),  # type: ignore[arg-type]
    ],
)
def test_unknown_names_name_the_nearest(event: object, message: str) -> None:
    with pytest.raises(UnknownName) as caught:
        Cluster(config("a", "b"))(event)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_connect_failures_take_a_server_out_until_its_time_is_over() -> None:
    cluster = Cluster(config("a", "b", "c"))
    assert cluster(refusals("a"), at=1.0) == ["server-ejected a"]
    assert (cluster.eligible, cluster.keeping) == ("b c", "b c")
    assert cluster(TimePassed(), at=5.9) == []
    assert cluster(TimePassed(), at=6.0) == ["server-returned a"]
    assert cluster.eligible == "a b c"
    assert cluster(refusals("a", 1), at=6.5) == ["server-ejected a"]
    assert cluster(TimePassed(), at=16.5) == ["server-returned a"]


def test_traffic_never_takes_the_last_server_that_can_serve() -> None:
    cluster = Cluster(config("a", "b"))
    cluster(refusals("a"), at=1.0)
    assert cluster(refusals("b"), at=2.0) == []
    assert cluster.eligible == "b"


def test_bad_answers_take_at_most_half() -> None:
    cluster = Cluster(config("a", "b", "c", "d"))
    said = [word for server in "abcd" for word in cluster(answers_5xx(server), at=1.0)]
    assert said == ["server-ejected a", "server-ejected b"]
    assert cluster.eligible == "c d"


def test_what_traffic_took_out_serves_again_when_the_probe_takes_the_rest() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE))
    cluster.probe("a", True)
    cluster.probe("b", True)
    cluster(refusals("a"), at=1.0)
    assert cluster.eligible == "b"
    cluster.probe("b", False, False, False)
    assert cluster.eligible == "a"


def test_the_last_primary_may_go_out_where_a_backup_is_up() -> None:
    cluster = Cluster(config("a", {"id": "spare", "backup": True}))
    cluster(refusals("a"), at=1.0)
    assert cluster.eligible == "spare"


def test_a_disabled_judge_is_silent() -> None:
    cluster = Cluster(config("a", "b", passive={"enabled": False}))
    assert cluster(refusals("a", 500)) == []


def test_names_are_resolved_and_the_last_good_address_stays() -> None:
    cluster = Cluster(config({"id": "a", "address": "app.example:80"}, "b"))
    assert cluster.eligible == "b"
    assert cluster(NamesResolved((Resolution("app.example", ("10.1.1.1", "10.1.1.2")),))) == ["server-resolved a"]
    assert (cluster.server("a").address, cluster.eligible) == ("10.1.1.1:80", "a b")
    assert cluster(NamesResolved((Resolution("app.example", ("10.1.1.2", "10.1.1.1")),))) == []
    assert cluster(NamesResolved((Resolution("app.example", (), "no such name"),))) == ["server-unresolved a"]
    assert cluster.server("a").address == "10.1.1.1:80"
    assert cluster(NamesResolved((Resolution("app.example", ("2001:db8::5",)),))) == ["server-resolved a"]
    assert cluster.server("a").address == "[2001:db8::5]:80"


def test_slow_start_grows_the_weight_and_ends() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE, slow_start="10s", algorithm="weighted-round-robin"))
    cluster.probe("a", True, at=0.0)
    cluster.probe("b", True, at=0.0)
    cluster.probe("b", False, False, False, at=5.0)
    cluster.probe("b", True, True, at=20.0)
    assert cluster.state.pools["web"].warming == {"a", "b"}
    cluster(TimePassed(), at=25.0)
    assert Publish() in cluster.effects
    assert cluster.state.pools["web"].warming == {"b"}
    cluster(TimePassed(), at=30.0)
    assert cluster.state.pools["web"].warming == frozenset()


def test_what_comes_up_before_the_listeners_open_needs_no_slow_start() -> None:
    cluster = Cluster(config("a", probe=PROBE, slow_start="10s", algorithm="weighted-round-robin"), opened=False)
    cluster.probe("a", True)
    assert cluster.state.pools["web"].warming == frozenset()
