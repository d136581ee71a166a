"""One member's copy of the sessions: what an owner decides, and how copies are brought together. Pure.

A record carries a version vector (``seen``: who changed it how often) beside the store's version. A copy whose vector
covers another's is its successor and replaces it. Where neither covers the other, both sides of a partition wrote:
then the contents are joined key by key (``merge.join``); where a body cannot be opened the one with more saves is kept.
An end always wins, so no merge brings a session back. Fidge 1988 and Mattern 1989 are where the vectors come from.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

from steelyard.sessions import merge
from steelyard.sessions.codec import decode, encode
from steelyard.sessions.errors import Unreadable
from steelyard.sessions.keys import Seal
from steelyard.sessions.record import ENDED, Content, Stored
from steelyard.sessions.replication.placement import PARTITIONS, partition

LEASE = "lease "
"""The prefix of leases among the keys; they are copied like sessions but not counted."""


@dataclass(frozen=True, slots=True)
class Held:
    """A record and its past."""

    stored: Stored
    seen: tuple[tuple[str, int], ...]
    """The version vector, sorted by member."""

    def live(self, now: float) -> bool:
        return self.stored.version != ENDED and self.stored.expires > now


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked of a key's owner. ``again``: it may have been carried out already, and the reply was lost."""

    name: Literal["load", "create", "replace", "touch", "end", "lock", "unlock"]
    key: str
    now: float
    until: float = 0.0
    expected: int = 0
    token: str = ""
    stored: Stored | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The owner's answer, with the record where one belongs to it."""

    outcome: Literal["ok", "no", "outrun", "gone"]
    stored: Stored | None = None


class Replica:
    """The records that one member keeps. The caller sees to it that one thread at a time is inside."""

    def __init__(self) -> None:
        self.seal = Seal(())
        """Opens what two sides of a partition saved, and closes what comes of them."""
        self._parts: list[dict[str, Held]] = [{} for _ in range(PARTITIONS)]
        self._digests = [0] * PARTITIONS
        self._principals: dict[str, set[str]] = {}
        self.bytes_held = 0
        self.sessions = 0
        """Neither ended ones nor leases; those past their end until they are purged."""

    # What an owner decides -------------------------------------------------------------------------------------------

    def decide(self, asked: Operation, owner: str) -> tuple[Answer, Held | None]:
        """The answer, and the record to copy where something changed. Nothing is kept yet: ``absorb`` does that."""
        there = self.held(asked.key)
        live = there.stored if there is not None and there.live(asked.now) else None
        answer, stored = _decide(asked, there.stored if there else None, live)
        return answer, None if stored is None else Held(stored, _after(there, owner))

    # Copies ----------------------------------------------------------------------------------------------------------

    def held(self, key: str) -> Held | None:
        return self._parts[partition(key)].get(key)

    def absorb(self, key: str, held: Held) -> None:
        """Take in a copy: a successor replaces what is here, a predecessor is no news, two branches are joined."""
        there = self.held(key)
        joined = held if there is None else join(there, held, key, self.seal)
        if joined != there:
            self._put(key, joined)

    def digests(self) -> list[int]:
        """One number a partition; copies of a partition are equal where these are."""
        return list(self._digests)

    def marks(self, number: int) -> dict[str, int]:
        """The state of each record in a partition, as one number."""
        return {key: _mark(key, held) for key, held in self._parts[number].items()}

    def unlike(self, number: int, marks: dict[str, int], now: float) -> list[tuple[str, Held]]:
        """The records of a partition of which another, who has ``marks``, has none or a different copy."""
        found = self._parts[number].items()
        return [(k, held) for k, held in found if held.stored.expires > now and marks.get(k) != _mark(k, held)]

    # Questions about many --------------------------------------------------------------------------------------------

    def of_principal(self, principal: str, now: float) -> list[str]:
        keys = self._principals.get(principal, set()) if principal else set()
        return [key for key in keys if (held := self.held(key)) is not None and held.live(now)]

    def count(self, numbers: Iterable[int], now: float) -> int:
        """How many sessions there are in some partitions."""
        return sum(
            h.live(now) and not k.startswith(LEASE) for number in numbers for k, h in self._parts[number].items()
        )

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def purge(self, now: float, limit: int) -> list[str]:
        """Forget up to ``limit`` sessions past their end and return their keys; all else past its end goes too."""
        past = [(key, held) for part in self._parts for key, held in part.items() if held.stored.expires <= now]
        sessions = [key for key, held in past if _is_session(key, held)][:limit]
        for key in [*sessions, *(key for key, held in past if not _is_session(key, held))]:
            self._drop(key)
        return sessions

    def drop_partition(self, number: int) -> None:
        """Forget what others keep now."""
        for key in list(self._parts[number]):
            self._drop(key)

    def _put(self, key: str, held: Held) -> None:
        number = partition(key)
        if key in self._parts[number]:
            self._drop(key)
        self._parts[number][key] = held
        self._digests[number] ^= _mark(key, held)
        self.bytes_held += len(held.stored.body)
        self.sessions += _is_session(key, held)
        if held.stored.principal:
            self._principals.setdefault(held.stored.principal, set()).add(key)

    def _drop(self, key: str) -> Held:
        number = partition(key)
        held = self._parts[number].pop(key)
        self._digests[number] ^= _mark(key, held)
        self.bytes_held -= len(held.stored.body)
        self.sessions -= _is_session(key, held)
        if held.stored.principal:
            keys = self._principals[held.stored.principal]
            keys.discard(key)
            if not keys:
                del self._principals[held.stored.principal]
        return held


def _decide(  # noqa: PLR0911 (one return a rule)
    asked: Operation, there: Stored | None, live: Stored | None
) -> tuple[Answer, Stored | None]:
    done = asked.again and live is not None and asked.stored is not None and _same_save(live, asked.stored)
    match asked.name:
        case "load":
            return Answer("ok", live), None
        case "create" if done or there is None or (live is None and there.version != ENDED):
            return Answer("ok"), None if done else asked.stored
        case "replace" if live is None:
            return Answer("gone"), None
        case "replace" if done or (live is not None and live.version == asked.expected):
            return Answer("ok"), None if done else asked.stored
        case "replace":
            return Answer("outrun", live), None
        case "touch" if live is not None:
            return Answer("ok"), replace(live, expires=asked.until) if live.expires < asked.until else None
        case "end":
            return Answer("ok", live), Stored(ENDED, asked.until, "", b"")
        case "lock" if live is None or live.body == asked.token.encode():
            return Answer("ok"), Stored(1, asked.until, "", asked.token.encode())
        case "unlock" if live is not None and live.body == asked.token.encode():
            return Answer("ok"), replace(live, expires=0.0)
    return Answer("no"), None


def _is_session(key: str, held: Held) -> bool:
    return held.stored.version != ENDED and not key.startswith(LEASE)


def _same_save(one: Stored, other: Stored) -> bool:
    return (one.version, one.principal, one.body) == (other.version, other.principal, other.body)


def join(one: Held, other: Held, key: str = "", seal: Seal = Seal(())) -> Held:  # noqa: B008 (it has no state)
    """Two copies of one record as one. The order in which copies meet does not matter to what is kept in the end."""
    if one == other:
        return one
    a, b = one.stored, other.stored
    seen = _union(one.seen, other.seen)
    if ENDED in (a.version, b.version):
        return Held(Stored(ENDED, max(s.expires for s in (a, b) if s.version == ENDED), "", b""), seen)
    if one.seen != other.seen and seen in (one.seen, other.seen):
        return one if seen == one.seen else other
    later = max(a, b, key=lambda stored: (stored.version, stored.body, stored.principal, stored.expires))
    expires = max(a.expires, b.expires)
    if one.seen == other.seen:
        # Two joins of the same branches that met in another order: any fixed choice will do.
        return Held(replace(later, expires=expires), seen)
    body, version = _joined_body(a, b, key, seal), max(a.version, b.version) + 1
    if body is None:
        return Held(replace(later, version=version, expires=expires), seen)
    return Held(Stored(version, expires, later.principal or a.principal or b.principal, body), seen)


def _joined_body(a: Stored, b: Stored, key: str, seal: Seal) -> bytes | None:
    """None where a body cannot be read here: it is sealed with keys that this application has not."""
    try:
        one, other = decode(seal.open(a.body, key)), decode(seal.open(b.body, key))
    except Unreadable:
        return None
    entries = dict(sorted(merge.join(one.entries, other.entries).items()))
    joined = Content(
        min(one.created, other.created),
        min(one.deadline, other.deadline),
        entries,
        max(one.moved_to, other.moved_to),
    )
    return seal.close(encode(joined), key)


def _after(there: Held | None, owner: str) -> tuple[tuple[str, int], ...]:
    seen = dict(there.seen) if there is not None else {}
    seen[owner] = seen.get(owner, 0) + 1
    return tuple(sorted(seen.items()))


def _union(one: tuple[tuple[str, int], ...], other: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    seen = dict(one)
    for name, count in other:
        seen[name] = max(count, seen.get(name, 0))
    return tuple(sorted(seen.items()))


def _mark(key: str, held: Held) -> int:
    stored = held.stored
    state = f"{key} {held.seen} {stored.version} {stored.expires} {stored.principal} {zlib.crc32(stored.body)}"
    return int.from_bytes(blake2b(state.encode(), digest_size=8).digest())
