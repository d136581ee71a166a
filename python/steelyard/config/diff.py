"""What changed between two configurations, as values: for a reload's answer, the events and the log.

Pure. It says what differs in the files; what a reload does with it (an operator's weight stays, a removed server drains
first) is decided by ``control``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel

from steelyard.config.model import Config, Model, Pool

RESTART = ("admin.listen", "admin.token", "log.access", "log.format", "process.threads", "process.watch")
"""Words that are read once, when the process starts."""


@dataclass(frozen=True, slots=True)
class Change:
    """One part that is in both configurations and differs."""

    name: str
    words: tuple[str, ...]
    """The words that differ, such as ``timeouts.idle``."""


@dataclass(frozen=True, slots=True)
class PoolChange:
    """A pool that is in both configurations and differs; servers are known by their id."""

    name: str
    words: tuple[str, ...] = ()
    """The words of the pool itself that differ, such as ``probe.interval``."""
    servers_added: tuple[str, ...] = ()
    servers_removed: tuple[str, ...] = ()
    servers_changed: tuple[Change, ...] = ()
    reordered: bool = False
    """The servers that stay stand in another order, which ``round-robin`` and the like show."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs; false when nothing does."""

    services_added: tuple[str, ...] = ()
    services_removed: tuple[str, ...] = ()
    services_changed: tuple[Change, ...] = ()
    pools_added: tuple[str, ...] = ()
    pools_removed: tuple[str, ...] = ()
    pools_changed: tuple[PoolChange, ...] = ()
    process: tuple[str, ...] = ()
    """Changed words of ``admin``, ``log`` and ``process`` that apply at once."""
    restart: tuple[str, ...] = ()
    """Changed words that are in force only after a restart (``RESTART``)."""

    def __bool__(self) -> bool:
        return self != Changes()

    def __str__(self) -> str:
        return "; ".join(self.sentences()) or "nothing changed"

    def summary(self, most: int = 10) -> str:
        """In one line: what needs a restart always, of the rest so many sentences at most."""
        urgent = replace(Changes(), restart=self.restart).sentences()
        rest = replace(self, restart=()).sentences()
        more = (f"{len(rest) - most:,} changes more",) if len(rest) > most else ()
        return "; ".join([*urgent, *rest[:most], *more]) or "nothing changed"

    def sentences(self) -> tuple[str, ...]:
        """One sentence for each change, for people."""
        return tuple(_sentences(self))


def diff(old: Config, new: Config) -> Changes:
    """What must be done to get from ``old`` to ``new``."""
    whole = [
        word for part in ("admin", "log", "process") for word in _differ(getattr(old, part), getattr(new, part), part)
    ]
    return Changes(
        services_added=_missing(new.services, old.services),
        services_removed=_missing(old.services, new.services),
        services_changed=_changes(old.services, new.services),
        pools_added=_missing(new.pools, old.pools),
        pools_removed=_missing(old.pools, new.pools),
        pools_changed=tuple(
            change
            for name in new.pools
            if name in old.pools and (change := _pool(name, old.pools[name], new.pools[name])) != PoolChange(name)
        ),
        process=tuple(word for word in whole if word not in RESTART),
        restart=tuple(word for word in whole if word in RESTART),
    )


def as_taken_over(running: Config, new: Config) -> Config:
    """``new`` as a process that runs by ``running`` can take it over: the words of ``RESTART`` stay as they are."""
    parts: dict[str, Model] = {}
    for word in RESTART:
        part, _, field = word.partition(".")
        used, wanted = getattr(running, part), parts.get(part, getattr(new, part))
        if getattr(used, field) != getattr(wanted, field):
            parts[part] = wanted.model_copy(update={field: getattr(used, field)})
    return new.model_copy(update=parts) if parts else new


def _pool(name: str, old: Pool, new: Pool) -> PoolChange:
    if old == new:
        return PoolChange(name)
    before = {server.id: server for server in old.servers}
    after = {server.id: server for server in new.servers}
    return PoolChange(
        name,
        words=tuple(word for word in _differ(old, new) if word != "servers"),
        servers_added=_missing(after, before),
        servers_removed=_missing(before, after),
        servers_changed=_changes(before, after),
        reordered=[each for each in before if each in after] != [each for each in after if each in before],
    )


def _missing(these: Mapping[str, object], others: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(name for name in these if name not in others)


def _changes(old: Mapping[str, BaseModel], new: Mapping[str, BaseModel]) -> tuple[Change, ...]:
    both = ((name, old[name], new[name]) for name in new if name in old)
    return tuple(Change(name, tuple(_differ(before, after))) for name, before, after in both if before != after)


def _differ(old: BaseModel, new: BaseModel, prefix: str = "") -> Iterator[str]:
    """The words whose values differ, as deep as both sides have the same part."""
    for field in type(new).model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        word = f"{prefix}.{field}" if prefix else field
        # A secret is one value: that its source moved from env to file is of no use to anybody.
        if isinstance(before, Model) and isinstance(after, Model):
            yield from _differ(before, after, word)
        else:
            yield word


def _sentences(changes: Changes) -> Iterator[str]:
    for kind, added, removed in (
        ("pool", changes.pools_added, changes.pools_removed),
        ("service", changes.services_added, changes.services_removed),
    ):
        yield from (f"{kind} {name} added" for name in added)
        yield from (f"{kind} {name} removed" for name in removed)
    for pool in changes.pools_changed:
        if pool.words:
            yield f"pool {pool.name} changed: {', '.join(pool.words)}"
        yield from (f"server {pool.name}/{server} added" for server in pool.servers_added)
        yield from (f"server {pool.name}/{server} removed" for server in pool.servers_removed)
        yield from (f"server {pool.name}/{each.name} changed: {', '.join(each.words)}" for each in pool.servers_changed)
        if pool.reordered:
            yield f"servers of pool {pool.name} reordered"
    yield from (f"service {each.name} changed: {', '.join(each.words)}" for each in changes.services_changed)
    yield from (f"{word} changed" for word in changes.process)
    yield from (f"{word} changed: in force only after a restart" for word in changes.restart)
