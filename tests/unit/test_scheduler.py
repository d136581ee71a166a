"""The native scheduler as Python sees it: what it refuses and what it keeps. How it chooses is in ``tests/golden``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from steelyard._native import NativeError, Scheduler


def pool(*ids: str, affinity: dict[str, Any] | None = None, **more: Any) -> bytes:
    servers = [
        {
            "id": each,
            "address": None,
            "weight": 1,
            "eligible": True,
            "keeps": True,
            "max_connections": 0,
            "mark": f"m-{each}",
        }
        for each in ids
    ]
    fixed = {
        "name": "web",
        "revision": 1,
        "algorithm": "round-robin",
        "queue": {"size": 0, "timeout_ms": 0},
        "retry": {"attempts": 1, "budget": 0.2, "min_per_second": 1},
        "hash_mask_v4": 32,
        "hash_mask_v6": 64,
    }
    return json.dumps({**fixed, "affinity": affinity, "servers": servers, **more}).encode()


COOKIE = {"by": "cookie", "form": "insert", "name": "SRV", "same_site": "Lax"}
SOURCE = {"by": "source", "ttl_ms": 1000, "capacity": 100}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"{", "pool: EOF while parsing"),
        (pool("a", algorithm="best"), "pool: unknown variant `best`, expected one of `round-robin`"),
        (pool("a", color="red"), "pool: unknown field `color`"),
        (pool("a", "a"), "pool web: two servers have the id a: ids are unique"),
        (pool("a", hash_mask_v6=129), "pool web: hash_mask_v6: expected from 0 to 128 bits, found 129"),
    ],
)
def test_what_is_no_pool_is_refused(given: bytes, message: str) -> None:
    with pytest.raises(NativeError, match="^" + message.replace("(", r"\(")):
        Scheduler(given)
    scheduler = Scheduler(pool("a"))
    with pytest.raises(NativeError):
        scheduler.update(given)
    assert scheduler.choose("", 0, 0, []) == "a"


def test_wrong_calls_are_refused_and_change_nothing() -> None:
    scheduler = Scheduler(pool("a", "b"))
    with pytest.raises(NativeError, match='client: expected an IP address or an empty string, found "here"'):
        scheduler.choose("here", 0, 0, [])
    with pytest.raises(NativeError, match="server a: no request to end: choose it first"):
        scheduler.release("a", 0, None)
    with pytest.raises(OverflowError):
        scheduler.choose("", 0, -1, [])
    assert scheduler.choose("", 0, 0, ["never-there"]) == "a"
    assert scheduler.active("never-there") == 0


def test_requests_are_counted_and_outlive_an_update() -> None:
    scheduler = Scheduler(pool("a", "b"))
    assert [scheduler.choose("", 0, 0, []) for _ in range(3)] == ["a", "b", "a"]
    scheduler.update(pool("c", "a"))
    assert (scheduler.active("a"), scheduler.active("b"), scheduler.active("c")) == (2, 0, 0)
    scheduler.release("b", 0, None)
    scheduler.release("a", 0, 10)
    assert scheduler.active("a") == 1


def test_peek_changes_nothing() -> None:
    scheduler = Scheduler(pool("a", "b"))
    assert [scheduler.peek("", 0, 0, []) for _ in range(2)] == [("a", "round-robin: next in turn of 2 eligible")] * 2
    assert scheduler.active("a") == 0
    assert scheduler.peek("", 0, 0, ["a", "b"]) == (None, "every eligible server has been tried")
    assert Scheduler(pool()).peek("", 0, 0, []) == (None, "the pool has no servers")


def test_a_mark_leads_to_its_server() -> None:
    scheduler = Scheduler(pool("a", "b", affinity=COOKIE))
    assert [scheduler.choose("", 0, 0, [], mark="m-b") for _ in range(3)] == ["b", "b", "b"]
    assert scheduler.choose("", 0, 0, [], mark="forged") == "a"
    assert scheduler.peek("", 0, 0, [], "m-b") == ("b", "bound to b by its cookie")


def test_an_address_stays_until_it_was_idle_too_long() -> None:
    scheduler = Scheduler(pool("a", "b", affinity=SOURCE))
    assert [scheduler.choose("192.0.2.1", now, 0, []) for now in (0, 900, 1800)] == ["a", "a", "a"]
    assert scheduler.choose("192.0.2.1", 2801, 0, []) == "b"
