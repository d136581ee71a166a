"""Connections to a database, kept and given out again, by what the client libraries have in common."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import Any

from steelyard.sessions.errors import StoreUnavailable
from steelyard.sessions.stores.sql import Result, Statement


class Blocking(ABC):
    """One connection a thread. A connection that was lost while it lay idle is replaced and the statement repeated:
    every statement of ``sql`` may be."""

    name: str
    errors: tuple[type[Exception], ...]

    def __init__(self) -> None:
        self._local = threading.local()
        self._open: list[Any] = []

    @abstractmethod
    def connect(self) -> Any:
        """A new connection in autocommit mode, its tables made."""

    def execute(self, command: Statement) -> Result:
        connection = getattr(self._local, "connection", None)
        try:
            if connection is not None:
                try:
                    return self._run(connection, command)
                except self.errors:
                    if not self._lost(connection):
                        raise
            connection = self._local.connection = self.connect()
            self._open.append(connection)
            return self._run(connection, command)
        except self.errors as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def _run(self, connection: Any, command: Statement) -> Result:
        with connection.cursor() as cursor:
            cursor.execute(command.text, command.values)
            rows = list(cursor.fetchall()) if cursor.description else []
            return Result(cursor.rowcount, rows)

    def _lost(self, connection: Any) -> bool:
        """Forget a connection that is closed."""
        if not closed(connection):
            return False
        self._local.connection = None
        self._open.remove(connection)
        return True


class Asynchronous(ABC):
    """A few connections shared by the requests of an event loop."""

    name: str
    errors: tuple[type[Exception], ...]

    def __init__(self, size: int) -> None:
        self._idle: list[Any] = []
        self._places = asyncio.Semaphore(size)

    @abstractmethod
    async def connect(self) -> Any:
        """A new connection in autocommit mode, its tables made."""

    @abstractmethod
    async def dispose(self, connection: Any) -> None:
        """Close a connection."""

    async def execute(self, command: Statement) -> Result:
        async with self._places:
            try:
                while self._idle:
                    connection = self._idle.pop()
                    try:
                        return await self._run(connection, command)
                    except self.errors:
                        if not closed(connection):
                            raise
                return await self._run(await self.connect(), command)
            except self.errors as error:
                raise StoreUnavailable(f"{self.name}: {error}") from error

    async def close(self) -> None:
        while self._idle:
            await self.dispose(self._idle.pop())

    async def _run(self, connection: Any, command: Statement) -> Result:
        """One statement; the connection is kept if it ended as it should, also with an error of the database's."""
        whole = False
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(command.text, command.values)
                rows = list(await cursor.fetchall()) if cursor.description else []
                whole = True
                return Result(cursor.rowcount, rows)
        finally:
            if whole:
                self._idle.append(connection)
            else:
                # Cancelled or failed half-way: what the server would say next is unknown.
                await self.dispose(connection)


def closed(connection: Any) -> bool:
    """Whether a client library knows its connection to be gone (``closed`` of psycopg, ``open`` of PyMySQL)."""
    if hasattr(connection, "closed"):
        return bool(connection.closed)
    return not getattr(connection, "open", getattr(connection, "connected", False))
