"""Arrays that are written in one go: PostgreSQL reads from them what was meant, whatever it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from mesh.storage.arrays import ADAPTERS, ArrayDumper


class Word(StrEnum):
    """A word of ours."""

    PAID = 'said "paid"'


class Number(IntEnum):
    """A number of ours."""

    NINE = 9


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection as the pools make them."""
    made = await psycopg.AsyncConnection.connect(database_url, context=ADAPTERS, autocommit=True, prepare_threshold=1)
    async with made as connection:
        yield connection


WHEN = datetime(2026, 11, 28, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
HARD = ["", "NULL", "null", "a,b", "{}", "}{", '"', "\\", '\\"', " x ", "\t\n\r", "\x7f\x01", "é😀", "%s", "\\x41", "'"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", HARD),
        ("text", [None, "after none", None]),
        ("text", []),
        ("uuid", [UUID(int=0), UUID(int=(1 << 128) - 1), None]),
        ("bigint", [0, -1, (1 << 63) - 1, -(1 << 63), None]),
        ("boolean", [True, False, None]),
        ("timestamptz", [WHEN, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), None]),
        ("date", [date(1, 1, 1), date(9999, 12, 31)]),
        ("bytea", [b"", b"\0\xff\\\"{},' ", b"NULL", None]),
        ("numeric", [Decimal("-0.10"), Decimal("1E+30"), None]),
        ("interval", [timedelta(days=-3, microseconds=1), timedelta(0), None]),
    ],
)
async def test_what_is_read_is_what_was_written(
    connection: psycopg.AsyncConnection[Any], kind: str, values: list[Any]
) -> None:
    """Each type that a column of ours has, at its ends."""
    cursor = await connection.execute(f"SELECT %(values)s::{kind}[]".encode(), {"values": values})
    row = await cursor.fetchone()
    assert row is not None
    assert row[0] == values


async def test_words_numbers_and_documents(connection: psycopg.AsyncConnection[Any]) -> None:
    """What is a str or an int by descent is written as its value, JSON as a document."""
    document = {"a": ['"', "\\", "é", None, 1.5], "}": {}}
    statement = b"SELECT %(words)s::text[], %(numbers)s::int[], %(documents)s::jsonb[]"
    values = {"words": [Word.PAID], "numbers": [Number.NINE], "documents": [Jsonb(document), None]}
    row = await (await connection.execute(statement, values)).fetchone()
    assert row == (['said "paid"'], [9], [document, None])


@given(texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_text_is_what_psycopg_reads(texts: list[str]) -> None:
    """What is written is read again by psycopg's own reader of arrays."""
    loader = ADAPTERS.get_loader(psycopg.postgres.types["text"].array_oid, psycopg.pq.Format.TEXT)
    assert loader is not None
    transformer = psycopg.adapt.Transformer()
    written = ArrayDumper(list).dump(texts)
    assert loader(psycopg.postgres.types["text"].array_oid, transformer).load(written) == texts


@pytest.mark.parametrize("value", ["nul \0 in it", ["a list"], object()])
async def test_what_is_no_element_is_refused(connection: psycopg.AsyncConnection[Any], value: object) -> None:
    """Before anything is sent."""
    with pytest.raises((psycopg.DataError, psycopg.NotSupportedError, psycopg.ProgrammingError)):
        await connection.execute(b"SELECT %(values)s::text[]", {"values": ["before", value]})
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


async def test_a_statement_is_prepared_once(connection: psycopg.AsyncConnection[Any]) -> None:
    """Whatever its lists hold: empty ones and ones of small and large numbers are of one type."""
    for values in ([], [1], [1 << 40], [None], [1 << 20]):
        await connection.execute(b"SELECT %(values)s::bigint[]", {"values": values})
    prepared = b"SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%bigint%'"
    row = await (await connection.execute(prepared)).fetchone()
    assert row is not None
    assert row[0] == 1
