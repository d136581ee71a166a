"""Why a server is, or is not, eligible: one phrase for people. Pure; the decision itself is ``control.eligible``."""

from __future__ import annotations

from steelyard.control.eligible import Verdict, warmth
from steelyard.control.state import PoolState, ServerState


def why(pool: PoolState, server: ServerState, verdict: Verdict, now: float) -> str:
    if verdict.eligible:
        return _serves(pool, server, now)
    if server.leaving:
        return _leaves(server, now)
    if server.address is None:
        return f"no address: {server.resolve_note}"
    if server.health.health == "down":
        return f"down: {server.health.note} since {_seconds(now - server.health.since)}"
    return _outranked(server, now)


def _leaves(server: ServerState, now: float) -> str:
    if server.removing is not None:
        return f"being removed: drains first, {_seconds(server.removing - now)} at most"
    if server.admin == "maintenance":
        return "maintenance: an operator took it out"
    return "drain: no new clients, by an operator" + (", nothing runs on it" if server.drained else "")


def _serves(pool: PoolState, server: ServerState, now: float) -> str:
    if server.ejection.out:
        return f"serves because nothing better is left, though traffic took it out: {server.ejection.why}"
    if server.health.health == "unknown":
        return f"serves because nothing is up, though it is unknown: {server.health.note or 'not probed yet'}"
    tier = "backup, and no primary can serve: " if server.config.backup else ""
    since = f"up since {_seconds(now - server.health.since)}"
    share = warmth(pool, server, now)
    return f"{tier}{since}" + (f", slow start at {share:.0%} of its weight" if share < 1 else "")


def _outranked(server: ServerState, now: float) -> str:
    """It could serve, but better ones are there."""
    if server.ejection.until is not None:
        return f"taken out by traffic: {server.ejection.why}; back in {_seconds(server.ejection.until - now)}"
    if server.health.health == "unknown":
        return f"unknown: {server.health.note or 'not probed yet'}"
    return "backup: primaries are up"


def _seconds(seconds: float) -> str:
    """A duration as people say it: "12 s", "3 min", "5 h"."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
