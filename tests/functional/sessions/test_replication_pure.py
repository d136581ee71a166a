"""Placement, copies and messages, without a network."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.sessions.codec import decode, encode
from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.record import ENDED, Content, Entry, Stored
from steelyard.sessions.replication import options, wire
from steelyard.sessions.replication.placement import PARTITIONS, View, holders
from steelyard.sessions.replication.replica import Held, Operation, Replica, join
from steelyard.sessions.replication.wire import Message, WireError

NAMES = ("a", "b", "c", "d", "e")


# Placement -----------------------------------------------------------------------------------------------------------


def test_who_leaves_moves_only_what_it_held() -> None:
    for number in range(PARTITIONS):
        before, after = holders(number, NAMES, 2), holders(number, NAMES[:-1], 2)
        assert [name for name in before if name != "e"] == list(after)[: 2 - ("e" in before)]


def test_the_backup_becomes_the_owner() -> None:
    for number in range(PARTITIONS):
        owner, backup = holders(number, NAMES, 2)
        assert holders(number, tuple(n for n in NAMES if n != owner), 2)[0] == backup


def test_owners_share_evenly() -> None:
    owned = Counter(holders(number, NAMES, 2)[0] for number in range(PARTITIONS))
    assert min(owned.values()) > 0.7 * PARTITIONS / len(NAMES)


def test_all_copies() -> None:
    assert set(holders(1, NAMES, 0)) == set(NAMES)


def test_a_restarted_member_is_another_one() -> None:
    view = View(frozenset({("a", "1")}), 2)
    again = view.with_member("a", "2")
    assert again.members == {("a", "2")}
    assert again.digest != view.digest
    assert again.with_member("a", "1") is again, "late news of the earlier one"
    assert again.without_member("a", "1").members == again.members


# Copies --------------------------------------------------------------------------------------------------------------


def content(entries: dict[str, tuple[int, bytes | None]]) -> bytes:
    return encode(Content(1.0, 100.0, {key: Entry(*entry) for key, entry in sorted(entries.items())}))


entries = st.dictionaries(
    st.sampled_from("xyz"), st.tuples(st.integers(0, 5), st.none() | st.sampled_from([b"p", b"q"]))
)
bodies = entries.map(content) | st.sampled_from([b"sealed one", b"sealed two"])
vectors = st.dictionaries(st.sampled_from("ab"), st.integers(1, 3), min_size=1).map(lambda v: tuple(sorted(v.items())))
records = st.builds(
    Stored, st.sampled_from([ENDED, 1, 2, 3]), st.sampled_from([10.0, 20.0]), st.sampled_from(["", "ann"]), bodies
).map(lambda stored: Stored(ENDED, stored.expires, "", b"") if stored.version == ENDED else stored)
copies = st.builds(Held, records, vectors)


@given(copies, copies)
def test_join_does_not_depend_on_the_order(one: Held, other: Held) -> None:
    assert join(one, other) == join(other, one)
    assert join(one, one) == one


@given(st.lists(copies, min_size=3, max_size=3))
def test_two_members_that_exchange_copies_come_to_the_same(three: list[Held]) -> None:
    here, there = Replica(), Replica()
    for held in three:
        here.absorb("k", held)
    for held in reversed(three):
        there.absorb("k", held)
    for _ in range(2):
        mine, theirs = here.held("k"), there.held("k")
        assert mine is not None
        assert theirs is not None
        here.absorb("k", theirs)
        there.absorb("k", mine)
    assert here.held("k") == there.held("k")
    assert here.digests() == there.digests()


@given(copies, copies)
def test_an_end_is_final(one: Held, other: Held) -> None:
    ended = ENDED in (one.stored.version, other.stored.version)
    assert (join(one, other).stored.version == ENDED) == ended


def test_both_sides_of_a_partition_are_kept() -> None:
    before = Held(Stored(1, 50.0, "", content({"x": (1, b"0")})), (("a", 1),))
    here = Held(Stored(2, 50.0, "", content({"x": (1, b"0"), "y": (2, b"here")})), (("a", 2),))
    there = Held(Stored(2, 60.0, "", content({"x": (3, b"there")})), (("a", 1), ("b", 1)))
    both = join(here, there)
    assert {key: entry.value for key, entry in decode(both.stored.body).entries.items()} == {
        "x": b"there",
        "y": b"here",
    }
    assert both.stored.version == 3, "a save on either branch is outrun"
    assert both.stored.expires == 60.0
    assert join(both, before) == both


def test_a_successor_replaces_so_that_a_deleted_key_stays_deleted() -> None:
    before = Held(Stored(1, 50.0, "", content({"x": (1, b"0")})), (("a", 1),))
    after = Held(Stored(2, 50.0, "", content({})), (("a", 2),))
    assert join(before, after) == after


def test_an_operation_asked_again_is_done_once() -> None:
    replica = Replica()
    stored = Stored(1, 50.0, "", b"x")
    asked = Operation("create", "k", 1.0, stored=stored)
    answer, held = replica.decide(asked, "a")
    assert held is not None
    replica.absorb("k", held)
    assert replica.decide(asked, "a")[0].outcome == "no"
    again, unchanged = replica.decide(Operation("create", "k", 1.0, stored=stored, again=True), "a")
    assert (answer.outcome, again.outcome, unchanged) == ("ok", "ok", None)


def test_what_is_dropped_leaves_nothing() -> None:
    replica = Replica()
    empty = replica.digests()
    for number in range(100):
        replica.absorb(str(number), Held(Stored(1, 50.0 + number, "ann", b"body"), (("a", 1),)))
    assert replica.bytes_held == 400
    assert len(replica.purge(99.0, 10)) == 10
    for number in range(PARTITIONS):
        replica.drop_partition(number)
    assert (replica.digests(), replica.bytes_held, len(replica)) == (empty, 0, 0)
    assert replica.of_principal("ann", 1.0) == []


# Messages ------------------------------------------------------------------------------------------------------------


@given(st.text(), st.dictionaries(st.text(), st.integers() | st.text()), st.lists(st.tuples(st.text(), copies)))
def test_messages_come_back(kind: str, fields: dict[str, object], held: list[tuple[str, Held]]) -> None:
    message = Message(kind, "view", fields, tuple(held))
    assert wire.unpack(wire.pack(message)) == message


@given(st.binary(), st.integers(0, 400))
def test_any_bytes_are_a_message_or_a_clear_error(noise: bytes, at: int) -> None:
    good = wire.pack(Message("copy", "v", {"n": 1}, (("k", Held(Stored(1, 5.0, "p", b"b" * 99), (("a", 1),))),)))
    for data in (noise, b"\x01" + noise, good[:at], good[:at] + noise + good[at + 1 :]):
        try:
            message = wire.unpack(data)
            wire.asked(message)
        except WireError:
            continue
        assert message.kind


def test_operations_come_back() -> None:
    asked = Operation("replace", "k", 1.5, 2.5, 3, "t", Stored(4, 5.0, "p", b"b"), True)
    assert wire.asked(wire.unpack(wire.pack(wire.asking(asked, "v")))) == asked
    bare = Operation("load", "k", 1.5)
    assert wire.asked(wire.unpack(wire.pack(wire.asking(bare, "v")))) == bare


# URLs ----------------------------------------------------------------------------------------------------------------


def test_a_url_in_full() -> None:
    url = "replicated://web-1@10.0.0.1:7447?peers=10.0.0.2:7447,10.0.0.3:7447&copies=all&cluster=shop&secret_env=S"
    found = options.from_url(url, {"S": "hush"})
    assert found == options.Options(
        "web-1", "10.0.0.1:7447", ("10.0.0.2:7447", "10.0.0.3:7447"), 0, "shop", secret="hush"
    )
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("replicated://10.0.0.1:7447", "NAME@HOST:PORT"),
        ("replicated://a@10.0.0.1", "NAME@HOST:PORT"),
        ("replicated://a@h:1?copies=1", "copies=all"),
        ("replicated://a@h:1?copys=2", "known are"),
        ("replicated://a@h:1?secret_env=NOT_SET", "NOT_SET"),
        ("replicated://a@h:1?timeout=soon", "seconds"),
    ],
)
def test_a_wrong_url_says_what_to_write(url: str, cure: str) -> None:
    with pytest.raises(StoreMisconfigured, match=cure):
        options.from_url(url, {})
