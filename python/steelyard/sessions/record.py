"""What is kept of one session: a set of entries, each with the stamp of its last change.

``Stored`` is what a store sees: a version to compare, an end, an owner and opaque bytes. ``Content`` is what the bytes
hold. Stores never look inside, so that encryption and codec are decided once, for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

ENDED = -1
"""The version of a tombstone: the session was ended, and no save may bring it back."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One session as a store keeps it. Times are Unix seconds."""

    version: int
    """Rises by one with every save; a save succeeds only on the version that it read. ``ENDED`` marks a tombstone."""
    expires: float
    """When it ends unless it is touched before."""
    principal: str
    """Whose session it is, for "log out everywhere"; empty before the login."""
    body: bytes
    """Encoded, perhaps encrypted ``Content``."""


class Entry(NamedTuple):
    """One key's value, encoded, and when it last changed. A tuple: every load makes one for every key."""

    stamp: int
    """Microseconds since the epoch, made to rise within a session: the later change of two has the larger stamp."""
    value: bytes | None
    """None: the key was deleted. Kept only where copies without a common past must be merged (replication)."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the body of a record holds."""

    created: float
    deadline: float
    """The absolute end (Unix seconds), which no touch moves."""
    entries: dict[str, Entry] = field(default_factory=dict)
    moved_to: str = ""
    """The store key that this session got when its id was renewed; saves go there, loads see the state before."""

    def with_entries(self, entries: dict[str, Entry]) -> Content:
        """The same session with other entries."""
        return Content(self.created, self.deadline, entries, self.moved_to)
