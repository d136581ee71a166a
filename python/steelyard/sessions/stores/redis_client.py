"""Redis through redis-py's clients: a cluster, whose slots they know, and the counting of keys.

One server, where every microsecond is a request's, has connectors of its own in ``redis_server``.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.keys import ID_LENGTH
from steelyard.sessions.record import ENDED
from steelyard.sessions.stores import envelope
from steelyard.sessions.stores.redis_commands import Command, Count, Run, Word

try:
    import redis
    import redis.asyncio
    import redis.asyncio.cluster
    import redis.cluster
    from redis.exceptions import NoScriptError, RedisClusterException, RedisError
except ImportError:
    raise StoreMisconfigured("a redis:// store needs redis-py: pip install 'steelyard[redis]'") from None

FAILURES = (RedisError, RedisClusterException, OSError)
"""A cluster's are no ``RedisError``: no node answers, or nobody serves a slot."""
Nodes = tuple[tuple[str, int], ...]
"""Further nodes of a cluster, to be asked for its slots where the URL's own does not answer."""
_BATCH = 500
_ENDED = envelope.version(ENDED)


def unavailable(error: Exception) -> StoreUnavailable:
    """Ours for redis-py's, whose text names hosts and ports, never passwords."""
    return StoreUnavailable(f"redis: {error}")


def check(url: str) -> None:
    """Have redis-py read a URL, without connecting: a mistyped option is told now and not by the first request."""
    pool: Any = redis.ConnectionPool.from_url(url)
    try:
        pool.make_connection()
    except (TypeError, ValueError) as error:
        raise StoreMisconfigured(f"{url.partition(':')[0]}:// URL: {error}; redis-py knows no such option") from None


class Blocking:
    """The connector of a cluster. Its client is made when it is first used: it asks for the slots at once, and the
    application may start before the cluster."""

    def __init__(self, url: str, timeout: float, nodes: Nodes = ()) -> None:
        self._url = url
        self._timeouts = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        self._nodes = nodes
        self._making = threading.Lock()
        self._made: Any = None

    @property
    def _client(self) -> Any:
        if self._made is None:
            with self._making:
                if self._made is None:
                    node: Any = redis.cluster.ClusterNode  # redis-py has no types here
                    nodes = [node(*address) for address in self._nodes]
                    self._made = redis.RedisCluster.from_url(self._url, startup_nodes=nodes, **self._timeouts)
        return self._made

    def execute(self, command: Command) -> Any:
        try:
            if isinstance(command, Count):
                return count(self._client, command.prefix)
            if not isinstance(command, Run):
                return self._client.execute_command(*command.words, **_options(command.words))
            try:
                return self._client.execute_command(*command.by_digest())
            except NoScriptError:
                return self._client.execute_command(*command.in_full())
        except FAILURES as error:
            raise unavailable(error) from error

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


class Asynchronous:
    """The same on an event loop."""

    def __init__(self, url: str, timeout: float, nodes: Nodes = ()) -> None:
        make: Any = redis.asyncio.RedisCluster.from_url
        further = [redis.asyncio.cluster.ClusterNode(*node) for node in nodes]
        self._client = make(url, startup_nodes=further, socket_timeout=timeout, socket_connect_timeout=timeout)

    async def execute(self, command: Command) -> Any:
        try:
            if isinstance(command, Count):
                return await count_async(self._client, command.prefix)
            if not isinstance(command, Run):
                return await self._client.execute_command(*command.words, **_options(command.words))
            try:
                return await self._client.execute_command(*command.by_digest())
            except NoScriptError:
                return await self._client.execute_command(*command.in_full())
        except FAILURES as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        await self._client.aclose()


def _options(words: tuple[Word, ...]) -> dict[str, bool]:
    """redis-py takes the reply to SET for a yes or no unless it is told that the old value was asked for."""
    return {"get": True} if words[0] == "SET" and "GET" in words else {}


def count(client: Any, prefix: str) -> int:
    """How many sessions there are."""
    live = 0
    for keys in _batched(client.scan_iter(match=prefix + "?" * ID_LENGTH, count=_BATCH)):
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.getrange(key, 0, len(_ENDED) - 1)
        live += sum(version not in (b"", _ENDED) for version in pipe.execute())
    return live


async def count_async(client: Any, prefix: str) -> int:
    """The same on an event loop."""
    live = 0
    found = [key async for key in client.scan_iter(match=prefix + "?" * ID_LENGTH, count=_BATCH)]
    for keys in _batched(found):
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.getrange(key, 0, len(_ENDED) - 1)
        live += sum(version not in (b"", _ENDED) for version in await pipe.execute())
    return live


def _batched(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(keys)
    while batch := list(itertools.islice(rest, _BATCH)):
        yield batch
