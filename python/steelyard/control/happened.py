"""Counts what happened, from the balancer's start on: events by kind, changes of health by server. For metrics.

Of a server that was removed nothing is kept, so that names that come and go cost no memory.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from steelyard.status import Event

HEALTH_EVENTS: Final = {"server-up": "up", "server-down": "down", "server-ejected": "ejected"}
"""Kinds of events to what a server's health became."""


class Happened:
    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.health: dict[tuple[str, str], Counter[str]] = {}
        """(pool, server) to how often it became what."""

    def count(self, event: Event) -> None:
        self.kinds[event.kind] += 1
        server = event.pool, event.server
        if became := HEALTH_EVENTS.get(event.kind):
            self.health.setdefault(server, Counter())[became] += 1
        elif event.kind == "server-removed":
            self.health.pop(server, None)
