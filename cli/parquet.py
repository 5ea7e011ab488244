"""The rows of an export as Parquet, by pyarrow, which is installed only where somebody wants that."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from types import TracebackType
from typing import Any, BinaryIO, Self

import typer

GROUP = 10_000
"""Rows that are held and written at a time."""
MISSING = "parquet needs the package pyarrow: pip install pyarrow, or fusionxpay[parquet]"


class Rows:
    """Writes rows to a file: amounts are decimals, moments are timestamps in UTC, and what is empty is null."""

    def __init__(self, out: BinaryIO) -> None:
        """Raises typer.BadParameter where there is no pyarrow."""
        try:
            self._arrow: Any = importlib.import_module("pyarrow")
            self._parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise typer.BadParameter(MISSING) from None
        self._out = out
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the file; one that broke off has no end."""
        if self._writer is not None and kind is None:
            self._writer.close()

    def write(self, pieces: Iterable[bytes]) -> None:
        """Write the rows of a CSV file, which begins with its headings."""
        rows = csv.DictReader(_lines(pieces))
        schema = self._arrow.schema([(name, self._type(name)) for name in rows.fieldnames or ()])
        self._writer = self._parquet.ParquetWriter(self._out, schema)
        for group in _groups(rows):
            self._writer.write_table(self._arrow.Table.from_pylist(group, schema=schema))

    def _type(self, name: str) -> Any:
        if name.endswith("amount"):
            return self._arrow.decimal128(20, 4)
        return self._arrow.timestamp("s", tz="UTC") if name.endswith("_utc") else self._arrow.string()


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Put lines together: only a line feed ends one, as a cell may hold whatever else ends lines."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (f"{line.decode()}\n" for line in lines)
    if rest:
        yield rest.decode()


def _groups(rows: Iterable[Mapping[str, str]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    left = iter(rows)
    while group := [{name: _value(name, text) for name, text in row.items()} for row in islice(left, GROUP)]:
        yield group


def _value(name: str, text: str) -> Any:
    """Return what a cell says; a text without the apostrophe that keeps a spreadsheet from running it."""
    if not text:
        return None
    if name.endswith("amount"):
        return Decimal(text)
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if name.endswith("_utc") else text.removeprefix("'")
