"""``memory://``: sessions in this process, for tests and for a single process that may forget.

The model of all stores: short enough to be seen to be right. Commands are functions, carried out under one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from steelyard.sessions.plan import AsyncConnector, Connector, Plan
from steelyard.sessions.record import ENDED, Stored
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store
from steelyard.sessions.stores.options import UrlOptions


class MemoryStore(Store):
    """A dictionary and a lock."""

    in_process = True

    def __init__(self) -> None:
        self._records: dict[str, Stored] = {}
        self._leases: dict[str, tuple[str, float]] = {}
        self._connector = _Direct()

    def _live(self, key: str, now: float) -> Stored | None:
        stored = self._records.get(key)
        return stored if stored is not None and stored.version != ENDED and stored.expires > now else None

    def load(self, key: str, now: float) -> Plan[Stored | None]:
        return (yield lambda: self._live(key, now))  # type: ignore[no-any-return]

    def create(self, key: str, stored: Stored, now: float) -> Plan[bool]:
        def command() -> bool:
            there = self._records.get(key)
            if there is not None and there.expires > now:
                return False
            self._records[key] = stored
            return True

        return (yield command)  # type: ignore[no-any-return]

    def replace(self, key: str, expected: int, stored: Stored, now: float) -> Plan[Saved | Outrun | Gone]:
        def command() -> Saved | Outrun | Gone:
            there = self._live(key, now)
            if there is None:
                return Gone()
            if there.version != expected:
                return Outrun(there)
            self._records[key] = stored
            return Saved()

        return (yield command)  # type: ignore[no-any-return]

    def touch(self, key: str, expires: float, now: float) -> Plan[bool]:
        def command() -> bool:
            there = self._live(key, now)
            if there is None:
                return False
            if there.expires < expires:
                self._records[key] = Stored(there.version, expires, there.principal, there.body)
            return True

        return (yield command)  # type: ignore[no-any-return]

    def end(self, key: str, until: float, now: float) -> Plan[Stored | None]:
        def command() -> Stored | None:
            there = self._live(key, now)
            self._records[key] = Stored(ENDED, until, "", b"")
            return there

        return (yield command)  # type: ignore[no-any-return]

    def of_principal(self, principal: str, now: float) -> Plan[list[str]]:
        def command() -> list[str]:
            return [key for key in self._records if (live := self._live(key, now)) and live.principal == principal]

        return (yield command)  # type: ignore[no-any-return]

    def count(self, now: float) -> Plan[int]:
        return (yield lambda: sum(1 for key in self._records if self._live(key, now)))  # type: ignore[no-any-return]

    def purge(self, now: float, limit: int) -> Plan[list[str]]:
        def command() -> list[str]:
            past = [(key, stored) for key, stored in self._records.items() if stored.expires <= now]
            sessions = [key for key, stored in past if stored.version != ENDED][:limit]
            for key in [*sessions, *(key for key, stored in past if stored.version == ENDED)]:
                del self._records[key]
            self._leases = {name: lease for name, lease in self._leases.items() if lease[1] > now}
            return sessions

        return (yield command)  # type: ignore[no-any-return]

    def lock(self, name: str, token: str, until: float, now: float) -> Plan[bool]:
        def command() -> bool:
            holder, end = self._leases.get(name, ("", 0.0))
            if holder not in ("", token) and end > now:
                return False
            self._leases[name] = (token, until)
            return True

        return (yield command)  # type: ignore[no-any-return]

    def unlock(self, name: str, token: str) -> Plan[None]:
        def command() -> None:
            if self._leases.get(name, ("", 0.0))[0] == token:
                del self._leases[name]

        yield command

    def connector(self) -> Connector:
        return self._connector

    def async_connector(self) -> AsyncConnector:
        return _DirectAsync(self._connector)


class _Direct:
    """Calls the command under one lock: every operation is atomic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def execute(self, command: Callable[[], Any]) -> Any:
        with self._lock:
            return command()

    def close(self) -> None:
        """Nothing is open."""


class _DirectAsync:
    """The same on an event loop: it never waits longer than the lock."""

    def __init__(self, direct: _Direct) -> None:
        self._direct = direct

    async def execute(self, command: Callable[[], Any]) -> Any:
        return self._direct.execute(command)

    async def close(self) -> None:
        """Nothing is open."""


def from_url(url: str) -> Store:
    """``memory://`` has nothing to configure."""
    UrlOptions(url).nothing_else()
    return MemoryStore()
