"""What a store is: a handful of conditional operations on opaque records, each a plan of as few commands as can be.

A store need not know sessions, clocks or frameworks: ``now`` and every end are arguments (Unix seconds). A third-party
store subclasses ``Store``, gives its connectors and runs ``steelyard.sessions.conformance`` against itself.

Every operation on one key is atomic: of two ``replace`` with the same ``expected`` exactly one succeeds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from steelyard.sessions.keys import Seal
from steelyard.sessions.metrics import Metric
from steelyard.sessions.plan import AsyncConnector, Connector, Plan
from steelyard.sessions.record import Stored


@dataclass(frozen=True, slots=True)
class Saved:
    """A ``replace`` that succeeded."""


@dataclass(frozen=True, slots=True)
class Outrun:
    """A ``replace`` that another was faster than; ``current`` is what is there, so that no second load is needed."""

    current: Stored


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such session any more: ended, expired or never there. It must not be brought back."""


class Store(ABC):
    """Keeps sessions. ``key`` is ``keys.store_key(id)``, never an id; a loaded record is never past its ``expires``."""

    in_process = False
    """Whether the records are in this process, where nobody else can remove those past their end."""
    joins_copies = False
    """Whether it joins copies that were changed apart from each other, and so needs the traces of deleted keys."""

    @abstractmethod
    def load(self, key: str, now: float) -> Plan[Stored | None]:
        """The record; None when there is none, it is past its end, or it is a tombstone."""

    @abstractmethod
    def create(self, key: str, stored: Stored, now: float) -> Plan[bool]:
        """Keep a new record (version 1). False when the key is taken, by a tombstone too."""

    @abstractmethod
    def replace(self, key: str, expected: int, stored: Stored, now: float) -> Plan[Saved | Outrun | Gone]:
        """Compare and swap: keep ``stored`` if the version there is ``expected``."""

    @abstractmethod
    def touch(self, key: str, expires: float, now: float) -> Plan[bool]:
        """Move the end, if the record is there and its end is earlier. Version and body stay as they are."""

    @abstractmethod
    def end(self, key: str, until: float, now: float) -> Plan[Stored | None]:
        """Put a tombstone that lasts until ``until`` in the record's place; the record that was there, or None."""

    @abstractmethod
    def of_principal(self, principal: str, now: float) -> Plan[list[str]]:
        """The keys of this principal's sessions that have not ended."""

    @abstractmethod
    def count(self, now: float) -> Plan[int]:
        """How many sessions there are. Exact where the store can say; the store's page says where it is an estimate."""

    @abstractmethod
    def purge(self, now: float, limit: int) -> Plan[list[str]]:
        """Remove sessions past their end and return their keys, up to ``limit``; tombstones too, which are not told.
        [] when none is left, and where the store does it itself."""

    @abstractmethod
    def lock(self, name: str, token: str, until: float, now: float) -> Plan[bool]:
        """Take the lease ``name`` until ``until``; False while another token holds it."""

    @abstractmethod
    def unlock(self, name: str, token: str) -> Plan[None]:
        """Give the lease back, if this token holds it."""

    def lend(self, seal: Seal) -> None:  # noqa: B027 (most stores never look inside)
        """The keys with which bodies are sealed, for a store that joins copies."""

    @property
    def name(self) -> str:
        """What metrics call it."""
        return type(self).__name__.removesuffix("Store").lower()

    def metrics(self) -> list[Metric]:
        """What the store knows of itself, at no cost of a round trip."""
        return []

    def labels(self) -> dict[str, str]:
        """What tells two of these metrics apart."""
        return {}

    @abstractmethod
    def connector(self) -> Connector:
        """A blocking connector, safe to use from many threads."""

    @abstractmethod
    def async_connector(self) -> AsyncConnector:
        """An asynchronous connector for the running event loop."""
