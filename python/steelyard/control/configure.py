"""A configuration is taken over: what the file changed is applied, what was changed at run time stays.

The rule, word by word: a reload applies what changed *in the file* since it was last read. So an operator's weight,
algorithm, added or removed server stays in force until the file changes that same word; admin states are no words of
the file and always stay. Health and ejections belong to (pool, id) and stay unless the address changed.
See docs/decisions/0060-reload-keeps-overrides.md. Words that are read once, when the process starts, stay in force as
they were read, so that every later reload says again that they wait for a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from steelyard.config.diff import as_taken_over, diff
from steelyard.config.model import Affinity, Pool, Server
from steelyard.control.draft import Draft
from steelyard.control.events import ConfigChanged, Resolution
from steelyard.control.marks import mark
from steelyard.control.state import PoolState, ServerState, name_to_resolve
from steelyard.health.passive import Ejection
from steelyard.health.policy import HealthState, unprobed


def take_over(draft: Draft, event: ConfigChanged) -> None:
    before = draft.state
    for name in before.pools:
        if name not in event.config.pools:
            draft.put_pool(name, None)
    for name, pool in event.config.pools.items():
        old = before.pools.get(name)
        new = _pool(draft, name, pool, old, event)
        if new != old:
            draft.put_pool(name, new)
    config = as_taken_over(before.config, event.config) if before.version else event.config
    if (before.config.services, before.listens) != (config.services, event.listens):
        draft.change(replace(before, config=config, listens=dict(event.listens)))
    else:
        draft.remember(replace(before, config=config))
    if before.opened:
        draft.announce("reloaded", message=diff(before.config, event.config).summary())


def fresh(
    pool: PoolState, server: Server, names: Mapping[str, Resolution], now: float, *, added: bool = False, warm: bool
) -> ServerState:
    """A server nobody has met yet. Without a probe it is up at once, and then warms up if others are warm already."""
    address, note = locate(server.address, None, names)
    up = pool.config.probe is None
    return ServerState(
        config=server,
        address=address,
        resolve_note=note,
        health=unprobed(now) if up else HealthState(since=now, note="not probed yet"),
        mark=marks(pool.config.affinity) and mark(pool.key, pool.name, server.id),
        added=added,
        warming=now if up and warm and pool.config.slow_start else None,
    )


def marks(affinity: Affinity | None) -> str:
    """Not empty where servers need marks."""
    return affinity.by if affinity is not None and affinity.by == "cookie" else ""


def locate(address: str, known: str | None, names: Mapping[str, Resolution]) -> tuple[str | None, str]:
    """Where an address leads to, and what is to be said of it. ``known`` is where it led so far: it stays while it is
    still among the answers, and when there are none."""
    host = name_to_resolve(address)
    if host is None:
        return address, ""
    found = names.get(host)
    if found is None:
        return known, "" if known else "not resolved yet"
    if not found.addresses:
        return known, found.note if known is None else f"{found.note}; the last good address stays"
    _, _, port = address.rpartition(":")
    answers = [f"[{answer}]:{port}" if ":" in answer else f"{answer}:{port}" for answer in found.addresses]
    return known if known in answers else answers[0], ""


def _pool(draft: Draft, name: str, config: Pool, old: PoolState | None, event: ConfigChanged) -> PoolState:
    key = event.keys.get(name, b"")
    if old is None:
        pool = PoolState(name, config, key, revision=draft.state.version + 1)
        servers = {server.id: fresh(pool, server, event.names, draft.now, warm=False) for server in config.servers}
        return pool.with_servers(servers)
    file_before = {server.id: server for server in old.config.servers}
    file_after = {server.id: server for server in config.servers}
    removed = {each: server for each, server in old.removed.items() if file_after.get(each) == server}
    kept = old.algorithm if old.config.algorithm == config.algorithm else None
    pool = replace(old, config=config, key=key, algorithm=kept, removed=removed)
    servers = {}
    for each, server in file_after.items():
        known = old.servers.get(each)
        if each in removed:
            servers |= {each: known} if known is not None else {}
        elif known is None:
            servers[each] = fresh(pool, server, event.names, draft.now, warm=draft.state.opened)
            draft.announce("server-added", name, each)
        else:
            kept_weight = known.weight if each in file_before and file_before[each].weight == server.weight else None
            servers[each] = _server(pool, replace(known, weight=kept_weight), server, event.names, draft.now)
    for each, known in old.servers.items():
        if each not in file_after:
            servers[each] = _policy(_dropped(known, draft.now + event.config.process.shutdown_timeout), pool, draft.now)
    settled = _marked(pool, old, servers)
    return replace(pool, servers={}, leaving=frozenset(), warming=frozenset(), out=frozenset()).with_servers(settled)


def _dropped(known: ServerState, deadline: float) -> ServerState:
    """A server that the file does not name: removed if the file named it before, untouched if an operator added it."""
    if known.added or known.removing is not None:
        return known
    return replace(known, removing=deadline, drained=False)


def _server(
    pool: PoolState, known: ServerState, config: Server, names: Mapping[str, Resolution], now: float
) -> ServerState:
    """A server that stays: its state belongs to the identity, its words to the file."""
    moved = known.config.address != config.address
    address, note = locate(config.address, None if moved else known.address, names)
    server = replace(
        known,
        config=known.config if known.config == config else config,
        address=address,
        resolve_note=note,
        added=False,
        removing=None,
        drained=known.drained and known.removing is None,
    )
    if moved:
        health = unprobed(now) if pool.config.probe is None else HealthState(since=now, note="not probed yet")
        server = replace(server, health=health, ejection=Ejection(), warming=None)
    return _policy(server, pool, now)


def _policy(server: ServerState, pool: PoolState, now: float) -> ServerState:
    """What a pool's changed policies mean for a server: what no longer counts must not go on judging it."""
    if pool.config.probe is None and server.health.health != "up":
        server = replace(server, health=unprobed(now))
    if not pool.config.passive.enabled and server.ejection != Ejection():
        server = replace(server, ejection=Ejection())
    if not pool.config.slow_start and server.warming is not None:
        server = replace(server, warming=None)
    return server


def _marked(pool: PoolState, old: PoolState, servers: dict[str, ServerState]) -> dict[str, ServerState]:
    """The servers with the marks of this pool's affinity and key."""
    if pool.key == old.key and marks(pool.config.affinity) == marks(old.config.affinity):
        return servers
    wanted = marks(pool.config.affinity)
    return {
        name: replace(each, mark=mark(pool.key, pool.name, name) if wanted else "") for name, each in servers.items()
    }
