"""``memcached://host:11211``: memcached, which forgets what it has no room for: every eviction is a logout.

A record is one item (``envelope``). Saves use memcached's own compare-and-swap; its token, seen at the load, is
remembered in this process, so that a save is one round trip (two in the rare case that it was forgotten). Options:
``prefix`` (``steelyard:``), ``timeout`` in seconds (2), ``pool`` (16 connections).

memcached cannot list its items: ``count`` is an estimate, the number of all items in the server.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.plan import AsyncConnector, Connector, Plan
from steelyard.sessions.record import ENDED, Stored
from steelyard.sessions.stores import envelope
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store
from steelyard.sessions.stores.deadlines import Deadlines
from steelyard.sessions.stores.options import UrlOptions

try:
    import aiomcache
    import pymemcache
    from pymemcache.client.base import PooledClient
except ImportError:
    raise StoreMisconfigured(
        "a memcached:// store needs pymemcache and aiomcache: pip install 'steelyard[memcached]'"
    ) from None

TOKENS = 10_000
"""How many tokens are remembered: more than a process has requests at once."""
INDEX_TTL_S = 400 * 24 * 3600


class Gets(NamedTuple):
    """A command: the item and its token; (None, None) when there is none."""

    key: bytes


class Cas(NamedTuple):
    """A command: True, False (somebody was faster), or None (the item is gone)."""

    key: bytes
    value: bytes
    token: Any
    expires: int


class Put(NamedTuple):
    """A command: ``add`` or ``append``; False when it was not stored."""

    verb: str
    key: bytes
    value: bytes
    expires: int


class Count(NamedTuple):
    """A command: the number of items."""


Command = Gets | Cas | Put | Count


class MemcachedStore(Store):
    """Sessions in one memcached server."""

    def __init__(
        self, host: str, port: int, *, prefix: str = "steelyard:", timeout: float = 2.0, pool: int = 16
    ) -> None:
        self.host, self.port, self.timeout, self.pool = host, port, timeout, pool
        self._prefix = prefix.encode()
        self._tokens: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def load(self, key: str, now: float) -> Plan[Stored | None]:
        found, _ = yield from self._read(key, now)
        return None if found is None or found.version == ENDED else found

    def create(self, key: str, stored: Stored, now: float) -> Plan[bool]:
        created: bool = yield Put("add", self._prefix + key.encode(), envelope.pack(stored), _whole(stored.expires))
        if created and stored.principal:
            index, line = self._index(stored.principal), key.encode() + b"\n"
            lasting = _whole(now + INDEX_TTL_S)
            if not (yield Put("append", index, line, lasting)) and not (yield Put("add", index, line, lasting)):
                yield Put("append", index, line, lasting)
        return created

    def replace(self, key: str, expected: int, stored: Stored, now: float) -> Plan[Saved | Outrun | Gone]:
        token = self._tokens.pop((key, expected), None)
        if token is None:
            found, token = yield from self._read(key, now)
            if found is None or found.version == ENDED:
                return Gone()
            if found.version != expected:
                return Outrun(found)
        swapped = yield Cas(self._prefix + key.encode(), envelope.pack(stored), token, _whole(stored.expires))
        if swapped:
            return Saved()
        found, _ = yield from self._read(key, now)
        if found is None or found.version == ENDED:
            return Gone()
        # Only the end was moved: the version is the expected one, and the new token is remembered.
        return (yield from self.replace(key, expected, stored, now)) if found.version == expected else Outrun(found)

    def touch(self, key: str, expires: float, now: float) -> Plan[bool]:
        while True:
            found, token = yield from self._read(key, now)
            if found is None or found.version == ENDED:
                return False
            moved = Stored(found.version, max(found.expires, expires), found.principal, found.body)
            if (yield Cas(self._prefix + key.encode(), envelope.pack(moved), token, _whole(moved.expires))):
                self._tokens.pop((key, found.version), None)
                return True

    def end(self, key: str, until: float, now: float) -> Plan[Stored | None]:
        name, tombstone = self._prefix + key.encode(), envelope.pack(Stored(ENDED, until, "", b""))
        while True:
            found, token = yield from self._read(key, now, dead=True)
            if token is None:
                if (yield Put("add", name, tombstone, _whole(until))):
                    return None
            elif (yield Cas(name, tombstone, token, _whole(until))):
                return None if found is None or found.version == ENDED else found

    def of_principal(self, principal: str, now: float) -> Plan[list[str]]:
        index, _ = yield Gets(self._index(principal))
        found = []
        for key in dict.fromkeys((index or b"").decode().split()):
            stored = yield from self.load(key, now)
            if stored is not None and stored.principal == principal:
                found.append(key)
        return found

    def count(self, now: float) -> Plan[int]:
        return (yield Count())  # type: ignore[no-any-return]

    def purge(self, now: float, limit: int) -> Plan[list[str]]:
        return []
        yield  # a plan that asks for nothing: the server forgets by itself

    def lock(self, name: str, token: str, until: float, now: float) -> Plan[bool]:
        key, value = self._prefix + b"lock:" + _digest(name), token.encode()
        if (yield Put("add", key, value, _whole(until))):
            return True
        holder, cas = yield Gets(key)
        return holder in (value, b"") and bool((yield Cas(key, value, cas, _whole(until))))

    def unlock(self, name: str, token: str) -> Plan[None]:
        key = self._prefix + b"lock:" + _digest(name)
        holder, cas = yield Gets(key)
        if holder == token.encode():
            # Swapped for nobody: a lease that another took in the meantime is not given away.
            yield Cas(key, b"", cas, 1)

    def connector(self) -> Connector:
        return _Blocking(self)

    def async_connector(self) -> AsyncConnector:
        return _Asynchronous(self)

    def _read(self, key: str, now: float, *, dead: bool = False) -> Plan[tuple[Stored | None, Any]]:
        """The record and its token, tombstones included; a record past its end is not there (but has its token)."""
        value, token = yield Gets(self._prefix + key.encode())
        if value is None:
            return None, None
        stored = envelope.unpack(value)
        if stored.expires <= now:
            return None, token if dead else None
        self._tokens[key, stored.version] = token
        while len(self._tokens) > TOKENS:
            self._tokens.popitem(last=False)
        return stored, token

    def _index(self, principal: str) -> bytes:
        return self._prefix + b"principal:" + _digest(principal)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).hexdigest().encode()


def _whole(seconds: float) -> int:
    """memcached counts whole seconds; the record itself knows better."""
    return math.ceil(seconds) + 1


class _Blocking:
    def __init__(self, store: MemcachedStore) -> None:
        self._client = PooledClient(
            (store.host, store.port),
            connect_timeout=store.timeout,
            timeout=store.timeout,
            max_pool_size=store.pool,
            no_delay=True,
            default_noreply=False,
        )

    def execute(self, command: Command) -> Any:
        client: Any = self._client
        try:
            match command:
                case Gets(key):
                    return client.gets(key)
                case Cas(key, value, token, expires):
                    return client.cas(key, value, token, expires)
                case Put(verb, key, value, expires):
                    return getattr(client, verb)(key, value, expires)
                case Count():
                    return int(client.stats()[b"curr_items"])
        except (pymemcache.exceptions.MemcacheError, OSError) as error:
            raise StoreUnavailable(f"memcached: {error}") from error

    def close(self) -> None:
        self._client.close()


class _Asynchronous:
    def __init__(self, store: MemcachedStore) -> None:
        self._client: Any = aiomcache.Client(store.host, store.port, pool_size=store.pool, pool_minsize=1)
        self._deadlines = Deadlines(store.timeout)

    async def execute(self, command: Command) -> Any:
        client = self._client
        try:
            with self._deadlines.each():
                match command:
                    case Gets(key):
                        return await client.gets(key)
                    case Cas(key, value, token, expires):
                        return await client.cas(key, value, token, expires)
                    case Put(verb, key, value, expires):
                        return await getattr(client, verb)(key, value, expires)
                    case Count():
                        return int((await client.stats())[b"curr_items"])
        except (aiomcache.exceptions.ClientException, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise StoreUnavailable(f"memcached: {error or type(error).__name__}") from error

    async def close(self) -> None:
        self._deadlines.close()
        await self._client.close()


def from_url(url: str) -> Store:
    """The store of a URL."""
    parts = urlsplit(url)
    options = UrlOptions(url)
    prefix, timeout, pool = (
        options.text("prefix", "steelyard:"),
        options.seconds("timeout", 2),
        options.count("pool", 16),
    )
    options.nothing_else()
    return MemcachedStore(parts.hostname or "127.0.0.1", parts.port or 11211, prefix=prefix, timeout=timeout, pool=pool)
