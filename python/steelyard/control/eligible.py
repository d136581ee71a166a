"""Who may be chosen: the one place that decides it, from health, admin state, ejection and tier. Pure.

Every server has a rank, and those with the best rank present are eligible (``RANKS``). So backups serve when no primary
can, servers taken out by traffic when nothing better is left, and unknown ones when nothing is up. A server that is
down, leaving, or without an address has no rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from steelyard.control.state import PoolState, ServerState, weight_of
from steelyard.health.passive import Charge

RANKS: Final = (
    "primary, up",
    "backup, up",
    "primary, up but taken out by traffic",
    "backup, up but taken out by traffic",
    "primary, unknown",
    "backup, unknown",
    "primary, unknown and taken out by traffic",
    "backup, unknown and taken out by traffic",
)
WARM_MIN: Final = 0.1
"""The share of its weight that a server has at the first moment of its slow start."""
WARM_SCALE: Final = 100
"""While a server of the pool is warming, all weights are published in hundredths."""


@dataclass(frozen=True, slots=True)
class Verdict:
    eligible: bool
    """New clients may get it."""
    keeps: bool
    """Clients that affinity bound to it may stay."""


SERVES: Final = Verdict(True, True)
KEEPS: Final = Verdict(False, True)
NOTHING: Final = Verdict(False, False)


def judge(pool: PoolState) -> dict[str, Verdict]:
    """The verdict on each server, in the pool's order."""
    ranks = {name: rank(server) for name, server in pool.servers.items()}
    best = min((rank for rank in ranks.values() if rank is not None), default=None)
    return {
        name: SERVES if rank is not None and rank == best else KEEPS if _keeps(pool.servers[name]) else NOTHING
        for name, rank in ranks.items()
    }


def rank(server: ServerState) -> int | None:
    """The index into ``RANKS``; None: never chosen."""
    if server.address is None or server.health.health == "down" or server.leaving:
        return None
    return (
        (0 if server.health.health == "up" else 4)
        + (2 if server.ejection.until is not None else 0)
        + (1 if server.config.backup else 0)
    )


def _keeps(server: ServerState) -> bool:
    """Draining, and still able to answer those that it has."""
    return (
        server.leaving
        and server.admin != "maintenance"
        and server.address is not None
        and server.health.health != "down"
        and not server.ejection.out
    )


def may_eject(pool: PoolState, name: str, charge: Charge) -> bool:
    """The panic rule: traffic never takes the last server that can serve, nor, for bad answers, more than half of them.

    An application that answers badly everywhere is not healed by sending all of its traffic to fewer servers.
    """
    accused = pool.servers[name]
    able = [
        server
        for other, server in pool.servers.items()
        if other != name and rank(server) is not None and server.health.health in ("up", accused.health.health)
    ]
    left = sum(1 for server in able if not server.ejection.out)
    return left > 0 and (charge.absent or 2 * left >= len(able) + 1)


def warmth(pool: PoolState, server: ServerState, now: float) -> float:
    """The share of its weight that a server has now: it grows linearly during slow start."""
    if server.warming is None or pool.config.slow_start <= 0:
        return 1.0
    return min(1.0, max(WARM_MIN, (now - server.warming) / pool.config.slow_start))


def published_weight(pool: PoolState, server: ServerState, now: float) -> int:
    """The weight for native code: only ratios mean anything, so hundredths are used only while they are needed."""
    weight = weight_of(server)
    return max(1, round(weight * WARM_SCALE * warmth(pool, server, now))) if pool.warming else weight
