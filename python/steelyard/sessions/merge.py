"""Two requests changed one session: what comes of it. Pure.

``changes`` are what this request did to the state it had loaded (``base``); ``current`` is what another request saved
in the meantime. Changes to different keys are both kept. Changes to the same key are a conflict, for which the rule of
the application decides: the last one wins, or it is raised.
"""

from __future__ import annotations

from collections.abc import Mapping

from steelyard.sessions.record import Entry

TRACES = 128
"""How many deleted keys of one session are remembered: more than applications delete between two partitions."""


def changed_since(base: Mapping[str, Entry], current: Mapping[str, Entry]) -> frozenset[str]:
    """The keys that differ between two states of one session."""
    return frozenset(key for key in base.keys() | current.keys() if _stamp(base.get(key)) != _stamp(current.get(key)))


def conflicts(base: Mapping[str, Entry], changes: Mapping[str, Entry], current: Mapping[str, Entry]) -> frozenset[str]:
    """The keys that both sides changed; to the same value too, since two requests that count from 1 both say 2."""
    return frozenset(changes.keys() & changed_since(base, current))


def apply(changes: Mapping[str, Entry], onto: Mapping[str, Entry], *, keep_deleted: bool = False) -> dict[str, Entry]:
    """``onto`` with ``changes`` made: deleted keys go, unless their trace is needed for replication."""
    merged = dict(onto)
    for key, entry in changes.items():
        if entry.value is None and not keep_deleted:
            merged.pop(key, None)
        else:
            merged[key] = entry
    return merged


def without_old_traces(entries: Mapping[str, Entry], before: int) -> dict[str, Entry]:
    """Forget which keys were deleted before a stamp, and all but the latest ``TRACES`` of them.

    What is remembered for ever would grow for ever. A copy that still has such a key can bring it back.
    """
    deleted = [key for key, entry in entries.items() if entry.value is None]
    latest = sorted(deleted, key=lambda key: entries[key].stamp, reverse=True)[:TRACES]
    kept = {key for key in latest if entries[key].stamp >= before}
    return {key: entry for key, entry in entries.items() if entry.value is not None or key in kept}


def join(one: Mapping[str, Entry], other: Mapping[str, Entry]) -> dict[str, Entry]:
    """Two copies without a common past (a healed partition): per key the later change, deletions included.

    A last-writer-wins map (Shapiro et al., "A comprehensive study of CRDTs", 2011, §3.2.1): commutative, associative
    and idempotent, ties broken by value, so that every copy comes to the same state in whatever order it hears.
    """
    joined = dict(one)
    for key, entry in other.items():
        mine = joined.get(key)
        if mine is None or (entry.stamp, entry.value or b"") > (mine.stamp, mine.value or b""):
            joined[key] = entry
    return joined


def _stamp(entry: Entry | None) -> int:
    """A deleted key is an absent one, whether its trace is kept or not."""
    return -1 if entry is None or entry.value is None else entry.stamp
