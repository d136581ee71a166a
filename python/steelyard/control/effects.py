"""What is to be done: imperatives, performed by the supervisor alone and in the order in which they stand."""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.control.state import Target


@dataclass(frozen=True, slots=True)
class Publish:
    """Render the state and have the planes apply it, before any other effect."""


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Probe this server from now on, in place of what was probed for it before."""

    pool: str
    server: str
    target: Target


@dataclass(frozen=True, slots=True)
class StopProbe:
    pool: str
    server: str


@dataclass(frozen=True, slots=True)
class FollowNames:
    """Keep exactly these host names resolved."""

    hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the subscribers (``status.Event``; the supervisor adds the time of day)."""

    kind: str
    pool: str = ""
    server: str = ""
    message: str = ""


Effect = Publish | StartProbe | StopProbe | FollowNames | Announce
