"""What probes, traffic, names and time say of the servers: health, ejections, addresses, the ends of drains."""

from __future__ import annotations

from dataclasses import replace

from steelyard.control.configure import locate
from steelyard.control.draft import Draft
from steelyard.control.eligible import may_eject, warmth
from steelyard.control.events import (
    ActiveCounted,
    FailuresSeen,
    NamesResolved,
    ProbeOutcome,
    ProbesFinished,
    TimePassed,
)
from steelyard.control.state import ServerState, name_to_resolve
from steelyard.health.passive import Sample, eject, end, judge
from steelyard.health.policy import observe


def finish_probes(draft: Draft, event: ProbesFinished) -> None:
    for outcome in event.outcomes:
        if outcome.pool in draft.state.pools:
            _finish_probe(draft, outcome)


def _finish_probe(draft: Draft, outcome: ProbeOutcome) -> None:
    """A probe that ended after its server went, or into maintenance, counts for nothing."""
    server = draft.find(outcome.pool, outcome.server)
    pool = draft.pool(outcome.pool)
    if server is None or pool.config.probe is None or server.admin == "maintenance":
        return
    health = observe(server.health, outcome.good, outcome.note, pool.config.probe, draft.now)
    after = replace(server, health=health)
    if health.health != server.health.health:
        warms = health.health == "up" and draft.state.opened and pool.config.slow_start > 0
        after = replace(after, warming=draft.now if warms else None)
        draft.announce(f"server-{health.health}", outcome.pool, outcome.server, outcome.note)
    draft.put(outcome.pool, outcome.server, after)


def see_failures(draft: Draft, event: FailuresSeen) -> None:
    for sample in event.samples:
        if sample.pool in draft.state.pools:
            _see_failure(draft, sample)


def _see_failure(draft: Draft, sample: Sample) -> None:
    server, policy = draft.find(sample.pool, sample.server), draft.pool(sample.pool).config.passive
    if server is None or not policy.enabled or server.admin == "maintenance":
        return
    ejection, charge = judge(server.ejection, sample, policy, draft.now)
    if charge is not None and may_eject(draft.current(sample.pool), sample.server, charge):
        ejection = eject(ejection, charge.why, policy, draft.now)
        out = (ejection.until or draft.now) - draft.now
        draft.announce("server-ejected", sample.pool, sample.server, f"{charge.why}; out for {out:g} s")
    draft.put(sample.pool, sample.server, replace(server, ejection=ejection))


def resolve_names(draft: Draft, event: NamesResolved) -> None:
    names = {resolution.host: resolution for resolution in event.resolutions}
    for pool in draft.state.pools.values():
        for name, server in pool.servers.items():
            if name_to_resolve(server.config.address) not in names:
                continue
            address, note = locate(server.config.address, server.address, names)
            if (address, note) != (server.address, server.resolve_note):
                draft.put(pool.name, name, replace(server, address=address, resolve_note=note))
            if address != server.address:
                draft.announce("server-resolved", pool.name, name, f"{server.config.address} is {address}")
            elif note and note != server.resolve_note:
                draft.announce("server-unresolved", pool.name, name, note)


def count_active(draft: Draft, event: ActiveCounted) -> None:
    for (pool, name), active in event.counts.items():
        server = draft.find(pool, name) if pool in draft.state.pools else None
        if server is not None and server.leaving and not server.drained and active == 0:
            _drained(draft, pool, name, server)


def pass_time(draft: Draft, event: TimePassed) -> None:
    """Ends times out, slow starts and removals whose time has come."""
    del event
    for pool in draft.state.pools.values():
        for name in pool.out:
            server = pool.servers[name]
            if server.ejection.until is not None and server.ejection.until <= draft.now:
                warming = draft.now if pool.config.slow_start and server.health.health == "up" else server.warming
                draft.put(pool.name, name, replace(server, ejection=end(server.ejection, draft.now), warming=warming))
                draft.announce("server-returned", pool.name, name, f"was out: {server.ejection.why}")
        for name in pool.warming:
            server = draft.server(pool.name, name)
            if warmth(pool, server, draft.now) >= 1.0:
                draft.put(pool.name, name, replace(server, warming=None))
        for name in pool.leaving:
            server = draft.server(pool.name, name)
            if server.removing is not None and server.removing <= draft.now:
                _gone(draft, pool.name, name, "its deadline had come")
        if pool.warming:
            draft.touch(pool.name)


def _drained(draft: Draft, pool: str, name: str, server: ServerState) -> None:
    draft.announce("server-drained", pool, name)
    if server.removing is None:
        draft.put(pool, name, replace(server, drained=True))
    else:
        _gone(draft, pool, name, "")


def _gone(draft: Draft, pool: str, name: str, message: str) -> None:
    draft.put(pool, name, None)
    draft.announce("server-removed", pool, name, message)
