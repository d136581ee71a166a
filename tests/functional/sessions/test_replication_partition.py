"""A real partition: members in network namespaces, the cable pulled, both sides write, the cable mended."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.functional.sessions.network import Network, network
from tests.functional.sessions.test_replication_cluster import Cluster, Member, until, written

PORT = 7447


class Apart(Cluster):
    """Each member at an address of its own."""

    def __init__(self, size: int, copies: str, network: Network) -> None:
        super().__init__(size, copies)
        self.network = network

    def begin(self, number: int) -> Member:
        addresses = [f"{self.network.address(each)}:{PORT}" for each in range(len(self.ports))]
        options = f"copies={self.copies}&cluster={self.name}&peers={','.join(addresses)}&secret_env=CLUSTER_SECRET"
        url = f"replicated://m{number}@{addresses[number]}?{options}&join=2"
        self.members[number] = Member(url, self.secret, self.network.inside(number))
        return self.members[number]


@pytest.fixture(params=["2", "all"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Apart]:
    with network(3) as made:
        apart = Apart(3, request.param, made)
        try:
            apart.begin_all()
            yield apart
        finally:
            for member in apart.members.values():
                member.end()


def test_both_sides_write_and_nothing_acknowledged_is_lost(cluster: Apart) -> None:
    alone, *others = cluster.members.values()
    for name in ("common", "both", "dropped", "dropped-there"):
        assert alone.ask(f"put shop {name} before", "put") == "True"
    for session in ("ended-here", "ended-there"):
        assert others[0].ask(f"put {session} name before", "put") == "True"

    cluster.network.cut(0)
    until(lambda: alone.stats()["members"] == 1 and all(member.stats()["members"] == 2 for member in others))
    assert others[0].ask("put shop both there-first", "put") == "True"
    assert alone.ask("put shop both here-later", "put") == "True"
    assert alone.ask("put shop here during", "put") == "True"
    assert others[1].ask("put shop there during", "put") == "True"
    assert alone.ask("drop shop dropped", "put") == "True"
    assert others[1].ask("drop shop dropped-there", "put") == "True"
    assert alone.ask("end ended-here", "ended") == ""
    assert others[0].ask("put ended-here name during", "put") == "True"
    assert others[1].ask("end ended-there", "ended") == ""
    assert alone.ask("put ended-there name during", "put") == "True"
    keys = []
    for member, prefix in ((alone, "a"), (others[0], "b"), (others[1], "c")):
        member.tell(f"write {prefix} 60 300")
        keys += written(member)
    assert len(keys) == 180, "both sides go on"

    cluster.network.heal(0)
    cluster.until_settled(3)
    for member in cluster.members.values():
        assert json.loads(member.ask("get shop", "got")) == {
            "common": "before",
            "both": "here-later",
            "here": "during",
            "there": "during",
        }
        assert member.ask("have ended-here ended-there", "missing") == "2", "ended sessions stay ended"
        assert member.ask("have " + " ".join(keys), "missing") == "0"
        assert member.ask("count", "count") == "181"
    assert others[0].ask("put shop after healing", "put") == "True"
    assert json.loads(alone.ask("get shop", "got"))["after"] == "healing"


def test_a_cluster_that_falls_apart_altogether_comes_together(cluster: Apart) -> None:
    members = list(cluster.members.values())
    assert members[0].ask("put shop common before", "put") == "True"
    cluster.network.cut(0, 1, 2)
    until(lambda: all(member.stats()["members"] == 1 for member in members))
    for number, member in enumerate(members):
        assert member.ask(f"put shop m{number} during", "put") == "True"
        assert member.ask(f"put shop last {number}", "put") == "True"
    cluster.network.heal(0, 1, 2)
    cluster.until_settled(3)
    for member in members:
        assert json.loads(member.ask("get shop", "got")) == {
            "common": "before",
            "m0": "during",
            "m1": "during",
            "m2": "during",
            "last": "2",
        }
