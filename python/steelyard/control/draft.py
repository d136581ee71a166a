"""A state under change, inside one call of ``reduce``: it collects what changed, and at the end settles what follows.

What follows from any change is written once, here: the new version, ``Publish`` when something shows in the snapshot,
and the probes to start and to stop. Handlers only say what a server is now.
"""

from __future__ import annotations

from dataclasses import replace

from steelyard.control.effects import Announce, Effect, FollowNames, Publish, StartProbe, StopProbe
from steelyard.control.nearest import unknown
from steelyard.control.state import ClusterState, PoolState, ServerState, name_to_resolve, probe_target


class Draft:
    def __init__(self, state: ClusterState, now: float) -> None:
        self.now = now
        self._before = state
        self._state = state
        self._pools: dict[str, PoolState | None] = {}
        self._servers: dict[str, dict[str, ServerState | None]] = {}
        self._touched: set[str] = set()
        self._announced: list[Effect] = []
        self._publish = False

    @property
    def state(self) -> ClusterState:
        """All but the pools, which ``pool`` and ``server`` know."""
        return self._state

    def pool(self, name: str) -> PoolState:
        """The pool as it was before this draft's changed servers."""
        pool = self._pools.get(name) or self._before.pools.get(name)
        if pool is None:
            raise unknown("pool", name, self._before.pools)
        return pool

    def server(self, pool: str, name: str) -> ServerState:
        found = self.find(pool, name)
        if found is None:
            raise unknown(f"server in pool {pool!r}", name, self.pool(pool).servers)
        return found

    def find(self, pool: str, name: str) -> ServerState | None:
        changed = self._servers.get(pool)
        if changed is not None and name in changed:
            return changed[name]
        return self.pool(pool).servers.get(name)

    def put(self, pool: str, name: str, server: ServerState | None) -> None:
        self._servers.setdefault(pool, {})[name] = server

    def put_pool(self, name: str, pool: PoolState | None) -> None:
        """Replace a whole pool; ``put`` still applies on top of it."""
        self._pools[name] = pool
        self._publish = True

    def touch(self, name: str) -> None:
        """The pool shows something else in the snapshot though no server of it changed: time moved its weights."""
        self._servers.setdefault(name, {})
        self._touched.add(name)

    def change(self, state: ClusterState) -> None:
        """Replace all but the pools, which shows in the snapshot."""
        self._state = state
        self._publish = True

    def remember(self, state: ClusterState) -> None:
        """Replace all but the pools, where it does not show in the snapshot."""
        self._state = state

    def announce(self, kind: str, pool: str = "", server: str = "", message: str = "") -> None:
        self._announced.append(Announce(kind, pool, server, message))

    def current(self, name: str) -> PoolState:
        """The pool with this draft's changed servers."""
        return self.pool(name).with_servers(self._servers.get(name, {}))

    def finish(self) -> tuple[ClusterState, tuple[Effect, ...]]:
        touched = dict.fromkeys([*self._pools, *self._servers])
        if not touched and not self._publish:
            return self._state, tuple(self._announced)
        version = self._before.version + 1
        pools = dict(self._before.pools)
        probes: list[Effect] = []
        names_moved = False
        for name in touched:
            before = self._before.pools.get(name)
            after = None if self._gone(name) else self.current(name)
            if self._shows(name, before, after):
                self._publish = True
                after = after and replace(after, revision=version)
            names_moved = names_moved or self._names_moved(name, before, after)
            probes += self._probes(name, before, after)
            if after is None:
                pools.pop(name, None)
            else:
                pools[name] = after
        state = replace(self._state, pools=pools, version=version if self._publish else self._before.version)
        effects: list[Effect] = [Publish()] if self._publish and state.opened and not state.stopping else []
        if names_moved:
            effects.append(FollowNames(_hosts(state)))
        return state, (*effects, *probes, *self._announced)

    def _gone(self, name: str) -> bool:
        return name in self._pools and self._pools[name] is None

    def _ids(self, name: str, before: PoolState | None, after: PoolState | None) -> list[str]:
        """The servers of the pool that may have changed."""
        if name not in self._pools:
            return list(self._servers[name])
        return list({**(before.servers if before else {}), **(after.servers if after else {})})

    def _shows(self, name: str, before: PoolState | None, after: PoolState | None) -> bool:
        if name in self._pools or name in self._touched or before is None or after is None:
            return True
        for server in self._servers[name]:
            old, new = before.servers.get(server), after.servers.get(server)
            if old is None or new is None or old.published != new.published:
                return True
        return False

    def _names_moved(self, name: str, before: PoolState | None, after: PoolState | None) -> bool:
        for server in self._ids(name, before, after):
            old, new = before and before.servers.get(server), after and after.servers.get(server)
            if (old and old.config.address) != (new and new.config.address):
                return True
        return False

    def _probes(self, name: str, before: PoolState | None, after: PoolState | None) -> list[Effect]:
        effects: list[Effect] = []
        for server in self._ids(name, before, after):
            old, new = before and before.servers.get(server), after and after.servers.get(server)
            old_target = probe_target(before, old) if before and old else None
            new_target = probe_target(after, new) if after and new else None
            if new_target is None:
                effects += [StopProbe(name, server)] if old_target is not None else []
            elif new_target != old_target:
                effects.append(StartProbe(name, server, new_target))
        return effects


def _hosts(state: ClusterState) -> frozenset[str]:
    servers = (server for pool in state.pools.values() for server in pool.servers.values())
    return frozenset(host for server in servers if (host := name_to_resolve(server.config.address)) is not None)
