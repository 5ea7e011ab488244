"""Rows from one database to the other: all of a merchant's, those that have changed, and how they compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from stack.operate.moving.book import Column, MovedTable
from stack.operate.moving.changes import Keys

NUMBERS_BETWEEN = 1_000_000
"""How many numbers are left out, so that none is given twice while a counter is set."""
_PAST_KEYS_AND_TRIGGERS = "SET LOCAL session_replication_role = replica"
_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
Row = tuple[str | None, ...]


class Copier:
    """Writes what the one connection reads to the other, past keys to other tables and past triggers.

    Where all rows of a table are numbered, those that come are given other numbers, in their order.
    """

    def __init__(
        self,
        source: psycopg.Connection[Any],
        target: psycopg.Connection[Any],
        tables: Sequence[MovedTable],
        tenants: Sequence[UUID],
    ) -> None:
        self._source, self._target, self._tables, self._tenants = source, target, tables, tenants
        self._shifts: dict[tuple[str, str], int] = {}
        self._counters: dict[tuple[str, str], str] = {}

    def copy(self) -> int:
        """Copy all rows of a merchant, of whom the target has none; return how many they are."""
        self._make_room()
        with self._source.transaction(), self._target.transaction():
            # of one moment: a row without the one that it belongs to would be found by nobody who deletes
            self._source.execute(_ONE_MOMENT.encode())
            self._run(_PAST_KEYS_AND_TRIGGERS)
            return sum(self._copy(table) for table in self._tables)

    def catch_up(self, changed: Mapping[str, Keys]) -> int:
        """Have the rows of these keys be as they are in the source; return how many the merchant has of them."""
        touched = [(table, list(changed[table.name])) for table in self._tables if changed[table.name]]
        if not touched:
            return 0
        # by few messages: a merchant may be held meanwhile
        with self._source.pipeline():
            cursors = [self._source.execute(*self._reading(table, keys)) for table, keys in touched]
        found: list[list[Row]] = [cursor.fetchall() for cursor in cursors]
        with self._target.pipeline(), self._target.transaction():
            self._run(_PAST_KEYS_AND_TRIGGERS)
            for (table, keys), rows in zip(touched, found, strict=True):
                self._replace(table, keys, rows)
        return sum(map(len, found))

    def differing(self) -> list[str]:
        """Return the tables of which a merchant has not as many rows in both, with the same in them."""
        here = self._source.execute(self._sums(self._source_columns)).fetchall()
        there = self._target.execute(self._sums(lambda table: table.names)).fetchall()
        return [name for (name, *found), (_, *others) in zip(here, there, strict=True) if found != others]

    def delete(self, connection: psycopg.Connection[Any]) -> None:
        """Delete a merchant's rows: those that belong to others first."""
        with connection.transaction():
            connection.execute(_PAST_KEYS_AND_TRIGGERS.encode())
            for table in reversed(self._tables):
                connection.execute(f"DELETE FROM {table.name} WHERE {table.belongs(self._tenants)}".encode())

    def _make_room(self) -> None:
        """Leave numbers of the target out for what comes, before those of what is new."""
        for table in self._tables:
            for column in table.columns:
                if not column.counts:
                    continue
                ask = f"SELECT pg_get_serial_sequence('{table.name}', '{column.name}')"
                self._counters[table.name, column.name] = sequence = str(_value(self._target, ask))
                if column.place < 0:
                    last = f"SELECT coalesce(pg_sequence_last_value('{sequence}'), 0)"
                    here, there = (int(str(_value(each, last))) for each in (self._source, self._target))
                    shift = there + NUMBERS_BETWEEN
                    self._shifts[table.name, column.name] = shift
                    self._run(f"SELECT setval('{sequence}', {shift + here + NUMBERS_BETWEEN})")

    def _copy(self, table: MovedTable) -> int:
        where = table.belongs(self._tenants)
        query = f"COPY (SELECT {self._source_columns(table)} FROM {table.name} WHERE {where}) TO STDOUT"
        writer = self._target.cursor()
        with (
            self._source.cursor().copy(query.encode()) as out,
            writer.copy(f"COPY {table.name} ({table.names}) FROM STDIN".encode()) as come,
        ):
            for piece in out:
                come.write(piece)
        count = writer.rowcount
        for column in table.key:
            if column.counts:
                most = _value(self._target, f"SELECT max({column.name}) FROM {table.name} WHERE {where}")
                self._count_on(table, column, int(str(most or 0)))
        return count

    def _reading(self, table: MovedTable, keys: Sequence[Row]) -> tuple[bytes, list[list[str | None]]]:
        columns = ", ".join(f"({one})::text" for one in self._source_columns(table).split(", "))
        where = f"{_is_listed(table)} AND {table.belongs(self._tenants)}"
        return f"SELECT {columns} FROM {table.name} WHERE {where}".encode(), _by_column(table.key, keys)

    def _replace(self, table: MovedTable, keys: Sequence[Row], rows: Sequence[Row]) -> None:
        # of others' rows none is touched: they may be theirs here by now
        gone = f"DELETE FROM {table.name} WHERE {_is_listed(table)} AND {table.belongs(self._tenants)}"
        self._target.execute(gone.encode(), _by_column(table.key, keys))
        if rows:
            insert = f"INSERT INTO {table.name} ({table.names}) OVERRIDING SYSTEM VALUE {_listed(table.columns)}"
            self._target.execute(insert.encode(), _by_column(table.columns, rows))
        for at, column in enumerate(table.columns):
            if column.counts and column.place >= 0:
                self._count_on(table, column, max((int(row[at] or 0) for row in rows), default=0))

    def _count_on(self, table: MovedTable, column: Column, most: int) -> None:
        """Have the target number new rows of what is numbered within its owner after those that came."""
        sequence = self._counters[table.name, column.name]
        self._run(f"SELECT setval('{sequence}', {most + NUMBERS_BETWEEN}) FROM {sequence} WHERE last_value <= {most}")

    def _source_columns(self, table: MovedTable) -> str:
        """Return what the columns of a row are in the target."""
        shifts = ((column.name, self._shifts.get((table.name, column.name))) for column in table.columns)
        return ", ".join(f"{name} + {shift}" if shift else name for name, shift in shifts)

    def _sums(self, columns: Callable[[MovedTable], str]) -> bytes:
        asked = []
        for table in self._tables:
            total = f"sum(hashtextextended(ROW({columns(table)})::text, 0)::numeric)"
            where = table.belongs(self._tenants)
            asked.append(f"SELECT '{table.name}', count(*), coalesce({total}, 0) FROM {table.name} WHERE {where}")
        return " UNION ALL ".join(asked).encode()

    def _run(self, query: str) -> None:
        self._target.execute(query.encode())


def _value(connection: psycopg.Connection[Any], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def _listed(columns: Sequence[Column]) -> str:
    """Return rows from a parameter of texts for each column, each of its type."""
    arrays = ", ".join("%s::text[]" for _ in columns)
    values = ", ".join(f"v{at}::{column.type}" for at, column in enumerate(columns))
    return f"SELECT {values} FROM unnest({arrays}) AS v({', '.join(f'v{at}' for at, _ in enumerate(columns))})"


def _is_listed(table: MovedTable) -> str:
    mine = ", ".join(f"{table.name}.{column.name}" for column in table.key)
    return f"({mine}) IN ({_listed(table.key)})"


def _by_column(columns: Sequence[Column], rows: Sequence[Row]) -> list[list[str | None]]:
    return [[row[at] for row in rows] for at, _ in enumerate(columns)]
