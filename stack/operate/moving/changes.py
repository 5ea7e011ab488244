"""Which rows have changed, by PostgreSQL's logical decoding: their keys only, as a publication of key columns has them.

What is in a changed row is read from the table itself when it is copied: a change that is seen twice, or after a later
one, makes no difference. Source: PostgreSQL documentation, "Logical Replication Message Formats", version 1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from stack.operate.moving.book import MovedTable

Keys = set[tuple[str, ...]]
_PIECE = 5_000
"""How many changes are taken at a time."""


class Reader:
    """The messages of a slot, in their order: tables are named before rows of them come."""

    def __init__(self, tables: Sequence[MovedTable]) -> None:
        self._tables = {table.name: table for table in tables}
        self._names: dict[int, tuple[str, list[str]]] = {}

    def read(self, message: bytes, changed: Mapping[str, Keys]) -> None:
        """Note the key of a row that was changed; both, where its key was."""
        kind = message[:1]
        if kind == b"R":
            self._name(message)
        elif kind in (b"I", b"U", b"D"):
            (relation,) = struct.unpack_from("!I", message, 1)
            table, columns = self._names[relation]
            for values in _tuples(message, 5):
                row = dict(zip(columns, values, strict=True))
                changed[table].add(tuple(row[column.name] for column in self._tables[table].key))

    def _name(self, message: bytes) -> None:
        (relation,) = struct.unpack_from("!I", message, 1)
        _, at = _text(message, 5)
        table, at = _text(message, at)
        (count,) = struct.unpack_from("!h", message, at + 1)
        at += 3
        columns = []
        for _ in range(count):
            column, at = _text(message, at + 1)
            columns.append(column)
            at += 8
        self._names[relation] = (table, columns)


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(b"\0", at)
    return message[at:end].decode(), end + 1


def _tuples(message: bytes, at: int) -> Iterator[list[str]]:
    while at < len(message):
        # what kind of a tuple it is: a key that was, a row that was, or the new one
        (count,) = struct.unpack_from("!h", message, at + 1)
        at += 3
        values = []
        for _ in range(count):
            if message[at : at + 1] != b"t":
                raise ValueError("a column of a key came without its value")
            (length,) = struct.unpack_from("!I", message, at + 1)
            values.append(message[at + 5 : at + 5 + length].decode())
            at += 5 + length
        yield values


class Changes:
    """What has changed in a database since `begin`. Both are kept under `name` until `end`."""

    def __init__(self, connection: psycopg.Connection[Any], name: str, tables: Sequence[MovedTable]) -> None:
        self._connection, self._name, self._tables = connection, name, tables
        self._reader = Reader(tables)

    def begin(self) -> None:
        """Have all changes noted from now on; waits for transactions that have begun to end."""
        published = [f"{table.name} ({', '.join(column.name for column in table.key)})" for table in self._tables]
        self._run(f"CREATE PUBLICATION {{}} FOR TABLE {', '.join(published)}")
        self._connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self._name])

    def take(self) -> dict[str, Keys]:
        """Return the keys of the rows that were changed since the last time, by table."""
        changed: dict[str, Keys] = {table.name: set() for table in self._tables}
        # from here on a slot need not read again what it has read
        self._connection.execute("SELECT pg_log_standby_snapshot()")
        query = (
            "SELECT data FROM pg_logical_slot_get_binary_changes(%s, NULL, %s,"
            " 'proto_version', '1', 'publication_names', %s)"
        )
        while True:
            rows = self._connection.execute(query, [self._name, _PIECE, self._name], binary=True).fetchall()
            for (message,) in rows:
                self._reader.read(message, changed)
            if len(rows) < _PIECE:
                return changed

    def end(self) -> None:
        """Note nothing any more; what is not there is no matter."""
        with suppress(psycopg.errors.UndefinedObject):
            self._connection.execute("SELECT pg_drop_replication_slot(%s)", [self._name])
        self._run("DROP PUBLICATION IF EXISTS {}")

    def _run(self, text: str) -> None:
        self._connection.execute(sql.SQL(text).format(sql.Identifier(self._name)))
