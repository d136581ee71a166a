"""What the SQL stores share: one table of sessions, one of leases, and the plans as statements.

Each operation is one statement in its own transaction; only a save that was outrun asks a second time, for what is
there. The dialects differ in a few words; their modules have those, and the connectors over their client libraries.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from steelyard.sessions.plan import Plan
from steelyard.sessions.record import ENDED, Stored
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store

Value = str | bytes | int
Row = tuple[Value, ...]


class Statement(NamedTuple):
    """A command. The reply is a ``Result``."""

    text: str
    values: tuple[Value, ...] = ()


class Result(NamedTuple):
    """How many rows a statement found or changed, and those that it returned."""

    affected: int
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words that differ."""

    placeholder: str
    key: str
    """The type of keys and tokens: compared byte by byte."""
    blob: str
    insert_new: tuple[str, str]
    """Before and after ``INTO … VALUES …``: insert, or do nothing when the key is there."""
    take_lease: str
    """The end of an upsert that takes a lease which is ours or over; {now} and {token} stand for values."""


class SqlStore(Store):
    """Sessions in a relational database. ``purge``, called now and then, removes expired rows."""

    dialect: Dialect

    def __init__(self, table: str = "steelyard_sessions") -> None:
        if not table.isidentifier():
            raise ValueError(f"a table's name is a plain identifier, found {table!r}")
        self.table = table

    def schema(self) -> list[str]:
        """The statements that make the tables where they are missing."""
        key, blob = self.dialect.key, self.dialect.blob
        return [
            f"CREATE TABLE IF NOT EXISTS {self.table} (id {key} PRIMARY KEY, version BIGINT NOT NULL, "
            f"expires BIGINT NOT NULL, principal {key} NOT NULL, owner TEXT NOT NULL, body {blob} NOT NULL)",
            f"CREATE TABLE IF NOT EXISTS {self.table}_leases (name {key} PRIMARY KEY, token {key} NOT NULL, "
            "expires BIGINT NOT NULL)",
            *self.indexes(),
        ]

    def indexes(self) -> list[str]:
        """The statements that make the indexes; databases without IF NOT EXISTS have their own way."""
        return [
            f"CREATE INDEX IF NOT EXISTS {self.table}_{column} ON {self.table} ({column})"
            for column in ("principal", "expires")
        ]

    def load(self, key: str, now: float) -> Plan[Stored | None]:
        result = yield self._ask(
            f"SELECT version, expires, owner, body FROM {self.table} WHERE id = ? AND expires > ? AND version <> ?",
            *(key, _ms(now), ENDED),
        )
        return _stored(result.rows[0]) if result.rows else None

    def create(self, key: str, stored: Stored, now: float) -> Plan[bool]:
        before, after = self.dialect.insert_new
        result = yield self._ask(
            f"{before} INTO {self.table} (id, version, expires, principal, owner, body) "
            f"VALUES (?, ?, ?, ?, ?, ?) {after}",
            *(key, stored.version, _ms(stored.expires), _hash(stored.principal), stored.principal, stored.body),
        )
        return bool(result.affected)

    def replace(self, key: str, expected: int, stored: Stored, now: float) -> Plan[Saved | Outrun | Gone]:
        result = yield self._ask(
            f"UPDATE {self.table} SET version = ?, expires = ?, principal = ?, owner = ?, body = ? "
            "WHERE id = ? AND version = ? AND expires > ?",
            *(stored.version, _ms(stored.expires), _hash(stored.principal), stored.principal, stored.body),
            *(key, expected, _ms(now)),
        )
        if result.affected:
            return Saved()
        current = yield from self.load(key, now)
        return Gone() if current is None else Outrun(current)

    def touch(self, key: str, expires: float, now: float) -> Plan[bool]:
        result = yield self._ask(
            f"UPDATE {self.table} SET expires = CASE WHEN expires < ? THEN ? ELSE expires END "
            "WHERE id = ? AND version <> ? AND expires > ?",
            *(_ms(expires), _ms(expires), key, ENDED, _ms(now)),
        )
        return bool(result.affected)

    def end(self, key: str, until: float, now: float) -> Plan[Stored | None]:
        # Twice at the most, unless it is saved over and over at the same time: what is returned is what was ended.
        while (was := (yield from self.load(key, now))) is not None:
            result = yield self._ask(
                f"UPDATE {self.table} SET version = ?, expires = ?, principal = '', owner = '', body = ? "
                "WHERE id = ? AND version = ?",
                *(ENDED, _ms(until), b"", key, was.version),
            )
            if result.affected:
                return was
        return None

    def of_principal(self, principal: str, now: float) -> Plan[list[str]]:
        result = yield self._ask(
            f"SELECT id FROM {self.table} WHERE principal = ? AND expires > ? AND version <> ?",
            *(_hash(principal), _ms(now), ENDED),
        )
        return [_text(row[0]) for row in result.rows]

    def count(self, now: float) -> Plan[int]:
        result = yield self._ask(
            f"SELECT COUNT(*) FROM {self.table} WHERE expires > ? AND version <> ?", _ms(now), ENDED
        )
        return int(result.rows[0][0])

    def purge(self, now: float, limit: int) -> Plan[list[str]]:
        # Leases whose holders died; the others were given back.
        yield self._ask(f"DELETE FROM {self.table}_leases WHERE expires <= ?", _ms(now))
        removed: list[str] = []
        while not removed:
            result = yield self._ask(
                f"SELECT id, version FROM {self.table} WHERE expires <= ? ORDER BY expires LIMIT {int(limit)}", _ms(now)
            )
            for key, version in result.rows:
                gone = yield self._ask(f"DELETE FROM {self.table} WHERE id = ? AND expires <= ?", _text(key), _ms(now))
                if gone.affected and version != ENDED:
                    removed.append(_text(key))
            if len(result.rows) < limit:
                break
        return removed

    def lock(self, name: str, token: str, until: float, now: float) -> Plan[bool]:
        table = f"{self.table}_leases"
        taking = self.dialect.take_lease.format(table=table)
        yield self._ask(
            f"INSERT INTO {table} (name, token, expires) VALUES (?, ?, ?) {taking}",
            *(name, token, _ms(until), _ms(now), token),
        )
        result = yield self._ask(f"SELECT token FROM {table} WHERE name = ?", name)
        return bool(result.rows) and _text(result.rows[0][0]) == token

    def unlock(self, name: str, token: str) -> Plan[None]:
        yield self._ask(f"DELETE FROM {self.table}_leases WHERE name = ? AND token = ?", name, token)

    def _ask(self, text: str, *values: Value) -> Statement:
        return Statement(text.replace("?", self.dialect.placeholder), values)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _hash(principal: str) -> str:
    """Of any length and any alphabet; empty stays empty."""
    return hashlib.sha256(principal.encode()).hexdigest()[:43] if principal else ""


def _text(value: Value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _stored(row: Row) -> Stored:
    version, expires, owner, body = row
    assert isinstance(body, bytes | bytearray | memoryview)
    return Stored(int(version), int(expires) / 1000, _text(owner), bytes(body))
