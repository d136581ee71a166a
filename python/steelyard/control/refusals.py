"""What was refused, told in the log: at most once in an interval, and only when there is something to tell.

A flood of hostile requests is one line a reason and interval, however many they are; none of it stays silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

INTERVAL: Final = 10.0
"""Between two tellings, in seconds: often enough to be seen while it happens, seldom enough not to fill a disk."""

Counts = Mapping[str, Mapping[str, int]]
"""Service to reason to how many since the start."""


class Refusals:
    """Remembers what was told. ``tell`` gets a service and a sentence."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._told: Counts = {}

    def see(self, counts: Counts) -> None:
        """Tell what has come since the last call."""
        for service, reason, more, total in news(self._told, counts):
            times = "once" if more == 1 else f"{more} times"
            self._tell(service, f"{reason} {times}, {total} since the start")
        self._told = counts


def news(before: Counts, after: Counts) -> Iterator[tuple[str, str, int, int]]:
    """(service, reason, how many more, how many in all). A number that ran backwards is that of a service that went
    and came again."""
    for service, reasons in after.items():
        for reason, total in reasons.items():
            known = before.get(service, {}).get(reason, 0)
            more = total - known if total >= known else total
            if more:
                yield service, reason, more, total
