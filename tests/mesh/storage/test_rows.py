"""Rows are of the class that the statement was made with, and a class that does not fit is refused at import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from mesh.storage.database import Database, parameters_for, statement
from mesh.storage.rows import columns_of
from mesh.storage.schema import inbox, outbox


class Remembered(NamedTuple):
    consumer: str
    event_id: UUID


@dataclass(frozen=True)
class Record:
    consumer: str
    event_id: UUID


class OtherName(NamedTuple):
    consumer: str
    event: UUID


class OtherOrder(NamedTuple):
    event_id: UUID
    consumer: str


class OtherType(NamedTuple):
    consumer: str
    event_id: str


class Published(NamedTuple):
    repeats: int
    stream_seq: int | None


class NeverNull(NamedTuple):
    repeats: int
    stream_seq: int


_EVENT = sa.select(*columns_of(inbox, Remembered)).where(inbox.c.event_id == sa.bindparam("id", type_=sa.UUID))
_ADD = sa.insert(inbox).values(parameters_for(inbox, "consumer", "event_id"))


async def test_rows_are_of_the_class_that_the_statement_was_made_with(database: Database) -> None:
    event_id = uuid4()
    async with database.session() as session:
        added = await session.one(statement(_ADD.returning(inbox.c.event_id), UUID), consumer="a", event_id=event_id)
        as_tuple = await session.one(statement(_EVENT, Remembered), id=event_id)
        as_record = await session.all(statement(_EVENT, Record), id=event_id)
        none = await session.one(statement(_EVENT, Record), id=uuid4())
    assert added == event_id
    assert isinstance(as_tuple, Remembered)
    assert as_tuple == ("a", event_id)
    assert as_record == [Record("a", event_id)]
    assert none is None


async def test_statement_that_was_made_without_a_class_of_rows_has_none_to_give(database: Database) -> None:
    async with database.session() as session:
        with pytest.raises(TypeError, match="without a class of rows"):
            await session.all(statement(sa.select(sa.literal(1))))


def test_null_that_a_statement_carries_is_given_with_it_and_what_it_asks_for_is_not() -> None:
    table = sa.table("things", sa.column("id", sa.Integer), sa.column("gone", sa.Text))
    carried = statement(sa.update(table).where(table.c.id == sa.bindparam("which", type_=sa.Integer)).values(gone=None))
    assert carried.constants == {"gone": None}


@pytest.mark.parametrize("row", [OtherName, OtherOrder, OtherType, UUID], ids=lambda row: row.__name__)
def test_class_that_is_not_what_the_statement_returns_is_refused(row: type[object]) -> None:
    with pytest.raises(TypeError, match=row.__name__):
        statement(_EVENT, row)


def test_column_that_may_be_null_needs_a_field_that_may_be_none() -> None:
    statement(sa.select(*columns_of(outbox, Published)), Published)
    with pytest.raises(TypeError, match="NeverNull"):
        statement(sa.select(*columns_of(outbox, NeverNull)), NeverNull)
