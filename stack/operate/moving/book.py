"""Which rows are a merchant's, read from the tables as they are: no list that a new table could be missing from.

A row is a merchant's when it says so, or belongs by a foreign key to one that is. What neither says nor belongs is
either told here or keeps the merchant from being moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import psycopg

from stack.process import StackError

Link = tuple[str, str, str]
"""A column, the table of the row that it names, and that one's column."""
DATABASES = ("payments", "orders", "notify", "identity")
"""In the order in which events go through them, which is that in which they are emptied of what is under way."""
STAYING = frozenset(
    {
        *("alembic_version", "outbox", "inbox", "dead_letters", "restores", "backups", "merchant_moves"),
        *("provider_events", "provider_calls", "provider_maintenances"),
        *("book_comparisons", "book_comparison_turns"),
    }
)
"""What stays in the cell: events, which are carried out before the merchant leaves, and what is of the cell itself."""
UNTOLD: Mapping[tuple[str, str], Link] = {
    ("payments", "history"): ("order_id", "payments", "order_id"),
    ("orders", "history"): ("order_id", "orders", "order_id"),
    ("identity", "signature_nonces"): ("api_key_id", "api_keys", "api_key_id"),
}
"""Column, table and its column, of what belongs without a foreign key, so that writing it costs less."""
NOT_COMPARED = frozenset({"api_key_uses"})
"""Written a while after what it tells of."""
_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attidentity <> '',
  coalesce(array_position(i.indkey::int2[], a.attnum), -1)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum
"""
_PARENTS = """
SELECT k.conrelid::regclass::text, a.attname, k.confrelid::regclass::text, b.attname
FROM pg_constraint k
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND cardinality(k.conkey) = 1 ORDER BY k.conname
"""


@dataclass(frozen=True)
class Column:
    """A column that is written."""

    name: str
    type: str
    counts: bool
    """Whether the database numbers its rows by it."""
    place: int
    """Its place in the primary key, from 0; negative: none."""


@dataclass(frozen=True)
class MovedTable:
    """A table with rows of merchants."""

    name: str
    columns: Sequence[Column]
    parent: tuple[str, MovedTable, str] | None
    """The column by which a row belongs to one of another table, and that one's; None: it names its merchant."""

    @cached_property
    def key(self) -> list[Column]:
        """The columns of the primary key."""
        return sorted((column for column in self.columns if column.place >= 0), key=lambda column: column.place)

    @property
    def names(self) -> str:
        """The columns as SQL lists them."""
        return ", ".join(column.name for column in self.columns)

    def belongs(self, tenants: Iterable[UUID], row: str = "") -> str:
        """Return the condition for a row, or the one named, to be one of the tenants'."""
        row = row or self.name
        if self.parent is None:
            return f"{row}.merchant_id IN ({', '.join(repr(str(tenant)) for tenant in tenants)})"
        column, above, its = self.parent
        alias = f"{row}_of"
        return (
            f"EXISTS (SELECT FROM {above.name} {alias} WHERE {alias}.{its} = {row}.{column} "
            f"AND {above.belongs(tenants, alias)})"
        )


def read_book(connection: psycopg.Connection[Any], database: str) -> list[MovedTable]:
    """Return the tables of a database that have rows of merchants, parents first.

    Raises:
        StackError: a table is none of these, and not known to stay; or it has no primary key.
    """
    columns: dict[str, list[Column]] = {}
    for table, *column in connection.execute(_COLUMNS.encode()):
        columns.setdefault(table, []).append(Column(*column))
    links = _links(connection, database)
    found: dict[str, MovedTable] = {}
    left = [table for table in columns if table not in STAYING]
    while left:
        told = [table for table in left if _place(table, columns[table], links.get(table, ()), found)]
        if not told:
            raise StackError(f"it is not known whose the rows of {', '.join(left)} in {database} are")
        left = [table for table in left if table not in found]
    for moved in found.values():
        if not moved.key:
            raise StackError(f"{moved.name} in {database} has no primary key")
    return list(found.values())


def _links(connection: psycopg.Connection[Any], database: str) -> dict[str, list[Link]]:
    links: dict[str, list[Link]] = {}
    for table, column, parent, its in connection.execute(_PARENTS.encode()):
        links.setdefault(table, []).append((column, parent, its))
    for (where, table), link in UNTOLD.items():
        if where == database:
            links.setdefault(table, []).append(link)
    return links


def _place(table: str, columns: Sequence[Column], links: Iterable[Link], found: dict[str, MovedTable]) -> bool:
    """Add a table to those that were found, if it is known by now whose its rows are."""
    above = next((link for link in links if link[1] in found), None)
    if any(column.name == "merchant_id" for column in columns):
        found[table] = MovedTable(table, columns, None)
    elif above:
        found[table] = MovedTable(table, columns, (above[0], found[above[1]], above[2]))
    return table in found
