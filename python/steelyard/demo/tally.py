"""What the load saw, as numbers that add up: requests, failures, who answered, latencies. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

GROWTH = 1.1
"""Each latency bucket is a tenth wider than the one below: quantiles are right within 5 %."""


def bucket(seconds: float) -> int:
    """The index of the bucket that holds a latency; bucket 0 ends at 0.1 ms."""
    index, bound = 0, 0.0001
    while seconds > bound:
        index, bound = index + 1, bound * GROWTH
    return index


@dataclass(slots=True)
class Tally:
    """Counts since the start. ``add`` merges a part in; parts travel between processes as JSON."""

    requests: int = 0
    failures: int = 0
    by_server: dict[str, int] = field(default_factory=dict)
    latency: dict[int, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    """Failures by what was seen, such as "connection reset" or "status 502"."""

    def answered(self, server: str, seconds: float) -> None:
        """One request that was answered well."""
        self.requests += 1
        self.by_server[server] = self.by_server.get(server, 0) + 1
        index = bucket(seconds)
        self.latency[index] = self.latency.get(index, 0) + 1

    def failed(self, fault: str) -> None:
        """One request that was not."""
        self.requests += 1
        self.failures += 1
        self.faults[fault] = self.faults.get(fault, 0) + 1

    def add(self, part: Tally) -> None:
        """Merge another tally into this one."""
        self.requests += part.requests
        self.failures += part.failures
        for mine, theirs in ((self.by_server, part.by_server), (self.faults, part.faults)):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
        for index, count in part.latency.items():
            self.latency[index] = self.latency.get(index, 0) + count

    def clear(self) -> None:
        """Begin anew, in place."""
        self.requests = self.failures = 0
        for counts in (self.by_server, self.faults):
            counts.clear()
        self.latency.clear()

    def quantile_ms(self, share: float) -> float | None:
        """The latency in milliseconds below which this share of the answers came; None before the first."""
        total = sum(self.latency.values())
        if not total:
            return None
        wanted, seen = share * total, 0
        for index in sorted(self.latency):
            seen += self.latency[index]
            if seen >= wanted:
                return float(0.1 * GROWTH**index)
        raise AssertionError("the buckets add up to the total")

    def as_json(self) -> dict[str, object]:
        """A JSON-ready form that ``from_json`` reads back."""
        return {
            "requests": self.requests,
            "failures": self.failures,
            "by_server": self.by_server,
            "latency": {str(index): count for index, count in self.latency.items()},
            "faults": self.faults,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Tally:
        """The inverse of ``as_json``."""
        return cls(
            requests=int(value["requests"]),
            failures=int(value["failures"]),
            by_server=dict(value["by_server"]),
            latency={int(index): count for index, count in value["latency"].items()},
            faults=dict(value["faults"]),
        )
