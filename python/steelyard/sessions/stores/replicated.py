"""``replicated://``: sessions in the application servers themselves, without a session server.

``replicated://NAME@HOST:PORT?peers=HOST:PORT,…`` names this member and the others. ``copies`` is ``all``, or how many
members keep each session (2). ``secret_env`` names the environment variable with the cluster's secret; ``ca``, ``cert``
and ``key`` are files for TLS, with which members prove themselves to each other; ``cluster`` keeps clusters apart;
``timeout`` is how long an owner may take (2 s), ``join`` how long to look for others before beginning alone (5 s).

One process is one member. The member starts with the first connector, hence after a server's fork, and leaves with the
last.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

from steelyard.sessions.keys import Seal
from steelyard.sessions.metrics import Metric
from steelyard.sessions.plan import AsyncConnector, Connector, Plan
from steelyard.sessions.record import Stored
from steelyard.sessions.replication.node import Node, as_metrics
from steelyard.sessions.replication.options import Options
from steelyard.sessions.replication.options import from_url as options_from_url
from steelyard.sessions.replication.replica import LEASE, Answer, Operation
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store


class ReplicatedStore(Store):
    """Commands are operations for a key's owner, or functions of the node."""

    in_process = True
    joins_copies = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self._node: Node | None = None
        self._seal = Seal(())
        self._users = 0
        self._lock = threading.Lock()

    @property
    def node(self) -> Node:
        """This process's member, for its ``stats``; there while a connector is open."""
        assert self._node is not None, "no connector is open"
        return self._node

    def load(self, key: str, now: float) -> Plan[Stored | None]:
        answer: Answer = yield Operation("load", key, now)
        return answer.stored

    def create(self, key: str, stored: Stored, now: float) -> Plan[bool]:
        answer: Answer = yield Operation("create", key, now, stored=stored)
        return answer.outcome == "ok"

    def replace(self, key: str, expected: int, stored: Stored, now: float) -> Plan[Saved | Outrun | Gone]:
        answer: Answer = yield Operation("replace", key, now, expected=expected, stored=stored)
        if answer.outcome == "outrun" and answer.stored is not None:
            return Outrun(answer.stored)
        return Saved() if answer.outcome == "ok" else Gone()

    def touch(self, key: str, expires: float, now: float) -> Plan[bool]:
        answer: Answer = yield Operation("touch", key, now, until=expires)
        return answer.outcome == "ok"

    def end(self, key: str, until: float, now: float) -> Plan[Stored | None]:
        answer: Answer = yield Operation("end", key, now, until=until)
        return answer.stored

    def of_principal(self, principal: str, now: float) -> Plan[list[str]]:
        return (yield lambda node: node.of_principal(principal, now))  # type: ignore[no-any-return]

    def count(self, now: float) -> Plan[int]:
        return (yield lambda node: node.count(now))  # type: ignore[no-any-return]

    def purge(self, now: float, limit: int) -> Plan[list[str]]:
        return (yield lambda node: node.purge(now, limit))  # type: ignore[no-any-return]

    def lock(self, name: str, token: str, until: float, now: float) -> Plan[bool]:
        answer: Answer = yield Operation("lock", LEASE + name, now, until=until, token=token)
        return answer.outcome == "ok"

    def unlock(self, name: str, token: str) -> Plan[None]:
        yield Operation("unlock", LEASE + name, 0.0, token=token)

    def lend(self, seal: Seal) -> None:
        with self._lock:
            self._seal = seal
            if self._node is not None:
                self._node.lend(seal)

    def metrics(self) -> list[Metric]:
        with self._lock:
            node = self._node
        return [] if node is None else as_metrics(node.stats())

    def labels(self) -> dict[str, str]:
        return {"member": self.options.name}

    def connector(self) -> Connector:
        return _Blocking(self, self._enter())

    def async_connector(self) -> AsyncConnector:
        return _Async(_Blocking(self, self._enter()))

    def _enter(self) -> Node:
        with self._lock:
            if self._node is None:
                node = Node(self.options, self._seal)
                node.start()
                self._node = node
            self._users += 1
            return self._node

    def leave(self) -> None:
        """One user less; with the last the member leaves the cluster."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._node is not None:
                self._node.close()
                self._node = None


class _Blocking:
    """Asks the node; many threads may."""

    def __init__(self, store: ReplicatedStore, node: Node) -> None:
        self._store, self._node = store, node

    def execute(self, command: Operation | Callable[[Node], Any]) -> Any:
        return self._node.ask(command) if isinstance(command, Operation) else command(self._node)

    def close(self) -> None:
        self._store.leave()


class _Async:
    """The same in a thread of the event loop's pool: an owner may be this very process, and then computes."""

    def __init__(self, blocking: _Blocking) -> None:
        self._blocking = blocking

    async def execute(self, command: Operation | Callable[[Node], Any]) -> Any:
        return await asyncio.to_thread(self._blocking.execute, command)

    async def close(self) -> None:
        await asyncio.to_thread(self._blocking.close)


def from_url(url: str) -> Store:
    """One member of the cluster; nothing is connected yet."""
    return ReplicatedStore(options_from_url(url, os.environ))
