"""``mysql://user:password@host/database``: MySQL and MariaDB, by PyMySQL (blocking) and asyncmy (asynchronous).

Options: ``table``, ``pool`` (16 connections an event loop), ``timeout`` in seconds (3), ``unix_socket``.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import unquote, urlsplit

from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.plan import AsyncConnector, Connector
from steelyard.sessions.stores.base import Store
from steelyard.sessions.stores.options import UrlOptions
from steelyard.sessions.stores.pool import Asynchronous, Blocking
from steelyard.sessions.stores.sql import Dialect, SqlStore

try:
    import asyncmy
    import asyncmy.errors
    import pymysql
    from pymysql.constants import CLIENT
except ImportError:
    raise StoreMisconfigured("a mysql:// store needs PyMySQL and asyncmy: pip install 'steelyard[mysql]'") from None


class MysqlStore(SqlStore):
    dialect = Dialect(
        placeholder="%s",
        key="VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin",
        blob="LONGBLOB",
        insert_new=("INSERT IGNORE", ""),
        # Assignments are made from left to right: the token is decided before the end is moved.
        take_lease="ON DUPLICATE KEY UPDATE token = IF({table}.expires <= ? OR {table}.token = ?, VALUES(token), "
        "{table}.token), expires = IF({table}.token = VALUES(token), VALUES(expires), {table}.expires)",
    )

    def __init__(self, arguments: dict[str, Any], *, table: str = "steelyard_sessions", pool: int = 16) -> None:
        super().__init__(table)
        # What a statement found counts, not what it changed: a touch that moves nothing has found its row.
        self.arguments = {**arguments, "autocommit": True, "client_flag": CLIENT.FOUND_ROWS, "charset": "utf8mb4"}
        self.pool = pool

    def schema(self) -> list[str]:
        # CREATE INDEX knows no IF NOT EXISTS in MySQL: the indexes are part of the table.
        table, leases = super().schema()
        keys = "".join(f", INDEX {self.table}_{column} ({column})" for column in ("principal", "expires"))
        return [f"{table.removesuffix(')')}{keys})", leases]

    def indexes(self) -> list[str]:
        return []

    def connector(self) -> Connector:
        return _Blocking(self)

    def async_connector(self) -> AsyncConnector:
        return _Asynchronous(self)


class _Blocking(Blocking):
    name = "mysql"
    errors = (pymysql.err.Error, OSError)

    def __init__(self, store: MysqlStore) -> None:
        super().__init__()
        self._store = store

    def connect(self) -> Any:
        connection = pymysql.connect(**self._store.arguments)
        with connection.cursor() as cursor:
            for statement in self._store.schema():
                cursor.execute(statement)
        return connection


class _Asynchronous(Asynchronous):
    name = "mysql"
    errors = (asyncmy.errors.Error, OSError)

    def __init__(self, store: MysqlStore) -> None:
        super().__init__(store.pool)
        self._store = store
        self._made = False

    async def connect(self) -> Any:
        connection = await asyncmy.connect(**self._store.arguments)
        if not self._made:
            async with connection.cursor() as cursor:
                for statement in self._store.schema():
                    await cursor.execute(statement)
            self._made = True
        return connection

    async def dispose(self, connection: Any) -> None:
        connection.close()


def from_url(url: str) -> Store:
    """The store of a URL."""
    parts = urlsplit(url)
    options = UrlOptions(url)
    timeout, pool = math.ceil(options.seconds("timeout", 3)), options.count("pool", 16)
    table, socket = options.text("table", "steelyard_sessions"), options.text("unix_socket", "")
    options.nothing_else()
    if not parts.path.strip("/"):
        raise StoreMisconfigured("expected mysql://user:password@host:3306/database: the database is missing")
    arguments: dict[str, Any] = {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.strip("/")),
        "connect_timeout": timeout,
        "read_timeout": timeout,
    }
    if socket:
        arguments["unix_socket"] = socket
    else:
        arguments |= {"host": parts.hostname or "127.0.0.1", "port": parts.port or 3306}
    return MysqlStore(arguments, table=table, pool=pool)
