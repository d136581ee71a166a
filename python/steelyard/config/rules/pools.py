"""What must hold inside a pool: its servers, algorithm, probe, affinity and queue."""

from __future__ import annotations

from collections.abc import Iterator

from steelyard.config.finding import Finding, one_of, show
from steelyard.config.locate import Path
from steelyard.config.model import Affinity, Algorithm, Config, Passive, Pool, Probe, Retry, Server
from steelyard.config.needs import NEEDS, reads_weights, weighing
from steelyard.config.types import format_duration


def findings(config: Config) -> Iterator[Finding]:
    used = {service.pool for service in config.services.values()}
    users: tuple[Path, ...] = tuple(("services", name, "pool") for name in config.services)
    for name, pool in config.pools.items():
        path: Path = ("pools", name)
        if name not in used:
            cure = f"give it to a service with pool = {show(name)}, or take it out"
            yield Finding(path, "no service uses this pool", cure, "warning", "key", users)
        yield from _servers(path, pool)
        yield from _weights(path, pool)
        yield from _hashing(path, pool)
        yield from _probe((*path, "probe"), pool.probe)
        yield from _passive((*path, "passive"), pool.passive)
        yield from _affinity((*path, "affinity"), pool.affinity)
        yield from _queue(path, pool)


def _servers(path: Path, pool: Pool) -> Iterator[Finding]:
    servers: Path = (*path, "servers")
    if not pool.servers:
        cure = 'add servers = [{ address = "10.0.0.1:80" }], or add them while it runs'
        yield Finding(servers, "this pool has no servers", cure, "warning", "key")
    elif all(server.backup for server in pool.servers):
        cure = "leave backup out for those that serve in good times"
        message = "all servers of this pool are backups, so that none is primary"
        yield Finding(servers, message, cure, "warning", "key", (servers,))
    ids: dict[str, int] = {}
    addresses: dict[str, int] = {}
    for index, server in enumerate(pool.servers):
        here: Path = (*servers, index)
        word = _identity(server)
        if (first := ids.setdefault(server.id, index)) != index:
            message = f"expected an id that no other server of the pool has, found {show(server.id)} again"
            cure = f"servers[{first}] has it already: give this one an id of its own"
            yield Finding((*here, word), message, cure, reads=((*servers, first, _identity(pool.servers[first])),))
        elif (first := addresses.setdefault(server.address, index)) != index:
            message = f"the address {show(server.address)} is that of server {show(pool.servers[first].id)} too"
            cure = "one server listed twice gets twice the share and twice the probes; a weight does that better"
            yield Finding((*here, "address"), message, cure, "warning", reads=((*servers, first, "address"),))


def _identity(server: Server) -> str:
    """The word that gives a server its id."""
    return "id" if "id" in server.model_fields_set else "address"


def weights_ignored(algorithm: Algorithm) -> tuple[str, str]:
    """What to say, and its cure, of a weight where the algorithm does not read weights."""
    return (
        f"weights have no effect: {show(algorithm)} ignores them",
        f"algorithms that read them are {one_of(weighing())}",
    )


def _weights(path: Path, pool: Pool) -> Iterator[Finding]:
    if reads_weights(pool.algorithm):
        return
    algorithm: Path = (*path, "algorithm")
    reading = one_of(weighing())
    if pool.slow_start:
        message = f"slow start works by weights, and {show(pool.algorithm)} ignores them"
        yield Finding((*path, "slow_start"), message, f"use one of the algorithms {reading}", reads=(algorithm,))
    for index, server in enumerate(pool.servers):
        if server.weight != 1:
            place: Path = (*path, "servers", index, "weight")
            yield Finding(place, *weights_ignored(pool.algorithm), "warning", reads=(algorithm,))
            return  # once for each pool is enough


def _hashing(path: Path, pool: Pool) -> Iterator[Finding]:
    by_address = "address" in NEEDS[pool.algorithm] or (pool.affinity is not None and pool.affinity.by == "source")
    for word in ("hash_mask_v4", "hash_mask_v6"):
        if not by_address and getattr(pool, word) != Pool.model_fields[word].default:
            reading = one_of([name for name, needs in NEEDS.items() if "address" in needs])
            cure = f"it is read by the algorithms {reading} and by affinity by source"
            reads: tuple[Path, ...] = ((*path, "algorithm"), (*path, "affinity"))
            yield Finding(
                (*path, word), "no effect: nothing here looks at client addresses", cure, "warning", "key", reads
            )


def _probe(path: Path, probe: Probe | None) -> Iterator[Finding]:
    if probe is None:
        return
    kind: Path = (*path, "type")
    for word in ("method", "path", "host", "status", "body"):
        if probe.type == "tcp" and getattr(probe, word) != Probe.model_fields[word].default:
            message = f"{word} is a word of probes of type http, and this one is of type tcp"
            yield Finding((*path, word), message, 'set type = "http", or leave it out', spot="key", reads=(kind,))
    if probe.type == "http" and probe.method == "HEAD" and probe.body:
        message = "an answer to HEAD has no body, so that no probe could succeed"
        yield Finding((*path, "body"), message, 'use method = "GET"', reads=((*path, "method"),))
    if probe.timeout > probe.interval:
        message = (
            f"a probe may take {format_duration(probe.timeout)}, "
            f"longer than the interval of {format_duration(probe.interval)} between two"
        )
        reads: tuple[Path, ...] = ((*path, "interval"),)
        yield Finding((*path, "timeout"), message, "make timeout at most interval", "warning", reads=reads)


def _passive(path: Path, passive: Passive) -> Iterator[Finding]:
    if passive.max_out_time < passive.out_time:
        least, most = format_duration(passive.out_time), format_duration(passive.max_out_time)
        message = f"expected a longest time out of at least out_time ({least}), found {show(most)}"
        yield Finding((*path, "max_out_time"), message, f'did you mean "{least}"?', reads=((*path, "out_time"),))


def _affinity(path: Path, affinity: Affinity | None) -> Iterator[Finding]:
    if affinity is None:
        return
    reads: tuple[Path, ...] = ((*path, "by"), (*path, "form"))
    if affinity.by == "cookie" and affinity.form == "append" and "name" not in affinity.model_fields_set:
        message = "expected the name of the application's cookie to append to, found nothing"
        yield Finding((*path, "name"), message, 'add name = "sessionid", or what it is called', spot="key", reads=reads)
    if affinity.by == "cookie" and affinity.form == "insert" and affinity.same_site == "None":
        message = 'browsers refuse a cookie with same_site = "None" that is not Secure, and no service has TLS'
        yield Finding((*path, "same_site"), message, 'use "Lax" or "Strict"', "warning", reads=reads)
    other = {"source": ("name", "form", "same_site", "key"), "cookie": ("ttl", "capacity")}[affinity.by]
    for word in other:
        if getattr(affinity, word) != Affinity.model_fields[word].default:
            cure = "leave it out"
            yield Finding((*path, word), f"no effect with affinity by {affinity.by}", cure, "warning", "key", reads)


def _queue(path: Path, pool: Pool) -> Iterator[Finding]:
    servers: Path = (*path, "servers")
    limited = any(server.max_connections for server in pool.servers)
    for word in type(pool.queue).model_fields:
        if pool.servers and not limited and getattr(pool.queue, word) != type(pool.queue).model_fields[word].default:
            message = "no effect: nothing ever waits, because no server of the pool has max_connections"
            cure = "give the servers max_connections, or leave it out"
            yield Finding((*path, "queue", word), message, cure, "warning", "key", (servers,))
    for word in ("budget", "min_per_second"):
        if pool.retry.attempts == 1 and getattr(pool.retry, word) != Retry.model_fields[word].default:
            place: Path = (*path, "retry", word)
            reads: tuple[Path, ...] = ((*path, "retry", "attempts"),)
            message = "no effect: with attempts = 1 nothing is ever tried again"
            yield Finding(place, message, "raise attempts, or leave it out", "warning", "key", reads)
