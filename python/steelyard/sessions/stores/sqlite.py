"""``sqlite:///file``: the embedded default, for one machine. Many processes may share the file (write-ahead log).

``sqlite:///relative.db``, ``sqlite:////absolute.db``. Options: ``timeout`` in seconds (5), ``table``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from urllib.parse import unquote, urlsplit

from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.plan import AsyncConnector, Connector
from steelyard.sessions.stores.base import Store
from steelyard.sessions.stores.options import UrlOptions
from steelyard.sessions.stores.sql import Dialect, Result, SqlStore, Statement


class SqliteStore(SqlStore):
    dialect = Dialect(
        placeholder="?",
        key="TEXT",
        blob="BLOB",
        insert_new=("INSERT", "ON CONFLICT (id) DO NOTHING"),
        take_lease="ON CONFLICT (name) DO UPDATE SET token = excluded.token, expires = excluded.expires "
        "WHERE {table}.expires <= ? OR {table}.token = ?",
    )

    def __init__(self, path: str, *, timeout: float = 5.0, table: str = "steelyard_sessions") -> None:
        super().__init__(table)
        self.path = path
        self.timeout = timeout

    def connector(self) -> Connector:
        return _Blocking(self)

    def async_connector(self) -> AsyncConnector:
        return _Threaded(_Blocking(self))


class _Blocking:
    """One connection a thread, since SQLite's connections belong to threads."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []

    def execute(self, command: Statement) -> Result:
        try:
            cursor = self._connection().execute(command.text, command.values)
            rows = cursor.fetchall()
            return Result(len(rows) if cursor.description else cursor.rowcount, rows)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"sqlite {self._store.path}: {error}") from error

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(
                self._store.path, timeout=self._store.timeout, isolation_level=None, check_same_thread=False
            )
            # A commit is safe against a killed process; after a power cut the last ones may be missing, none is torn.
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = NORMAL")
            for statement in self._store.schema():
                found.execute(statement)
            self._local.connection = found
            self._open.append(found)
        return found


class _Threaded:
    """The same in worker threads, so that a slow disk does not hold up the event loop."""

    def __init__(self, blocking: _Blocking) -> None:
        self._blocking = blocking

    async def execute(self, command: Statement) -> Result:
        return await asyncio.to_thread(self._blocking.execute, command)

    async def close(self) -> None:
        self._blocking.close()


def from_url(url: str) -> Store:
    """The store of a URL."""
    parts = urlsplit(url)
    if parts.netloc or len(parts.path) < 2:
        raise StoreMisconfigured(f"expected sqlite:///relative/path or sqlite:////absolute/path, found {url!r}")
    options = UrlOptions(url)
    timeout, table = options.seconds("timeout", 5), options.text("table", "steelyard_sessions")
    options.nothing_else()
    return SqliteStore(unquote(parts.path[1:]), timeout=timeout, table=table)
