"""What the users noticed, as numbers that add up: clicks, logouts, lost writes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from steelyard.demo.tally import Tally


@dataclass(slots=True)
class Record:
    """Counts since the start. Parts of it travel between processes as JSON and are added up by ``add``."""

    clicks: Tally = field(default_factory=Tally)
    """Every request but the first logins; a fault is what a user would have noticed."""
    logged_in: int = 0
    """Users who have logged in for the first time."""
    writes: int = 0
    """Articles whose arrival in the basket was acknowledged."""
    lost_writes: int = 0
    """Acknowledged articles that were missing later."""
    logouts: dict[str, int] = field(default_factory=dict)
    """Users who found themselves logged out, by the server that had answered them last."""
    audited: int = 0
    """Users whose whole basket was checked once more at the end."""

    @property
    def all_logouts(self) -> int:
        return sum(self.logouts.values())

    def logged_out(self, server: str) -> None:
        self.logouts[server] = self.logouts.get(server, 0) + 1

    def add(self, part: Record) -> None:
        """Merge another record into this one."""
        self.clicks.add(part.clicks)
        self.logged_in += part.logged_in
        self.writes += part.writes
        self.lost_writes += part.lost_writes
        self.audited += part.audited
        for server, count in part.logouts.items():
            self.logouts[server] = self.logouts.get(server, 0) + count

    def clear(self) -> None:
        """Forget everything."""
        self.clicks.clear()
        self.logged_in = self.writes = self.lost_writes = self.audited = 0
        self.logouts.clear()

    def as_json(self) -> dict[str, object]:
        """A JSON-ready form that ``from_json`` reads back."""
        return {
            "clicks": self.clicks.as_json(),
            "logged_in": self.logged_in,
            "writes": self.writes,
            "lost_writes": self.lost_writes,
            "logouts": self.logouts,
            "audited": self.audited,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Record:
        """The inverse of ``as_json``."""
        return cls(**{**value, "clicks": Tally.from_json(value["clicks"])})
