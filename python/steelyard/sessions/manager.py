"""The life of a session: load, save, renew, end, as plans over any store. No I/O and no framework here.

The promises, and where they are kept:

- *no lost update*: ``_replace`` compares and swaps, merges with whoever was faster and tries again;
- *no resurrection*: a save succeeds only on a record that is there, and ``end`` leaves a tombstone;
- *one round trip to load, at most one to save, none when nothing was read*: ``save`` asks for nothing that it has;
- *a store that fails is not a logout*: its error passes through, and no cookie is sent.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from steelyard.sessions import merge, metrics
from steelyard.sessions.codec import codec, decode, encode
from steelyard.sessions.errors import Conflict, SessionEnded, StoreUnavailable, Unreadable
from steelyard.sessions.keys import Seal, Signer, new_id, store_key
from steelyard.sessions.plan import Pause, Plan
from steelyard.sessions.record import Content, Entry, Stored
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store

log = logging.getLogger("steelyard.sessions")

ATTEMPTS = 2000
"""Saves of one request on one contended record."""

PATIENCE = 16
"""Attempts until a save insists and pauses no more. Whoever comes fresh has to load first, so one that has lost often
then wins; if it went on to pause, those who have won would win again."""

PURGE_S = 60.0
"""How often a store in this process is rid of what is past its end, by a request that makes a session."""


@dataclass(frozen=True, slots=True)
class SetCookie:
    """Give the client this id, for this many seconds."""

    session_id: str
    max_age: float


@dataclass(frozen=True, slots=True)
class RemoveCookie:
    """Make the client forget its id."""


CookieChange = SetCookie | RemoveCookie | None


class Manager:
    """Sessions of one application: settings and a store. Shared by all requests; keeps no state of any."""

    def __init__(self, store: Store, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.settings = settings or Settings()
        self.signer = Signer(self.settings.signing_keys)
        self.codec = codec(self.settings.codec)
        self._seal = Seal(self.settings.encryption_keys)
        if self.settings.encryption_keys:
            store.lend(self._seal)
        self.clock = clock
        self.counts = metrics.Counts()
        self._purged = clock()
        metrics.register(self)

    def session(self, cookie_id: str | None, fetch: Callable[[Session], None] | None = None) -> Session:
        """A session that is not loaded yet; ``fetch`` is called when it is first read."""
        return Session(self.codec, cookie_id, fetch)

    def load(self, session: Session) -> Plan[None]:
        """One round trip, or none for a client without a cookie."""
        state, now = session.state, self.clock()
        if state.loaded:
            return
        if state.cookie_id is not None:
            key = state.key
            try:
                stored = yield from self.store.load(key, now)
            except StoreUnavailable:
                self.counts.failures += 1
                raise
            self.counts.loads += 1
            content = None if stored is None else self._open(key, stored)
            if content is not None and now < content.deadline:
                state.stale = bool(content.moved_to)
                session.adopt(stored, content)
                return
        session.adopt(None, Content(now, now + self.settings.absolute))

    def save(self, session: Session) -> Plan[CookieChange]:
        """At most one round trip, none when nothing was read; what the client must be told of its cookie."""
        state = session.state
        if not state.loaded:
            return None
        try:
            if state.ending or (state.cleared and not len(session)):
                return (yield from self._end(session))
            now = self.clock()
            changes = session.changes(int(now * 1e6))
            if state.stored is None:
                if not changes and not state.principal:
                    return None
                return (yield from self._create(session, changes, now))
            if state.renewing and not state.stale:
                return (yield from self._renew(session, changes, now))
            if changes:
                yield from self._replace(session, changes, now)
            else:
                yield from self._touch(state.stored, session, now)
        except StoreUnavailable:
            self.counts.failures += 1
            raise
        return None

    def of_principal(self, principal: str) -> Plan[list[Stored]]:
        """The records of all sessions of one principal."""
        found = []
        for key in (yield from self.store.of_principal(principal, self.clock())) if principal else ():
            stored = yield from self.store.load(key, self.clock())
            if stored is not None and stored.principal == principal:
                found.append(stored)
        return found

    def end_all(self, principal: str, but: Session | None = None) -> Plan[int]:
        """Log a principal out everywhere, except perhaps here. Returns how many sessions were ended.

        Nobody is none: sessions of before the login are not one person's.
        """
        spared = "" if but is None or but.state.cookie_id is None else but.state.key
        ended, now = 0, self.clock()
        for key in (yield from self.store.of_principal(principal, now)) if principal else ():
            if key != spared and (yield from self.store.end(key, now + self.settings.tombstone, now)) is not None:
                ended += 1
                self.counts.ended += 1
                self._tell(self.settings.hooks.ended, key)
        return ended

    def count(self) -> Plan[int]:
        """How many sessions there are."""
        return (yield from self.store.count(self.clock()))

    def purge(self, limit: int = 1000) -> Plan[int]:
        """Remove sessions past their end, where the store does not do it itself. Returns how many."""
        keys = yield from self.store.purge(self.clock(), limit)
        for key in keys:
            self.counts.expired += 1
            self._tell(self.settings.hooks.expired, key)
        return len(keys)

    # The parts of a save ---------------------------------------------------------------------------------------------

    def _create(self, session: Session, changes: dict[str, Entry], now: float) -> Plan[CookieChange]:
        content = session.state.content.with_entries(merge.apply(changes, {}))
        session_id = new_id()
        key = store_key(session_id)
        stored = self._close(key, content, 1, session.state.principal, self._end_of(session, content, now))
        if not (yield from self.store.create(key, stored, now)):
            raise StoreUnavailable("the store refused a new session: its key is taken")
        self.counts.created += 1
        self.counts.saves += 1
        self._tell(self.settings.hooks.created, key)
        if self.store.in_process and now >= self._purged + PURGE_S:
            self._purged = now
            yield from self.purge()
        session.state.cookie_id = session_id
        session.settle(stored, content)
        return SetCookie(session_id, content.deadline - now)

    def _replace(self, session: Session, changes: dict[str, Entry], now: float) -> Plan[None]:
        """Compare and swap until it holds, merging with whoever was faster."""
        state = session.state
        assert state.stored is not None
        key, current, content = state.key, state.stored, state.content
        if content.moved_to:
            key, current, content = yield from self._follow(content)
        for attempt in range(ATTEMPTS):
            merged = content.with_entries(self._applied(_later_than(content.entries, changes), content.entries, now))
            stored = self._close(
                key, merged, current.version + 1, current.principal, self._end_of(session, merged, now)
            )
            outcome = yield from self.store.replace(key, current.version, stored, now)
            match outcome:
                case Saved():
                    self.counts.saves += 1
                    session.settle(stored, merged)
                    return
                case Gone():
                    raise SessionEnded("the session ended while this request ran; its changes were not saved")
                case Outrun(current):
                    self.counts.retries += 1
                    content = self._open_or_raise(key, current)
                    if content.moved_to:
                        key, current, content = yield from self._follow(content)
                    clash = merge.conflicts(state.content.entries, changes, content.entries)
                    if clash and self.settings.on_conflict == "raise":
                        self.counts.conflicts += 1
                        raise Conflict(clash)
            if 2 < attempt < PATIENCE:
                yield Pause(random.uniform(0, min(0.02, 0.0005 * attempt)))
        raise StoreUnavailable(f"the session was changed by others {ATTEMPTS} times in a row while this request saved")

    def _renew(self, session: Session, changes: dict[str, Entry], now: float) -> Plan[CookieChange]:
        """A new id. The record under the old one becomes a signpost for requests that still run with it."""
        state = session.state
        assert state.stored is not None
        old_key, old, before = state.key, state.stored, state.content
        session_id = new_id()
        key = store_key(session_id)
        content = before.with_entries(self._applied(changes, before.entries, now))
        stored = self._close(key, content, 1, state.principal, self._end_of(session, content, now))
        if not (yield from self.store.create(key, stored, now)):
            raise StoreUnavailable("the store refused a new session: its key is taken")
        while True:
            outcome = yield from self._leave_signpost(old_key, old, before, key, now)
            if not isinstance(outcome, Outrun):
                break
            self.counts.retries += 1
            # Somebody saved under the old id in the meantime: take that over, then try again.
            old, before = outcome.current, self._open_or_raise(old_key, outcome.current)
            content = content.with_entries(self._applied(_later_than(before.entries, changes), before.entries, now))
            newer = self._close(key, content, stored.version + 1, state.principal, self._end_of(session, content, now))
            if not isinstance((yield from self.store.replace(key, stored.version, newer, now)), Saved):
                raise SessionEnded("the session ended while it was renewed")
            stored = newer
        if isinstance(outcome, Gone):
            # It was ended meanwhile. What it held must not come back under the new id; a login begins with nothing.
            if old.principal or not state.principal:
                yield from self.store.end(key, now + self.settings.tombstone, now)
                raise SessionEnded("the session ended while it was renewed")
            content = Content(now, now + self.settings.absolute, merge.apply(changes, {}))
            fresh = self._close(key, content, stored.version + 1, state.principal, self._end_of(session, content, now))
            if not isinstance((yield from self.store.replace(key, stored.version, fresh, now)), Saved):
                raise SessionEnded("the session ended while it was renewed")
            stored = fresh
        self.counts.renewed += 1
        self.counts.saves += 1
        self._tell(self.settings.hooks.renewed, key)
        state.cookie_id = session_id
        session.settle(stored, content)
        return SetCookie(session_id, content.deadline - now)

    def _leave_signpost(
        self, old_key: str, old: Stored, before: Content, key: str, now: float
    ) -> Plan[Saved | Outrun | Gone]:
        signpost = Content(before.created, before.deadline, before.entries, moved_to=key)
        # At least a moment even without grace: the swap itself must be one atomic step that others cannot slip past.
        expires = now + max(self.settings.renew_grace, 0.001)
        stored = Stored(old.version + 1, expires, "", self._seal.close(encode(signpost), old_key))
        return (yield from self.store.replace(old_key, old.version, stored, now))

    def _end(self, session: Session) -> Plan[CookieChange]:
        state, now = session.state, self.clock()
        had_cookie = state.cookie_id is not None
        if state.stored is not None and state.cookie_id is not None:
            # A save in flight may have moved the session: what the signpost names is ended too.
            key: str = state.key
            while key:
                was = yield from self.store.end(key, now + self.settings.tombstone, now)
                self.counts.ended += 1
                self._tell(self.settings.hooks.ended, key)
                content = None if was is None else self._open(key, was)
                key = "" if content is None else content.moved_to
        session.settle(None, Content(now, now + self.settings.absolute))
        state.cookie_id = None
        return RemoveCookie() if had_cookie else None

    def _touch(self, stored: Stored, session: Session, now: float) -> Plan[None]:
        """Move the idle end, seldom, and never past the absolute one. Nothing else changes, so nothing is undone."""
        if session.state.content.moved_to or session.state.cookie_id is None:
            return
        expires = self._end_of(session, session.state.content, now)
        if expires - stored.expires >= self.settings.touch_share * (session.state.idle or self.settings.idle):
            yield from self.store.touch(session.state.key, expires, now)
            self.counts.touches += 1

    def _follow(self, content: Content) -> Plan[tuple[str, Stored, Content]]:
        """The record that a signpost points to; signposts may point to signposts."""
        key = content.moved_to
        stored = yield from self.store.load(key, self.clock())
        if stored is None:
            raise SessionEnded("the session ended while this request ran; its changes were not saved")
        there = self._open_or_raise(key, stored)
        return (yield from self._follow(there)) if there.moved_to else (key, stored, there)

    def _applied(self, changes: dict[str, Entry], onto: dict[str, Entry], now: float) -> dict[str, Entry]:
        """``onto`` with the changes made; where copies are joined, with the traces of what was deleted."""
        if not self.store.joins_copies:
            return merge.apply(changes, onto)
        applied = merge.apply(changes, onto, keep_deleted=True)
        return merge.without_old_traces(applied, int((now - self.settings.tombstone) * 1e6))

    def _end_of(self, session: Session, content: Content, now: float) -> float:
        """When it ends unless it is used again."""
        idle = session.state.idle
        return min(now + (self.settings.idle if idle is None else idle), content.deadline)

    def _close(self, key: str, content: Content, version: int, principal: str, expires: float) -> Stored:
        return Stored(version, expires, principal, self._seal.close(encode(content), key))

    def _open_or_raise(self, key: str, stored: Stored) -> Content:
        return decode(self._seal.open(stored.body, key))

    def _open(self, key: str, stored: Stored) -> Content | None:
        """None for a record that cannot be read: it stays where it is, is reported, and the client starts anew."""
        try:
            return self._open_or_raise(key, stored)
        except Unreadable as error:
            log.warning("session record %s… set aside: %s", key[:8], error)
            self.counts.unreadable += 1
            self._tell(self.settings.hooks.unreadable, key)
            return None

    @staticmethod
    def _tell(hook: Callable[[str], None], key: str) -> None:
        try:
            hook(key)
        except Exception:
            log.exception("a session hook raised")


def _later_than(current: dict[str, Entry], changes: dict[str, Entry]) -> dict[str, Entry]:
    """The changes with stamps above those of what they replace: the save that succeeds last is the later one."""
    return {
        key: entry if key not in current else Entry(max(entry.stamp, current[key].stamp + 1), entry.value)
        for key, entry in changes.items()
    }
