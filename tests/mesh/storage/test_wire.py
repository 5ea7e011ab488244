"""Statements that go to PostgreSQL together: as if they had gone one by one, and nothing of them when one fails."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg
import pytest
import sqlalchemy as sa

from mesh.storage import wire
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Database, Session, statement

WORDS = sa.table("words", sa.column("word", sa.Text))
MAKE = statement(sa.text("CREATE TABLE IF NOT EXISTS words (word text PRIMARY KEY)"))
ADD = statement(sa.insert(WORDS).values(word=sa.bindparam("given", type_=sa.Text)))
ADD_AND_TELL = statement(sa.insert(WORDS).values(word=sa.bindparam("given", type_=sa.Text)).returning(WORDS.c.word))
ALL = statement(sa.select(WORDS.c.word).order_by(WORDS.c.word), str)
SLEEP = statement(sa.select(sa.func.pg_sleep(sa.bindparam("seconds", type_=sa.Double))))
PREPARED = statement(sa.text("SELECT count(*) AS n FROM pg_prepared_statements").columns(n=sa.BigInteger), int)

TEXTS = statement(sa.text("SELECT statement AS said FROM pg_prepared_statements").columns(said=sa.Text), str)


@pytest.fixture
async def words(database: Database) -> Database:
    """A database with a table of words."""
    async with database.session() as session:
        await session.run(MAKE)
    return database


async def _in(database: Database) -> list[str]:
    async with database.session() as session:
        return await session.all(ALL)


async def _add(session: Session, *added: str) -> None:
    for word in added:
        await session.carry_out(ADD, given=word)


async def test_what_was_put_off_is_seen_by_what_comes_next(words: Database) -> None:
    async with words.transaction() as session:
        asked = session.soon(ADD, given="first")
        assert await session.all(ALL) == ["first"]
        assert asked.count == 1
        await _add(session, "second")
    assert await _in(words) == ["first", "second"]


async def test_one_that_fails_undoes_all_and_leaves_a_connection_that_works(words: Database) -> None:
    async def twice_the_same(session: Session) -> None:
        async with session.begin():
            await _add(session, "once", "twice", "twice")

    async with words.session() as session:
        for _ in range(3):
            with pytest.raises(psycopg.errors.UniqueViolation):
                await twice_the_same(session)
        async with session.begin():
            await _add(session, "after")
    assert await _in(words) == ["after"]


async def test_what_could_not_be_written_is_not_passed_over(words: Database) -> None:
    """Else what follows would be in no transaction: its beginning was to go with what was never sent."""

    async def pass_over(session: Session) -> None:
        async with session.begin():
            await _add(session, "with it")
            with suppress(psycopg.DataError):
                await session.run(ADD, given="NUL \0")
            await session.run(ADD, given="behind it")

    async with words.session() as session:
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            await pass_over(session)
        async with session.begin():
            await session.run(ADD, given="after")
    assert await _in(words) == ["after"]


async def test_what_failed_and_was_passed_over_is_no_commit(words: Database) -> None:
    """The server answers such a COMMIT with ROLLBACK, and with no error."""

    async def pass_over(session: Session) -> None:
        async with session.begin():
            await session.run(ADD, given="with it")
            with suppress(psycopg.errors.UniqueViolation):
                await session.run(ADD, given="with it")

    async with words.session() as session:
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            await pass_over(session)
        assert await session.all(ALL) == []


async def test_statement_that_fails_again_and_again_is_prepared_once(words: Database) -> None:
    async with words.session() as session:
        await session.run(ADD, given="there")
        for _ in range(5):
            with pytest.raises(psycopg.errors.UniqueViolation):
                await session.run(ADD, given="there")
        assert await session.one(PREPARED) == 1


async def test_inner_block_that_is_undone_takes_nothing_of_the_outer_one_along(words: Database) -> None:
    async def fail(session: Session) -> None:
        async with session.begin():
            await _add(session, "inner", "inner")

    async with words.transaction() as session:
        await _add(session, "before")
        with pytest.raises(psycopg.errors.UniqueViolation):
            await fail(session)
        await _add(session, "behind")
        async with session.begin():
            await _add(session, "kept")
    assert await _in(words) == ["before", "behind", "kept"]


async def test_who_is_cancelled_in_between_leaves_nothing_and_a_connection_that_works(words: Database) -> None:
    async with words.session() as session:

        async def slowly() -> None:
            async with session.begin():
                await _add(session, "slow")
                await session.run(SLEEP, seconds=60)

        task = asyncio.create_task(slowly())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await session.all(ALL) == []


async def test_block_that_asks_nothing_costs_nothing(words: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with words.session() as session:
        with monkeypatch.context() as patched:
            patched.setattr(wire.Wire, "ask", None)
            async with session.begin():
                pass
        assert await session.all(ALL) == []


async def test_no_more_is_prepared_than_may_be(words: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_PREPARED", 3)
    several = [statement(sa.select(sa.literal(n).label("n")), int) for n in range(6)]
    different = [statement(sa.text(f"SELECT {n} AS n").columns(n=sa.Integer), int) for n in range(6)]
    async with words.session() as session:
        for _ in range(3):
            for number, (one, other) in enumerate(zip(several, different, strict=True)):
                assert await session.one(one) == number
                assert await session.one(other) == number
        assert await session.one(PREPARED) == 3


async def test_what_is_undone_takes_no_place_of_a_prepared_one(
    words: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that has failed gives up no statement's place: to be undone would fail with it."""
    monkeypatch.setattr(wire, "MOST_PREPARED", 3)
    several = [statement(sa.text(f"SELECT {n} AS n").columns(n=sa.Integer), int) for n in range(6)]

    async def undo(session: Session, word: str) -> None:
        async with session.begin():
            await session.run(ADD, given=word)
            with suppress(psycopg.errors.UniqueViolation):
                await twice(session, word)
            await session.run(ADD, given=f"{word} after")

    async def twice(session: Session, word: str) -> None:
        async with session.begin():
            await session.run(ADD, given=word)

    async with words.session() as session:
        for turn in range(4):
            for one in several * 2:
                await session.one(one)
            await undo(session, f"inner {turn}")
            with suppress(psycopg.errors.UniqueViolation):
                await twice(session, "inner 0")
            # in no transaction that has failed
            await session.run(ADD, given=f"outer {turn}")
        assert await session.one(PREPARED) == 3
    assert len(await _in(words)) == 12


async def test_one_that_stands_twice_in_a_group_is_prepared_once(words: Database) -> None:
    async with words.session() as session:
        for turn in range(3):
            async with session.begin():
                await _add(session, *(f"{turn} {number}" for number in range(3)))
        prepared = await session.all(TEXTS)
    assert len(prepared) == len(set(prepared))


async def test_rows_that_nobody_wants_are_not_looked_at_behind_the_commit(words: Database) -> None:
    """Else an error would be told of what is stored."""
    async with words.transaction() as session:
        await session.carry_out(ADD_AND_TELL, given="told")
    assert await _in(words) == ["told"]


def test_places_are_numbered_by_their_names() -> None:
    assert wire.numbered(b"a %(x)s::T, %(y)s %(x)s LIKE '%%'") == (b"a $1::T, $2 $1 LIKE '%'", ("x", "y"))


TABLES = sa.table("pg_class", sa.column("relname", sa.Text))
PLANS = statement(
    sa.text("SELECT custom_plans AS n FROM pg_prepared_statements WHERE statement LIKE '%unnest%'").columns(
        n=sa.BigInteger
    ),
    int,
)


@pytest.mark.parametrize(("alone", "planned"), [(True, 5), (False, 9)])
async def test_few_rows_that_stand_alone_are_not_planned_anew_each_time(
    alone: bool, planned: int, database: Database
) -> None:
    rows = rows_from_arrays("asked", [sa.Column("name", sa.Text), sa.Column("number", sa.Integer)], alone=alone)
    found = sa.select(sa.func.count()).select_from(TABLES).where(TABLES.c.relname == rows.c.name).scalar_subquery()
    # what is looked for once for each row is what a plan without values has too many of
    look = statement(sa.select((found + rows.c.number).label("found")), int)
    async with database.session() as session:
        for number in range(10):
            # of which the first is not prepared yet
            assert await session.all(look, name=["pg_class", "none"], number=[number, number]) == [number + 1, number]
        assert await session.one(PLANS) == planned
