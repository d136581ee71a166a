"""``redis://`` and ``rediss://``: Redis or Valkey, one server or a cluster (``?cluster=true``).

A session is one string (``envelope``). The key expires at the same end, so nothing needs to be purged. A load is a GET,
a new session a SET NX; what must compare first is a Lua script, which the server runs as one step in one round trip and
which reads the head alone. The sessions of a principal are a set in a slot of its own: an index, checked against the
sessions when it is read. Counting walks through all keys: an operator's question, not a request's. Needs Redis 6.2 or
Valkey.

Options in the URL: ``prefix`` (``steelyard:``), ``timeout`` in seconds (2), ``cluster``, ``nodes`` (``HOST:PORT,…``:
further nodes to ask for the cluster's slots, so that a process can start while the first one is away), and redis-py's.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode, urlsplit, urlunsplit

from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.plan import AsyncConnector, Connector, Plan
from steelyard.sessions.record import ENDED, Stored
from steelyard.sessions.stores import envelope, redis_client, redis_server
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store
from steelyard.sessions.stores.options import UrlOptions
from steelyard.sessions.stores.redis_commands import Ask, Count, Run, script

# KEYS[1] is the session, ARGV[1] the time now. Times are milliseconds; a tombstone's version is -1.
_IF_ALIVE = """
local head = redis.call('GETRANGE', KEYS[1], 0, 29)
local version, expires = string.sub(head, 1, 12), tonumber(string.sub(head, 13))
if not expires or expires <= tonumber(ARGV[1]) or tonumber(version) == -1 then return 0 end
"""
REPLACE = script(f"""{_IF_ALIVE}
if version ~= ARGV[2] then return redis.call('GET', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4])
return 1
""")
TOUCH = script(f"""{_IF_ALIVE}
if expires < tonumber(ARGV[2]) then
  redis.call('SETRANGE', KEYS[1], 12, ARGV[2])
  redis.call('PEXPIREAT', KEYS[1], tonumber(ARGV[2]))
end
return 1
""")
LOCK = script("""
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1
""")
UNLOCK = script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0")

_ms = envelope.milliseconds
_INDEX_TTL_S = 400 * 24 * 3600
"""How long an index outlives the last login: longer than any session, so that none is missed."""


class RedisStore(Store):
    """Sessions in Redis, Valkey or a cluster of either."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "steelyard:",
        cluster: bool = False,
        nodes: tuple[tuple[str, int], ...] = (),
        timeout: float = 2.0,
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._cluster = cluster
        self._nodes = nodes
        self._timeout = timeout

    def load(self, key: str, now: float) -> Plan[Stored | None]:
        return _alive((yield Ask(("GET", self._prefix + key))), now)

    def create(self, key: str, stored: Stored, now: float) -> Plan[bool]:
        words = ("SET", self._prefix + key, envelope.pack(stored), "NX", "PXAT", _ms(stored.expires))
        created = (yield Ask(words)) is not None
        if created and stored.principal:
            index = self._index(stored.principal)
            yield Ask(("SADD", index, key))
            yield Ask(("EXPIRE", index, _INDEX_TTL_S))
        return created

    def replace(self, key: str, expected: int, stored: Stored, now: float) -> Plan[Saved | Outrun | Gone]:
        arguments = (
            _ms(now),
            envelope.version(expected),
            envelope.pack(stored),
            _ms(stored.expires),
        )
        reply = yield Run(REPLACE, self._prefix + key, arguments)
        if reply == 1:
            return Saved()
        current = None if reply == 0 else _alive(reply, now)
        return Gone() if current is None else Outrun(current)

    def touch(self, key: str, expires: float, now: float) -> Plan[bool]:
        return bool((yield Run(TOUCH, self._prefix + key, (_ms(now), envelope.expires(expires)))))

    def end(self, key: str, until: float, now: float) -> Plan[Stored | None]:
        tombstone = envelope.pack(Stored(ENDED, until, "", b""))
        was = _alive((yield Ask(("SET", self._prefix + key, tombstone, "GET", "PXAT", _ms(until)))), now)
        if was is not None and was.principal:
            yield Ask(("SREM", self._index(was.principal), key))
        return was

    def of_principal(self, principal: str, now: float) -> Plan[list[str]]:
        found = []
        index = self._index(principal)
        for member in (yield Ask(("SMEMBERS", index))):
            key = member.decode()
            stored = yield from self.load(key, now)
            if stored is not None and stored.principal == principal:
                found.append(key)
            elif stored is None:
                yield Ask(("SREM", index, key))
        return found

    def count(self, now: float) -> Plan[int]:
        return (yield Count(self._prefix))  # type: ignore[no-any-return]

    def purge(self, now: float, limit: int) -> Plan[list[str]]:
        return []
        yield  # a plan that asks for nothing: the server expires its keys itself

    def lock(self, name: str, token: str, until: float, now: float) -> Plan[bool]:
        return bool((yield Run(LOCK, f"{self._prefix}lock:{name}", (token, _ms(until)))))

    def unlock(self, name: str, token: str) -> Plan[None]:
        yield Run(UNLOCK, f"{self._prefix}lock:{name}", (token,))

    def connector(self) -> Connector:
        if self._cluster:
            return redis_client.Blocking(self._url, self._timeout, self._nodes)
        return redis_server.Blocking(self._url, self._timeout)

    def async_connector(self) -> AsyncConnector:
        if self._cluster:
            return redis_client.Asynchronous(self._url, self._timeout, self._nodes)
        return redis_server.Asynchronous(self._url, self._timeout)

    def _index(self, principal: str) -> str:
        # Hashed: principals may be e-mail addresses, which have no place in the names of keys.
        return f"{self._prefix}principal:{hashlib.sha256(principal.encode()).hexdigest()}"


def _alive(value: bytes | None, now: float) -> Stored | None:
    """The record, unless it is a tombstone or past its end."""
    if value is None:
        return None
    stored = envelope.unpack(value)
    return None if stored.version == ENDED or stored.expires <= now else stored


def from_url(url: str) -> Store:
    """The store of a URL; our own options are taken out of it, redis-py reads the rest."""
    parts = urlsplit(url)
    options = UrlOptions(url)
    prefix, cluster, timeout = (
        options.text("prefix", "steelyard:"),
        options.flag("cluster"),
        options.seconds("timeout", 2),
    )
    nodes = tuple(_node(text) for text in options.text("nodes", "").split(",") if text)
    url = urlunsplit(parts._replace(query=urlencode(options.rest)))
    if not cluster:
        redis_client.check(url)
    return RedisStore(url, prefix=prefix, cluster=cluster, nodes=nodes, timeout=timeout)


def _node(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise StoreMisconfigured(f"nodes= of a redis:// URL are HOST:PORT,HOST:PORT; found {text!r}")
    return host.strip("[]"), int(port)
