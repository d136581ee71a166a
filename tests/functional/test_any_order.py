"""Kills, revivals, drains, weights, removals, algorithms and reloads in random order under load: no request fails.

One server, "z", is never touched, so that every request can be answered. Each seed is an order that can be run again.
"""

from __future__ import annotations

import contextlib
import random

import pytest

from steelyard.config.model import Server
from steelyard.errors import Refused
from tests.functional.cluster import PROBE, Running, balanced

ALGORITHMS = ("round-robin", "least-connections", "weighted-least-connections", "maglev", "power-of-two", "peak-ewma")


async def step(cluster: Running, rng: random.Random) -> None:
    """One thing that an operator, or fate, does to a server other than "z"."""
    balancer, name = cluster.balancer, rng.choice("abc")
    origin = cluster.origins[name]
    there = {server.id for server in balancer.config.pools["web"].servers}
    action = rng.choice(
        ["kill", "revive", "drain", "ready", "maintenance", "weight", "remove", "add", "algorithm", "reload"]
    )
    if action == "kill":
        await origin.kill()
    elif action == "revive":
        await origin.revive()
    elif action == "add" and name not in there:
        await balancer.add_server("web", Server(id=name, address=origin.address))
    elif action == "remove" and name in there:
        await balancer.remove_server("web", name)
    elif action == "weight" and name in there:
        await balancer.set_weight("web", name, rng.randint(1, 9))
    elif action == "algorithm":
        await balancer.set_algorithm("web", rng.choice(ALGORITHMS))  # type: ignore[arg-type]
    elif action == "reload":
        await balancer.reload(cluster.config(rng.choice(["", name]), algorithm=rng.choice(ALGORITHMS)))
    elif action in ("drain", "ready", "maintenance") and name in there:
        await getattr(balancer, action)("web", name)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_order_of_changes_costs_no_request(seed: int) -> None:
    rng = random.Random(seed)
    async with balanced("abcz", probe=PROBE) as cluster, cluster.load(50) as load:
        for _ in range(40):
            with contextlib.suppress(Refused):  # a server that is just being removed takes no verb
                await step(cluster, rng)
            await load.more(20)
    assert load.failures == []
