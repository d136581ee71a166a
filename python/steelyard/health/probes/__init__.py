"""The probes as conversations: what to send once connected, and what to make of what comes. Pure, one file a protocol.

``health.asker`` has the sockets, the timeouts and the words for what went wrong with either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, Protocol

from steelyard.config.model import Probe
from steelyard.health.probes import http, tcp


class Conversation(Protocol):
    def hear(self, data: bytes) -> str | None:
        """What the server sent; empty: it closed. Returns what was found ("200"), or None while more is needed, and
        raises ``BadAnswer`` when it is not what the probe expects."""


class Opening(Protocol):
    """How conversations begin; one for all servers that are probed alike."""

    def hello(self, host: str) -> bytes:
        """What to send first to the server of this configured address; empty: a connection is all that was wanted."""

    def converse(self) -> Conversation: ...


OPENINGS: Final[Mapping[str, Callable[[Probe], Opening]]] = {"tcp": tcp.Opening, "http": http.Opening}
"""By ``probe.type``."""


@lru_cache(maxsize=1024)
def opening(probe: Probe) -> Opening:
    return OPENINGS[probe.type](probe)
