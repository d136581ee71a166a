"""``redis://`` and ``rediss://``: Redis or Valkey, one server or a cluster (``?cluster=true``).

A session is a hash: ``v`` version, ``p`` principal, ``x`` end, ``b`` body. The key expires at the same end, so nothing
needs to be purged. Conditional operations are Lua scripts, which the server runs as one step in one round trip. The
sessions of a principal are a set in a slot of its own: an index, checked against the sessions when it is read. Counting
walks through all keys: an operator's question, not a request's. Needs Redis 7 or Valkey (``PEXPIREAT … GT``).

Options in the URL: ``prefix`` (``steelyard:``), ``timeout`` in seconds (2), ``cluster``, and those of redis-py.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.keys import ID_LENGTH
from steelyard.sessions.plan import AsyncConnector, Connector, Plan
from steelyard.sessions.record import ENDED, Stored
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store

try:
    import redis
    import redis.asyncio
    from redis.exceptions import NoScriptError, RedisError
except ImportError:
    raise StoreMisconfigured("a redis:// store needs redis-py: pip install 'steelyard[redis]'") from None

# KEYS[1] is the session. Times are milliseconds.
_CREATE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'x', ARGV[2], 'p', ARGV[3], 'b', ARGV[4])
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
return 1
"""
_REPLACE = """
local there = redis.call('HMGET', KEYS[1], 'v', 'x')
if not there[1] or there[1] == '-1' or tonumber(there[2]) <= tonumber(ARGV[6]) then return 0 end
if there[1] ~= ARGV[5] then return redis.call('HMGET', KEYS[1], 'v', 'x', 'p', 'b') end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'x', ARGV[2], 'p', ARGV[3], 'b', ARGV[4])
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
return 1
"""
_TOUCH = """
local there = redis.call('HMGET', KEYS[1], 'v', 'x')
if not there[1] or there[1] == '-1' or tonumber(there[2]) <= tonumber(ARGV[2]) then return 0 end
if tonumber(there[2]) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'x', ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], ARGV[1])
end
return 1
"""
_END = """
local was = redis.call('HMGET', KEYS[1], 'v', 'x', 'p', 'b')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'v', '-1', 'x', ARGV[1])
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return was
"""
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0"
_LOCK = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1
"""
_INDEX_TTL_S = 400 * 24 * 3600
"""How long an index outlives the last login: longer than any session, so that none is missed."""


class Script(NamedTuple):
    """A script and its digest, by which the server knows it after the first time."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


CREATE, REPLACE, TOUCH, END, LOCK, UNLOCK = map(_script, (_CREATE, _REPLACE, _TOUCH, _END, _LOCK, _UNLOCK))

Word = str | bytes | int | float


class Run(NamedTuple):
    """A command: a script on one key."""

    script: Script
    key: str
    arguments: tuple[Word, ...] = ()


class Ask(NamedTuple):
    """A command: anything else, word by word."""

    words: tuple[Word, ...]


class RedisStore(Store):
    """Sessions in Redis, Valkey or a cluster of either."""

    def __init__(self, url: str, *, prefix: str = "steelyard:", cluster: bool = False, timeout: float = 2.0) -> None:
        self._url = url
        self._prefix = prefix
        self._cluster = cluster
        self._timeout = timeout

    def load(self, key: str, now: float) -> Plan[Stored | None]:
        return _stored((yield Ask(("HMGET", self._prefix + key, "v", "x", "p", "b"))), now)

    def create(self, key: str, stored: Stored, now: float) -> Plan[bool]:
        created = bool((yield Run(CREATE, self._prefix + key, _arguments(stored))))
        if created and stored.principal:
            index = self._index(stored.principal)
            yield Ask(("SADD", index, key))
            yield Ask(("EXPIRE", index, _INDEX_TTL_S))
        return created

    def replace(self, key: str, expected: int, stored: Stored, now: float) -> Plan[Saved | Outrun | Gone]:
        reply = yield Run(REPLACE, self._prefix + key, (*_arguments(stored), expected, _ms(now)))
        if isinstance(reply, list):
            current = _stored(reply, now)
            return Gone() if current is None else Outrun(current)
        return Saved() if reply else Gone()

    def touch(self, key: str, expires: float, now: float) -> Plan[bool]:
        return bool((yield Run(TOUCH, self._prefix + key, (_ms(expires), _ms(now)))))

    def end(self, key: str, until: float, now: float) -> Plan[Stored | None]:
        was = _stored((yield Run(END, self._prefix + key, (_ms(until),))), now)
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
        return _Blocking(self._url, cluster=self._cluster, timeout=self._timeout)

    def async_connector(self) -> AsyncConnector:
        return _Asynchronous(self._url, cluster=self._cluster, timeout=self._timeout)

    def _index(self, principal: str) -> str:
        # Hashed: principals may be e-mail addresses, which have no place in the names of keys.
        return f"{self._prefix}principal:{hashlib.sha256(principal.encode()).hexdigest()}"


class Count(NamedTuple):
    """A command: how many sessions there are under a prefix."""

    prefix: str


_BATCH = 500


def batched(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lists of up to 500."""
    rest = iter(keys)
    while batch := list(itertools.islice(rest, _BATCH)):
        yield batch


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _arguments(stored: Stored) -> tuple[Word, ...]:
    return (stored.version, _ms(stored.expires), stored.principal, stored.body)


def _stored(reply: list[bytes | None], now: float) -> Stored | None:
    version, expires, principal, body = reply
    if version is None or expires is None or principal is None or body is None or int(version) == ENDED:
        return None
    if int(expires) <= _ms(now):
        return None
    return Stored(int(version), int(expires) / 1000, principal.decode(), body)


def _unavailable(error: Exception) -> StoreUnavailable:
    # The text of redis-py's errors names hosts and ports, never passwords.
    return StoreUnavailable(f"redis: {error}")


class _Blocking:
    def __init__(self, url: str, *, cluster: bool, timeout: float) -> None:
        make = redis.RedisCluster.from_url if cluster else redis.Redis.from_url
        self._client: Any = make(url, socket_timeout=timeout, socket_connect_timeout=timeout)

    def execute(self, command: Run | Ask | Count) -> Any:
        try:
            match command:
                case Ask(words):
                    return self._client.execute_command(*words)
                case Count(prefix):
                    return self._count(prefix)
                case Run(script, key, arguments):
                    try:
                        return self._client.execute_command("EVALSHA", script.digest, 1, key, *arguments)
                    except NoScriptError:
                        return self._client.execute_command("EVAL", script.text, 1, key, *arguments)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    def _count(self, prefix: str) -> int:
        live = 0
        for keys in batched(self._client.scan_iter(match=prefix + "?" * ID_LENGTH, count=_BATCH)):
            pipe = self._client.pipeline(transaction=False)
            for key in keys:
                pipe.hget(key, "v")
            live += sum(version not in (None, b"-1") for version in pipe.execute())
        return live

    def close(self) -> None:
        self._client.close()


class _Asynchronous:
    def __init__(self, url: str, *, cluster: bool, timeout: float) -> None:
        make = redis.asyncio.RedisCluster.from_url if cluster else redis.asyncio.Redis.from_url
        self._client: Any = make(url, socket_timeout=timeout, socket_connect_timeout=timeout)

    async def execute(self, command: Run | Ask | Count) -> Any:
        try:
            match command:
                case Ask(words):
                    return await self._client.execute_command(*words)
                case Count(prefix):
                    return await self._count(prefix)
                case Run(script, key, arguments):
                    try:
                        return await self._client.execute_command("EVALSHA", script.digest, 1, key, *arguments)
                    except NoScriptError:
                        return await self._client.execute_command("EVAL", script.text, 1, key, *arguments)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    async def _count(self, prefix: str) -> int:
        live = 0
        found = [key async for key in self._client.scan_iter(match=prefix + "?" * ID_LENGTH, count=_BATCH)]
        for keys in batched(found):
            pipe = self._client.pipeline(transaction=False)
            for key in keys:
                pipe.hget(key, "v")
            live += sum(version not in (None, b"-1") for version in await pipe.execute())
        return live

    async def close(self) -> None:
        await self._client.aclose()


def from_url(url: str) -> Store:
    """The store of a URL; our own options are taken out of it, redis-py reads the rest."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = options.pop("prefix", "steelyard:")
    cluster = options.pop("cluster", "false").lower() in ("1", "true", "yes")
    timeout = float(options.pop("timeout", "2"))
    return RedisStore(
        urlunsplit(parts._replace(query=urlencode(options))), prefix=prefix, cluster=cluster, timeout=timeout
    )
