"""``postgresql://user:password@host/database``: PostgreSQL, by psycopg 3.

Options of ours in the URL: ``table``, ``pool`` (16 connections an event loop); psycopg reads the rest.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.plan import AsyncConnector, Connector
from steelyard.sessions.stores.base import Store
from steelyard.sessions.stores.options import UrlOptions
from steelyard.sessions.stores.pool import Asynchronous, Blocking
from steelyard.sessions.stores.sql import Dialect, SqlStore

try:
    import psycopg
except ImportError:
    raise StoreMisconfigured("a postgresql:// store needs psycopg: pip install 'steelyard[postgresql]'") from None

CONNECT_TIMEOUT_S = 3


class PostgresqlStore(SqlStore):
    dialect = Dialect(
        placeholder="%s",
        key="VARCHAR(128)",
        blob="BYTEA",
        insert_new=("INSERT", "ON CONFLICT (id) DO NOTHING"),
        take_lease="ON CONFLICT (name) DO UPDATE SET token = excluded.token, expires = excluded.expires "
        "WHERE {table}.expires <= ? OR {table}.token = ?",
    )

    def __init__(self, url: str, *, table: str = "steelyard_sessions", pool: int = 16) -> None:
        super().__init__(table)
        self.url = url
        self.pool = pool

    def connector(self) -> Connector:
        return _Blocking(self)

    def async_connector(self) -> AsyncConnector:
        return _Asynchronous(self)


class _Blocking(Blocking):
    name = "postgresql"
    errors = (psycopg.Error, OSError)

    def __init__(self, store: PostgresqlStore) -> None:
        super().__init__()
        self._store = store

    def connect(self) -> Any:
        connection = psycopg.connect(self._store.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
        make_tables(self._store, connection.execute)
        return connection


class _Asynchronous(Asynchronous):
    name = "postgresql"
    errors = (psycopg.Error, OSError)

    def __init__(self, store: PostgresqlStore) -> None:
        super().__init__(store.pool)
        self._store = store
        self._made = False

    async def connect(self) -> Any:
        connection = await psycopg.AsyncConnection.connect(
            self._store.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
        )
        if not self._made:
            for statement in self._store.schema():
                with suppress(psycopg.errors.UniqueViolation):
                    await connection.execute(statement.encode())
            self._made = True
        return connection

    async def dispose(self, connection: Any) -> None:
        await connection.close()


def make_tables(store: PostgresqlStore, execute: Any) -> None:
    """Make the tables. Of two that make one at the same time, PostgreSQL refuses one in spite of IF NOT EXISTS."""
    for statement in store.schema():
        with suppress(psycopg.errors.UniqueViolation):
            execute(statement)


def from_url(url: str) -> Store:
    """The store of a URL."""
    parts = urlsplit(url)
    options = UrlOptions(url)
    table, pool = options.text("table", "steelyard_sessions"), options.count("pool", 16)
    url = urlunsplit(parts._replace(query=urlencode(options.rest)))
    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # libpq's text names the option, never the password.
        raise StoreMisconfigured(f"postgresql:// URL: {str(error).strip()}") from None
    return PostgresqlStore(url, table=table, pool=pool)
