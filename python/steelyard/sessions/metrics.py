"""What is counted of sessions, without a library: ``prometheus`` exports it.

Counters are plain numbers. Their ``+=`` meets no point at which CPython changes threads, so nothing is lost and a
request pays some tens of nanoseconds.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from steelyard.sessions.manager import Manager


@dataclass(slots=True)
class Counts:
    """What one manager did since it was made."""

    loads: int = 0
    saves: int = 0
    touches: int = 0
    retries: int = 0
    conflicts: int = 0
    failures: int = 0
    created: int = 0
    renewed: int = 0
    ended: int = 0
    expired: int = 0
    unreadable: int = 0


MEANING = {
    "loads": "Sessions asked of the store.",
    "saves": "Changes that the store kept, new and renewed sessions among them.",
    "touches": "Ends moved because a session was read.",
    "retries": "Saves that another request was faster than: merged, and saved anew.",
    "conflicts": "Saves refused because another request had changed the same keys (on_conflict=raise).",
    "failures": "Loads and saves that the store did not answer or refused: 503 for the client.",
    "created": "Sessions that began.",
    "renewed": "Sessions that got a new id, as a login does.",
    "ended": "Sessions ended by a logout, everywhere or here.",
    "expired": "Sessions past their end that this process removed; a store that expires by itself tells nothing.",
    "unreadable": "Records that could not be decoded and were set aside.",
}


class Metric(NamedTuple):
    """One figure of a store's own."""

    name: str
    kind: Literal["gauge", "counter"]
    meaning: str
    value: float


_managers: weakref.WeakSet[Manager] = weakref.WeakSet()
_gone: list[tuple[str, Counts]] = []
"""What managers that are no more had counted, one entry a store: counters must not fall."""


def register(manager: Manager) -> None:
    """Have a manager's counts reported, also after its end."""
    _managers.add(manager)
    weakref.finalize(manager, _retire, manager.store.name, manager.counts).atexit = False


def managers() -> list[Manager]:
    """All that live in this process."""
    return list(_managers)


def retired() -> list[tuple[str, Counts]]:
    """The counts of those that do not, by their store's name."""
    return list(_gone)


def _retire(store: str, counts: Counts) -> None:
    for name, sums in _gone:
        if name == store:
            for field in fields(Counts):
                setattr(sums, field.name, getattr(sums, field.name) + getattr(counts, field.name))
            return
    _gone.append((store, counts))
