"""Both sides of a partition write, against a model: per key the later change, deletions included.

Two members' copies without a network: each side is an owner of everything, and at a healing they take in each other's.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.sessions.codec import decode
from steelyard.sessions.conformance import begin
from steelyard.sessions.errors import SessionEnded
from steelyard.sessions.keys import Seal, new_id, store_key
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import carry_out
from steelyard.sessions.record import ENDED
from steelyard.sessions.replication.options import Options
from steelyard.sessions.replication.replica import Operation, Replica
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings

pytest.importorskip("zenoh", reason="pip install 'steelyard[replicated]'")

from steelyard.sessions.stores.replicated import ReplicatedStore
from tests.functional.sessions.servers import free_port

TOMBSTONE_S = 1000.0
Model = dict[str, tuple[float, int | None]]
"""When each key was last changed, and to what; None: deleted."""


class Side:
    """One half of a cluster: its copies, its requests, and what a plain last-writer-wins map would say."""

    def __init__(self, name: str, clock: list[float], keys: tuple[bytes, ...]) -> None:
        self.name, self.replica, self.model = name, Replica(), Model()
        self.replica.seal = Seal(keys)
        settings = Settings(insecure=True, tombstone=TOMBSTONE_S, encryption_keys=keys)
        self.manager = Manager(ReplicatedStore(Options(name, "127.0.0.1:1")), settings, lambda: clock[0])

    def execute(self, command: Operation) -> Any:
        answer, held = self.replica.decide(command, self.name)
        if held is not None:
            self.replica.absorb(command.key, held)
        return answer

    def close(self) -> None:
        """Nothing is open."""

    def session(self, session_id: str) -> Session:
        session = self.manager.session(session_id)
        carry_out(self.manager.load(session), self)
        return session

    def save(self, session: Session) -> None:
        carry_out(self.manager.save(session), self)


class Pair:
    """A cluster of two halves that share one session at the beginning."""

    def __init__(self, keys: tuple[bytes, ...] = ()) -> None:
        self.clock = [1_000_000.0]
        self.sides = Side("a", self.clock, keys), Side("b", self.clock, keys)
        session_id = begin(self.sides[0].manager, self.sides[0]).state.cookie_id
        assert session_id is not None
        self.id, self.key = session_id, store_key(session_id)
        self.heal()

    def heal(self) -> None:
        """Copies go both ways, and once more, as each may have joined what the other has not seen yet."""
        for one, other in (self.sides, self.sides[::-1]) * 2:
            held = one.replica.held(self.key)
            if held is not None:
                other.replica.absorb(self.key, held)
        joined = {**self.sides[0].model}
        for key, (at, value) in self.sides[1].model.items():
            if key not in joined or at > joined[key][0]:
                joined[key] = (at, value)
        for side in self.sides:
            side.model = dict(joined)

    def change(self, number: int, key: str, value: int | None) -> None:
        self.clock[0] += 1
        side, session = self.sides[number], self.sides[number].session(self.id)
        if value is None and key not in session:
            return
        if value is None:
            del session[key]
        elif session.get(key) == value:
            return  # no change, and nothing is saved
        else:
            session[key] = value
        side.save(session)
        side.model[key] = (self.clock[0], value)

    def seen(self, number: int) -> dict[str, int]:
        return {key: value for key, value in self.sides[number].session(self.id).items() if key != "begun"}


CHANGES = st.tuples(st.integers(0, 1), st.sampled_from("xyz"), st.none() | st.integers(0, 3))
STEPS = st.lists(CHANGES | st.just("heal"), max_size=40)


KEYS = st.sampled_from([(), (b"a key",)])


@given(STEPS, KEYS)
def test_after_healing_both_sides_have_each_keys_later_change(steps: list[Any], keys: tuple[bytes, ...]) -> None:
    pair = Pair(keys)
    for step in steps:
        if step == "heal":
            pair.heal()
        else:
            pair.change(*step)
        for number, side in enumerate(pair.sides):
            assert pair.seen(number) == {k: v for k, (_, v) in side.model.items() if v is not None}
    pair.heal()
    assert pair.seen(0) == pair.seen(1) == {k: v for k, (_, v) in pair.sides[0].model.items() if v is not None}
    one, other = (side.replica.held(pair.key) for side in pair.sides)
    assert one == other


@given(STEPS, STEPS, KEYS)
def test_a_session_ended_on_one_side_stays_ended(before: list[Any], during: list[Any], keys: tuple[bytes, ...]) -> None:
    pair = Pair(keys)
    for step in [*before, "heal"]:
        pair.heal() if step == "heal" else pair.change(*step)
    ending = pair.sides[0].session(pair.id)
    ending.end()
    pair.sides[0].save(ending)
    for step in during:
        if step != "heal":
            pair.change(1, *step[1:])
    running = pair.sides[1].session(pair.id)
    pair.heal()
    for side in pair.sides:
        assert side.session(pair.id).new
        held = side.replica.held(pair.key)
        assert held is not None
        assert held.stored.version == ENDED
    running["late"] = 1
    with pytest.raises(SessionEnded):
        pair.sides[1].save(running)


def traces(pair: Pair, number: int) -> set[str]:
    held = pair.sides[number].replica.held(pair.key)
    assert held is not None
    return {key for key, entry in decode(held.stored.body).entries.items() if entry.value is None}


def test_what_was_deleted_is_remembered_for_a_while_and_no_longer() -> None:
    pair = Pair()
    pair.change(0, "x", 1)
    pair.change(0, "x", None)
    assert traces(pair, 0) == {"x"}
    pair.clock[0] += TOMBSTONE_S - 10
    pair.change(0, "y", 1)
    assert traces(pair, 0) == {"x"}
    pair.clock[0] += 20
    pair.change(0, "y", 2)
    assert traces(pair, 0) == set()


def test_a_trace_is_no_key() -> None:
    pair = Pair()
    pair.change(0, "x", 1)
    pair.change(0, "x", None)
    session = pair.sides[0].session(pair.id)
    assert ("x" in session, len(session), list(session), session.get("x")) == (False, 1, ["begun"], None)
    assert not session.modified
    session["x"] = 2
    pair.sides[0].save(session)
    assert pair.sides[0].session(pair.id)["x"] == 2
    session = pair.sides[0].session(pair.id)
    session.clear()
    pair.sides[0].save(session)
    assert pair.sides[0].session(pair.id).new, "emptied is ended, whatever traces there are"


def test_a_member_is_lent_the_applications_keys() -> None:
    """Before it is made and after, and not taken from it by a manager without keys."""
    store = ReplicatedStore(Options("a", f"127.0.0.1:{free_port()}", cluster=new_id(), join=0.1))
    Manager(store, Settings(encryption_keys=(b"first",)))
    connector = store.connector()
    try:
        sealed = Seal((b"first",)).close(b"body", "k")
        assert store.node._replica.seal.open(sealed, "k") == b"body"
        Manager(store, Settings(encryption_keys=(b"second", b"first")))
        Manager(store)
        assert store.node._replica.seal.open(Seal((b"second",)).close(b"body", "k"), "k") == b"body"
        assert store.node._replica.seal.open(sealed, "k") == b"body"
    finally:
        connector.close()
