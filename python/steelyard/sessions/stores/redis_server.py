"""One Redis server, by redis-py's connections without its client.

A client's command takes more of a processor than the server and the kernel together: the pool's locks and checks, a
retry around every command, and on an event loop a task for the timeout (decision 0120). What a store needs of it is
little: redis-py's ``Connection`` opens (address, TLS, password, database), sends packed bytes and reads one reply. The
idle connections are kept here, in a stack, since its two operations are atomic.

A connection that broke anywhere between a command and the end of its reply is closed, so that no reply is ever taken
for another's; it opens again when it is next used. A server that went away while its connection lay idle is asked once
more over a new one: every command of ``redis`` may be repeated.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any

import redis
import redis.asyncio
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import NoScriptError, ResponseError

from steelyard.sessions.stores.deadlines import Deadlines
from steelyard.sessions.stores.redis_client import FAILURES, count, count_async, unavailable
from steelyard.sessions.stores.redis_commands import Command, Count, Run, pack


class Blocking:
    """The connector of threads: as many connections as there are commands at once."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "protocol": 2}
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._pool: Any = redis.ConnectionPool.from_url(self._url, **self._options)
        self._idle: deque[Any] = deque()
        self._made: list[Any] = []

    def execute(self, command: Command) -> Any:
        try:
            if isinstance(command, Count):
                with redis.Redis.from_url(self._url, **self._options) as client:
                    return count(client, command.prefix)
            if not isinstance(command, Run):
                return self._exchange(pack(command.words))
            try:
                return self._exchange(pack(command.by_digest()))
            except NoScriptError:
                return self._exchange(pack(command.in_full()))
        except FAILURES as error:
            raise unavailable(error) from error

    def _exchange(self, packed: bytes) -> Any:
        if self._process != os.getpid():
            self._begin()  # after a fork: the parent goes on with its connections
        idle = self._idle
        try:
            connection, fresh = idle.pop(), False
        except IndexError:
            connection, fresh = self._pool.make_connection(), True
            self._made.append(connection)
        try:
            return _ask(connection, packed)
        except Lost:
            if fresh:
                raise
            return _ask(connection, packed)
        finally:
            idle.append(connection)

    def close(self) -> None:
        for connection in self._made:
            connection.disconnect()


def _ask(connection: Any, packed: bytes) -> Any:
    try:
        connection.send_packed_command((packed,))
        return connection.read_response(disable_decoding=True)
    except ResponseError:
        raise
    except BaseException:
        # Also what others raise in this thread: gevent's timeouts, KeyboardInterrupt.
        connection.disconnect()
        raise


class Asynchronous:
    """The connector of an event loop: no more connections than the URL's ``max_connections``; who comes later waits."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        # The deadline of a command is ours, one for everything: redis-py's costs a task for each half.
        self._options: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": timeout, "protocol": 2}
        self._pool: Any = redis.asyncio.ConnectionPool.from_url(url, **self._options)
        self._idle: list[Any] = []
        self._made: list[Any] = []
        self._deadlines = Deadlines(timeout)
        self._places = asyncio.Semaphore(min(self._pool.max_connections, 1000))

    async def execute(self, command: Command) -> Any:
        try:
            if isinstance(command, Count):
                options = {**self._options, "socket_timeout": self._timeout}
                async with redis.asyncio.Redis.from_url(self._url, **options) as client:
                    return await count_async(client, command.prefix)
            with self._deadlines.each():
                if not isinstance(command, Run):
                    return await self._exchange(pack(command.words))
                try:
                    return await self._exchange(pack(command.by_digest()))
                except NoScriptError:
                    return await self._exchange(pack(command.in_full()))
        except TimeoutError as error:
            raise unavailable(TimeoutError(f"no answer within {self._timeout:g} s")) from error
        except FAILURES as error:
            raise unavailable(error) from error

    async def _exchange(self, packed: bytes) -> Any:
        async with self._places:
            if self._idle:
                connection, fresh = self._idle.pop(), False
            else:
                connection, fresh = self._pool.make_connection(), True
                self._made.append(connection)
            try:
                return await _ask_async(connection, packed)
            except Lost:
                if fresh:
                    raise
                return await _ask_async(connection, packed)
            finally:
                self._idle.append(connection)

    async def close(self) -> None:
        self._deadlines.close()
        for connection in self._made:
            await connection.disconnect()


async def _ask_async(connection: Any, packed: bytes) -> Any:
    try:
        await connection.send_packed_command((packed,))
        return await connection.read_response(disable_decoding=True)
    except ResponseError:
        raise
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
