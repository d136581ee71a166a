"""A lock of one session for one purpose: for the route that must not run twice at once (a checkout, a withdrawal).

Without it nothing is lost either, since saves are compared and merged; it is for work that has effects elsewhere. The
lock is a lease: it ends by itself when its holder died or took too long, and then saves are still compared. Inside the
block the session is as the last holder left it: what was read before is read again, and what is changed is saved
before the lock is given back.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from steelyard.sessions.errors import LeaseTaken, SessionEnded
from steelyard.sessions.keys import store_key
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import AsyncConnector, Connector, Pause, Plan, carry_out, carry_out_async
from steelyard.sessions.session import Session

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1


@contextmanager
def locked(
    manager: Manager, connector: Connector, session: Session, name: str, *, lease: float, wait: float
) -> Iterator[None]:
    """Hold the lock ``name`` of a session; raises ``LeaseTaken`` when it was not free within ``wait`` seconds."""
    held = Held(manager, session, name)
    carry_out(held.take(lease, wait), connector)
    try:
        yield
        carry_out(held.settle(), connector)
    finally:
        carry_out(held.give_back(), connector)


@asynccontextmanager
async def locked_async(
    manager: Manager, connector: AsyncConnector, session: Session, name: str, *, lease: float, wait: float
) -> AsyncIterator[None]:
    """The same without blocking the event loop."""
    held = Held(manager, session, name)
    await carry_out_async(held.take(lease, wait), connector)
    try:
        yield
        await carry_out_async(held.settle(), connector)
    finally:
        await carry_out_async(held.give_back(), connector)


class Held:
    """One request's hold on one lock, as plans. A session without an id has no second request: nothing to lock."""

    def __init__(self, manager: Manager, session: Session, name: str) -> None:
        self._manager = manager
        self._session = session
        self._name = name
        self._token = secrets.token_urlsafe(16)
        found = session.state.cookie_id
        # Hashed: of one length for every store, and no store learns the id.
        self._lock = None if found is None else store_key(f"{found} {name}")

    def take(self, lease: float, wait: float) -> Plan[None]:
        """Ask until the lock is ours. The pauses grow and are random, so that those who wait do not ask in step."""
        yield from self.settle()
        now = self._manager.clock()
        deadline, pause = now + wait, _FIRST_PAUSE_S
        while self._lock is not None and not (
            yield from self._manager.store.lock(self._lock, self._token, now + lease, now)
        ):
            if now >= deadline:
                raise LeaseTaken(self._name, wait)
            yield Pause(min(random.uniform(0, pause), max(0.0, deadline - now)))
            pause, now = min(2 * pause, _LONGEST_PAUSE_S), self._manager.clock()
        self._session.forget()

    def settle(self) -> Plan[None]:
        """Save what was changed. A new cookie cannot be sent from here, so what needs one waits for the response."""
        session, state = self._session, self._session.state
        if state.stored is None or state.renewing or state.ending or state.cleared or not session.modified:
            return
        try:
            yield from self._manager.save(session)
        except SessionEnded:
            # The changes stay in the session: the save before the response finds out again and takes the cookie away.
            return

    def give_back(self) -> Plan[None]:
        """Let the next one in."""
        if self._lock is not None:
            yield from self._manager.store.unlock(self._lock, self._token)
