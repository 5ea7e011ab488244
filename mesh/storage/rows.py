"""Typed rows: what a statement returns is held against the class of its rows once, when the statement is made.

A row is a NamedTuple or a dataclass whose fields are the statement's columns, in their order and by their names; of a
statement with one column it may also be that column's bare type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import sqlalchemy as sa
from psycopg.rows import RowMaker

RowT = TypeVar("RowT")


def row_maker(row: type[RowT], columns: Mapping[str, sa.ColumnElement[Any]]) -> RowMaker[RowT]:
    """Return what makes rows of a statement's columns.

    Raises TypeError when a field has another name, place or type than its column, or does not allow for its NULL.
    """
    is_record = is_dataclass(row) or issubclass(row, tuple)
    fields = get_type_hints(row) if is_record else dict.fromkeys(list(columns)[:1], row)
    if list(fields) != list(columns):
        raise TypeError(f"{row.__name__} is a row of {', '.join(fields)}, the statement returns {', '.join(columns)}")
    for name, column in columns.items():
        if not _holds(fields[name], column):
            raise TypeError(f"{row.__name__}: {fields[name]} does not hold what is in {name}")
    return _of_fields(row) if is_record else _first


def no_rows(_: Sequence[Any]) -> None:
    """Make no row: of a statement that was made without their class. Raises TypeError."""
    raise TypeError("the statement was made without a class of rows")


def columns_of(table: sa.Table | sa.Alias, row: type[Any]) -> list[sa.ColumnElement[Any]]:
    """Return the columns of a table that a row has, in the order of its fields."""
    return [table.c[name] for name in get_type_hints(row)]


def _holds(hint: Any, column: sa.ColumnElement[Any]) -> bool:
    kinds = {get_origin(kind) or kind for kind in (get_args(hint) if isinstance(hint, UnionType) else (hint,))}
    if getattr(column, "nullable", False) and NoneType not in kinds:
        return False
    if isinstance(column.type, sa.JSON):
        return True  # a document holds anything
    try:
        return column.type.python_type in kinds
    except NotImplementedError:
        return True  # a type of PostgreSQL's own


def _of_fields(row: type[Any]) -> RowMaker[Any]:
    if issubclass(row, tuple):
        maker: RowMaker[Any] = row._make  # type: ignore[attr-defined]  # what a NamedTuple has, the fastest there is
        return maker

    def make(values: Sequence[Any]) -> Any:
        return row(*values)

    return make


def _first(values: Sequence[Any]) -> Any:
    return values[0]
