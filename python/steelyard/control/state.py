"""What is known of the cluster: pools and their servers, frozen. A change makes new values and shares the rest.

Only shapes and the copy-on-write of one pool. A pool of 10,000 servers is one dictionary: copying it costs about
0.1 ms, and ``leaving``, ``warming`` and ``out`` name the few servers that time moves, so that no tick walks them all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from steelyard.config.model import Algorithm, Config, Pool, Probe, Server
from steelyard.config.types import split_host_port
from steelyard.health.passive import Ejection
from steelyard.health.policy import HealthState
from steelyard.status import AdminState


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server: what was asked for, what was found, and what the operator wants. The three are never mixed."""

    config: Server
    address: str | None
    """Where to connect; None while its name is not resolved."""
    health: HealthState
    mark: str = ""
    """The opaque mark of cookie affinity."""
    resolve_note: str = ""
    """Why its name is not resolved, or why the address is an old one."""
    ejection: Ejection = field(default_factory=Ejection)
    admin: AdminState = "ready"
    weight: int | None = None
    """The operator's weight; None: the configured one."""
    added: bool = False
    """Added at run time, not by the file."""
    removing: float | None = None
    """It drains and goes; at this time even if something still runs on it."""
    drained: bool = False
    """Leaving, and nothing runs on it any more."""
    warming: float | None = None
    """When its slow start began; None: it has its full weight."""

    @property
    def leaving(self) -> bool:
        return self.admin != "ready" or self.removing is not None

    @property
    def published(self) -> tuple[object, ...]:
        """All that a snapshot is made from: while it is equal, nothing has to be published."""
        health = self.health.health
        out = self.ejection.until is not None
        return (self.config, self.address, health, self.mark, out, self.admin, self.weight, self.removing, self.warming)


@dataclass(frozen=True, slots=True)
class PoolState:
    name: str
    config: Pool
    """As the file has it; its ``servers`` are the file's."""
    key: bytes = b""
    """The key of the marks."""
    algorithm: Algorithm | None = None
    """The operator's algorithm; None: the configured one."""
    servers: Mapping[str, ServerState] = field(default_factory=dict)
    """By id, in configuration order, those added at run time last."""
    removed: Mapping[str, Server] = field(default_factory=dict)
    """Servers of the file that the operator removed: they stay away until the file changes them."""
    revision: int = 0
    """The version of the snapshot that last changed this pool."""
    leaving: frozenset[str] = frozenset()
    """Draining, in maintenance or being removed, and not drained yet."""
    warming: frozenset[str] = frozenset()
    out: frozenset[str] = frozenset()

    @property
    def algorithm_now(self) -> Algorithm:
        return self.algorithm or self.config.algorithm

    def with_servers(self, changes: Mapping[str, ServerState | None]) -> PoolState:
        """This pool with some servers replaced, added, or (None) gone."""
        servers = dict(self.servers)
        leaving, warming, out = set(self.leaving), set(self.warming), set(self.out)
        for name, server in changes.items():
            for members, belongs in (
                (leaving, server is not None and server.leaving and not server.drained),
                (warming, server is not None and server.warming is not None),
                (out, server is not None and server.ejection.out),
            ):
                (members.add if belongs else members.discard)(name)
            if server is None:
                servers.pop(name, None)
            else:
                servers[name] = server
        return replace(
            self,
            servers=servers,
            leaving=frozenset(leaving),
            warming=frozenset(warming),
            out=frozenset(out),
        )


@dataclass(frozen=True, slots=True)
class ClusterState:
    config: Config = field(default_factory=Config)
    """The configuration as last loaded, without what was changed at run time."""
    pools: Mapping[str, PoolState] = field(default_factory=dict)
    listens: Mapping[str, str] = field(default_factory=dict)
    """Service name to the address to listen on, its host name resolved."""
    version: int = 0
    """The version of the snapshot that this state is published as."""
    opened: bool = False
    """The listeners are open. What comes up before needs no slow start: all start alike."""
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a prober is to ask, and how."""

    address: str
    host: str
    """The Host field when the probe names none: the configured address."""
    probe: Probe


def weight_of(server: ServerState) -> int:
    return server.config.weight if server.weight is None else server.weight


def probe_target(pool: PoolState, server: ServerState) -> Target | None:
    """What to probe; None in maintenance, without a probe or without an address."""
    if pool.config.probe is None or server.address is None or server.admin == "maintenance":
        return None
    return Target(server.address, server.config.address, pool.config.probe)


@lru_cache(maxsize=1 << 16)
def name_to_resolve(address: str) -> str | None:
    """The host name of an address; None where there is nothing to resolve (an address literal, a unix socket)."""
    if address.startswith("unix:"):
        return None
    host, _ = split_host_port(address)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None
