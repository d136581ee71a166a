"""The snapshot: its exact shape, what is rendered anew, and the marks."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from steelyard.control.events import AdminStateRequested, TimePassed, WeightRequested
from steelyard.control.marks import mark
from steelyard.control.publish import Renderer, snapshot
from tests.unit.control.build import PROBE, Cluster, config


def test_the_snapshot_is_what_native_code_reads() -> None:
    cluster = Cluster(config("a", {"id": "b", "weight": 3, "max_connections": 9}))
    whole = snapshot(cluster.state, 0.0)
    assert whole["version"] == cluster.state.version
    [pool] = whole["pools"]
    assert pool.pop("servers") == [
        {
            "id": "a",
            "address": "10.0.0.1:80",
            "weight": 1,
            "eligible": True,
            "keeps": True,
            "cut": False,
            "max_connections": 0,
            "mark": "",
        },
        {
            "id": "b",
            "address": "10.0.0.2:80",
            "weight": 3,
            "eligible": True,
            "keeps": True,
            "cut": False,
            "max_connections": 9,
            "mark": "",
        },
    ]
    assert pool == {
        "name": "web",
        "revision": 1,
        "algorithm": "round-robin",
        "affinity": None,
        "queue": {"size": 1024, "timeout_ms": 5000},
        "retry": {"attempts": 3, "budget": 0.2, "min_per_second": 10},
        "cuts": False,
        "hash_mask_v4": 32,
        "hash_mask_v6": 64,
    }
    [service] = whole["services"]
    assert service["timeouts"]["tunnel"] == 3_600_000
    assert service["limits"]["header_count"] == 100
    assert {key: service[key] for key in ("name", "mode", "listen", "pool", "accept_proxy", "send_proxy")} == {
        "name": "www",
        "mode": "proxy",
        "listen": "127.0.0.1:0",
        "pool": "web",
        "accept_proxy": False,
        "send_proxy": "off",
    }


def test_affinity_in_all_forms() -> None:
    source = Cluster(config("a", affinity={"by": "source", "ttl": "90s", "capacity": 64}))
    assert snapshot(source.state, 0.0)["pools"][0]["affinity"] == {"by": "source", "ttl_ms": 90_000, "capacity": 64}
    cookie = Cluster(config("a", affinity={"by": "cookie", "name": "sid", "form": "append"}))
    [pool] = snapshot(cookie.state, 0.0)["pools"]
    assert pool["affinity"] == {"by": "cookie", "form": "append", "name": "sid", "same_site": "Lax"}
    assert len(pool["servers"][0]["mark"]) == 22


def test_weights_are_hundredths_only_while_something_warms() -> None:
    cluster = Cluster(config("a", "b", probe=PROBE, slow_start="10s", algorithm="weighted-round-robin"))
    cluster.probe("a", True, at=0.0)
    cluster.probe("b", True, at=50.0)

    def weights(at: float) -> list[int]:
        cluster(TimePassed(), at=at)
        return [server["weight"] for server in snapshot(cluster.state, at)["pools"][0]["servers"]]

    assert weights(50.0) == [100, 10]
    assert weights(55.0) == [100, 50]
    assert weights(60.0) == [1, 1]


def test_a_renderer_that_remembers_renders_the_same() -> None:
    cluster = Cluster(config(*"abcdef", probe=PROBE))
    remembering = Renderer()
    for step in range(12):
        cluster.probe("abcdef"[step % 6], step % 5 != 0)
        cluster(WeightRequested("web", "abcdef"[-step % 6], step + 1))
        cluster(AdminStateRequested("web", "abcdef"[step % 3], "drain" if step % 2 else "ready"))
        assert json.loads(remembering.render(cluster.state, 1.0)) == snapshot(cluster.state, 1.0)


@given(st.text(max_size=20), st.text(max_size=20), st.binary(min_size=1, max_size=40))
def test_marks_are_stable_opaque_and_keyed(pool: str, server: str, key: bytes) -> None:
    made = mark(key, pool, server)
    assert made == mark(key, pool, server)
    assert len(made) == 22
    assert made.replace("-", "a").replace("_", "a").isalnum()
    assert made != mark(key + b"x", pool, server)
    assert made != mark(key, pool, server + "x")
