"""Secrets: signatures and seals, their rotation, and what becomes of records that do not open."""

from __future__ import annotations

import hmac
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.sessions import Hooks, Settings, cookie
from steelyard.sessions.conformance import begin
from steelyard.sessions.errors import Unreadable
from steelyard.sessions.keys import Seal, Signer, is_id, new_id, store_key
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import carry_out
from steelyard.sessions.record import Stored
from steelyard.sessions.session import Session
from steelyard.sessions.stores.memory import MemoryStore


def test_a_new_key_in_front_signs_and_the_old_ones_still_count() -> None:
    old, both, new = Signer([b"old"]), Signer([b"new", b"old"]), Signer([b"new"])
    session_id = new_id()
    assert both.unsign(old.sign(session_id)) == session_id
    assert new.unsign(both.sign(session_id)) == session_id
    assert new.unsign(old.sign(session_id)) is None


@given(st.text(max_size=80) | st.text(string.printable, max_size=80))
def test_no_text_is_an_id_that_nobody_signed(text: str) -> None:
    signer = Signer([b"key"])
    assert signer.unsign(text) is None
    assert signer.unsign(f"{new_id()}.{text}") is None
    assert cookie.read(f"session={text}", "session", signer) is None


@given(st.integers(0, 65), st.sampled_from(string.ascii_letters + string.digits + "-_."))
def test_a_changed_character_voids_the_signature(at: int, other: str) -> None:
    signer = Signer([b"key"])
    good = signer.sign(new_id())
    bad = good[:at] + other + good[at + 1 :]
    assert bad == good or signer.unsign(bad) is None


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    signer = Signer([b"new", b"old"])
    good = signer.sign(new_id())
    signer.unsign(good)
    assert compared == [good.partition(".")[2]] * 2, "with every key, also after one has fitted"


def test_ids_are_random_and_the_store_sees_only_their_hash() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(each) and store_key(each) not in ids for each in ids)


def test_bodies_are_sealed_for_their_place_and_keys_rotate() -> None:
    old, both, new = Seal([b"old"]), Seal([b"new", b"old"]), Seal([b"new"])
    sealed = old.close(b"secret", "here")
    assert b"secret" not in sealed
    assert sealed != old.close(b"secret", "here")
    assert both.open(sealed, "here") == b"secret"
    assert new.open(both.close(b"secret", "here"), "here") == b"secret"
    with pytest.raises(Unreadable, match="not in the list"):
        new.open(sealed, "here")
    with pytest.raises(Unreadable, match="belongs to another session"):
        old.open(sealed, "there")
    for at in range(4, len(sealed)):
        with pytest.raises(Unreadable):
            old.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "here")


class Kept:
    """One session in a store, and the store's record of it."""

    def __init__(self, **options: object) -> None:
        self.store = MemoryStore()
        self.connector = self.store.connector()
        self.reported: list[str] = []
        self.manager = self.with_settings(**options)
        self.id = begin(self.manager, self.connector).state.cookie_id or ""
        self.key = store_key(self.id)

    def with_settings(self, **options: object) -> Manager:
        return Manager(self.store, Settings(hooks=Hooks(unreadable=self.reported.append), **options))  # type: ignore[arg-type]

    def load(self, manager: Manager) -> Session:
        session = manager.session(self.id)
        carry_out(manager.load(session), self.connector)
        return session

    def record(self) -> Stored | None:
        return carry_out(self.store.load(self.key, 0.0), self.connector)


@pytest.mark.parametrize("body", [b"", b"{}", b"\x01", b"\x80\x04pickle", bytes(999)])
@pytest.mark.parametrize("keys", [(), (b"key",)])
def test_an_unreadable_record_is_set_aside_and_reported(body: bytes, keys: tuple[bytes, ...]) -> None:
    kept = Kept(encryption_keys=keys)
    before = kept.record()
    assert before is not None
    damaged = Stored(before.version + 1, before.expires, before.principal, body)
    carry_out(kept.store.replace(kept.key, before.version, damaged, 0.0), kept.connector)
    session = kept.load(kept.manager)
    assert session.new
    assert kept.reported == [kept.key]
    session["fresh"] = True
    carry_out(kept.manager.save(session), kept.connector)
    assert session.state.cookie_id != kept.id
    assert kept.record() == damaged, "it is still there for whoever can read it"


def test_without_its_key_a_record_waits_for_the_key() -> None:
    kept = Kept(encryption_keys=(b"lost",))
    assert kept.load(kept.with_settings(encryption_keys=(b"other",))).new
    assert kept.load(kept.with_settings()).new, "also where nothing is encrypted"
    assert not kept.load(kept.with_settings(encryption_keys=(b"other", b"lost"))).new


def test_a_body_copied_to_another_session_opens_nothing() -> None:
    kept = Kept(encryption_keys=(b"key",))
    victim = kept.record()
    assert victim is not None
    thief = begin(kept.manager, kept.connector)
    assert thief.state.stored is not None
    thief_id = thief.state.cookie_id or ""
    stolen = Stored(2, victim.expires, victim.principal, victim.body)
    carry_out(kept.store.replace(store_key(thief_id), 1, stolen, 0.0), kept.connector)
    session = kept.manager.session(thief_id)
    carry_out(kept.manager.load(session), kept.connector)
    assert session.new
