"""Lists as PostgreSQL's arrays, written in one go.

psycopg finds the type of each list by its elements and has a dumper of its own for each: some 10 µs a list and 2 µs an
element, and every statement here has up to thirty lists of which most hold one. The statements name the types of their
parameters (`mesh.storage.database.statement`), so that text without a type is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, Transformer
from sqlalchemy.dialects import postgresql as pg


def _quoted(text: str) -> str:
    if "\0" in text:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    str: _quoted,
    UUID: lambda value: str(value.hex),
    int: str,
    bool: lambda value: "t" if value else "f",
    datetime: datetime.isoformat,
    date: date.isoformat,
    bytes: lambda value: f'"\\\\x{value.hex()}"',
}
"""What stands for a value between braces (PostgreSQL, 8.15.6): text in quotes, whatever may be in it."""


class ArrayDumper(Dumper):
    """Writes a list of values, none of which is a list itself, as an array without a type."""

    def dump(self, obj: list[Any]) -> bytes:
        """Return the array's literal.

        Raises psycopg.DataError for text with NUL, and ProgrammingError for what psycopg has no text of.
        """
        texts = [(_TEXTS.get(type(value)) or self._other)(value) for value in obj]
        return ("{" + ",".join(texts) + "}").encode()

    def _other(self, value: Any) -> str:
        """Have psycopg write a value of a type that is rarer, such as an interval or JSON."""
        if isinstance(value, list):
            raise psycopg.NotSupportedError("lists of lists have no use here")
        written = Transformer(self.connection).get_dumper(value, PyFormat.TEXT).dump(value)
        return "NULL" if written is None else _quoted(bytes(written).decode())


ADAPTERS = AdaptersMap(psycopg.adapters)
"""psycopg's own, with lists as arrays."""
ADAPTERS.register_dumper(list, ArrayDumper)


def rows_from_arrays(
    name: str, columns: Sequence[sa.Column[Any]], prefix: str = "", *, alone: bool = False
) -> sa.TableValuedAlias:
    """Return a row source made from one array parameter a column: many rows for the price of one statement.

    PostgreSQL plans a statement anew at each use while it knows of fewer rows than it would assume, which are ten. Of
    rows that stand `alone`, joined with no table, their number changes nothing in a plan: it is kept from it.
    """
    first, *others = (sa.bindparam(prefix + c.name, type_=pg.ARRAY(c.type)) for c in columns)
    arrays = [sa.select(first).scalar_subquery() if alone else first, *others]
    return (
        sa.func.unnest(*arrays).table_valued(*(sa.column(c.name, c.type) for c in columns), name=name).render_derived()
    )
