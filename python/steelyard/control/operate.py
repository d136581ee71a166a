"""What operators ask for: admin states, weights, algorithms, servers added and removed while it runs.

``TABLE`` is the whole life of an admin state; the diagram in ``docs/health.md`` is drawn from it. Health has no part
in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, get_args

from steelyard.config.model import Algorithm
from steelyard.control.configure import fresh
from steelyard.control.draft import Draft
from steelyard.control.events import (
    AdditionRequested,
    AdminStateRequested,
    AlgorithmRequested,
    RemovalRequested,
    WeightRequested,
)
from steelyard.control.nearest import unknown
from steelyard.control.state import ServerState, weight_of
from steelyard.errors import Refused
from steelyard.health.policy import HealthState

Life = Literal["ready", "drain", "maintenance", "removing", "gone"]
Verb = Literal["ready", "drain", "maintenance", "remove", "add", "ended"]

TABLE: Final[Mapping[tuple[Life, Verb], Life]] = {
    ("ready", "drain"): "drain",
    ("ready", "maintenance"): "maintenance",
    ("drain", "ready"): "ready",
    ("drain", "maintenance"): "maintenance",
    ("maintenance", "ready"): "ready",
    ("maintenance", "drain"): "drain",
    ("ready", "remove"): "removing",
    ("drain", "remove"): "removing",
    ("maintenance", "remove"): "removing",
    ("removing", "add"): "ready",
    ("removing", "ended"): "gone",
}
"""(state, verb) to the next. A verb that names the present state changes nothing; what is not listed is refused."""


def life(server: ServerState) -> Life:
    return server.admin if server.removing is None else "removing"


def request_admin_state(draft: Draft, event: AdminStateRequested) -> None:
    server = draft.server(event.pool, event.server)
    if life(server) == event.admin:
        return
    if (life(server), event.admin) not in TABLE:
        raise Refused(f"{event.pool}/{event.server} is being removed; to keep it, add it again")
    after = replace(server, admin=event.admin, drained=False)
    pool = draft.pool(event.pool)
    if server.admin == "maintenance" and pool.config.probe is not None:
        after = replace(after, health=HealthState(since=draft.now, note="not probed since its maintenance"))
    elif server.admin == "maintenance" and pool.config.slow_start:
        after = replace(after, warming=draft.now)
    draft.put(event.pool, event.server, after)
    draft.announce("admin-changed", event.pool, event.server, f"{server.admin} -> {event.admin}")


def request_weight(draft: Draft, event: WeightRequested) -> None:
    server = draft.server(event.pool, event.server)
    if not 1 <= event.weight <= 1000:
        raise Refused(f"a weight is from 1 to 1000, not {event.weight}; to send no new clients, drain the server")
    if weight_of(server) == event.weight:
        return
    draft.put(event.pool, event.server, replace(server, weight=event.weight))
    draft.announce("server-weighted", event.pool, event.server, f"{weight_of(server)} -> {event.weight}")


def request_algorithm(draft: Draft, event: AlgorithmRequested) -> None:
    pool = draft.pool(event.pool)
    if event.algorithm not in get_args(Algorithm):
        raise unknown("algorithm", event.algorithm, get_args(Algorithm))
    if pool.algorithm_now == event.algorithm:
        return
    draft.put_pool(event.pool, replace(pool, algorithm=event.algorithm))
    draft.announce("algorithm-changed", event.pool, "", f"{pool.algorithm_now} -> {event.algorithm}")


def request_addition(draft: Draft, event: AdditionRequested) -> None:
    pool, name = draft.pool(event.pool), event.server.id
    known = draft.find(event.pool, name)
    if known is not None and known.removing is None:
        raise Refused(f"{event.pool}/{name} is there already; change it with weight, drain or maintenance")
    names = {} if event.resolution is None else {event.resolution.host: event.resolution}
    in_file = pool.removed.get(name)
    if in_file is not None:
        removed = {other: server for other, server in pool.removed.items() if other != name}
        pool = replace(pool, removed=removed)
        draft.put_pool(event.pool, pool)
    added = in_file != event.server
    if known is not None and known.config.address == event.server.address:
        server = replace(known, config=event.server, removing=None, drained=False, added=added, admin="ready")
    else:
        server = fresh(pool, event.server, names, draft.now, added=added, warm=draft.state.opened)
    draft.put(event.pool, name, server)
    draft.announce("server-added", event.pool, name)


def request_removal(draft: Draft, event: RemovalRequested) -> None:
    server = draft.server(event.pool, event.server)
    if server.removing is not None:
        return
    pool = draft.pool(event.pool)
    if not server.added:
        draft.put_pool(event.pool, replace(pool, removed={**pool.removed, event.server: server.config}))
    deadline = draft.now + draft.state.config.process.shutdown_timeout
    draft.put(event.pool, event.server, replace(server, removing=deadline, drained=False))
