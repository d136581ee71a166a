"""When time alone will next change something. Pure: the supervisor sleeps so long."""

from __future__ import annotations

from steelyard.control.state import ClusterState

IDLE = 1.0
LEAVING = 0.05
"""How often servers that drain are counted."""
WARM_STEPS = 20
"""A slow start is published in so many steps."""
WARM_MIN = 0.1


def next_tick(state: ClusterState, now: float) -> float:
    """Seconds until the next look at the clock, never none."""
    waits = [IDLE]
    for pool in state.pools.values():
        if pool.leaving:
            waits.append(LEAVING)
        if pool.warming:
            waits.append(max(WARM_MIN, pool.config.slow_start / WARM_STEPS))
        for name in pool.out:
            waits.append((pool.servers[name].ejection.until or now) - now)
    return max(0.005, min(waits))
