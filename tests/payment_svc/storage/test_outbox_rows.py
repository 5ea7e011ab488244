"""Every statement about the outbox means the rows that it names, in their state, and no others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mesh.events import outbox
from mesh.events.envelope import OutboxEvent
from mesh.events.outbox import Backlog, Unpublished
from mesh.storage.database import Database, Session
from tests.support.databases.simulated import Store
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW

WEEK = timedelta(days=7)


def event(number: int, resource: UUID = MINE) -> OutboxEvent:
    return OutboxEvent(UUID(int=number), resource, "fusionx.test.v1.made", b"%d" % number, NOW)


async def put(session: Session, *resources: UUID) -> list[int]:
    """Store an event of each; return the numbers of the rows."""
    rows = await outbox.add(session, [event(number, one) for number, one in enumerate(resources)])
    return [row.seq for row in rows]


def rows(store: Store) -> dict[int, Any]:
    return {row.seq: row for row in store.rows("SELECT * FROM outbox")}


async def published(session: Session, *numbers: int) -> None:
    await outbox.mark(session, {number: number + 1000 for number in numbers})


CHANGES: dict[str, Callable[[Session, int], Awaitable[object]]] = {
    "mark": lambda s, seq: published(s, seq),
    "rename": lambda s, seq: s.run(outbox.RENAME, seqs=[seq]),
    "set aside": lambda s, seq: s.run(outbox.SET_ASIDE, seqs=[seq]),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_row_is_changed(database: Database, store: Store, change: str) -> None:
    async with database.session() as session:
        _, mine, _ = await put(session, BEFORE, MINE, AFTER)
        before = rows(store)
        await CHANGES[change](session, mine)
    now = rows(store)
    assert {seq for seq in before if before[seq] != now[seq]} == {mine}
    told = now[mine].publish_time, now[mine].stream_seq, now[mine].repeats
    assert told == {"mark": (NOW, mine + 1000, 0), "rename": (None, None, 1), "set aside": (NOW, None, 0)}[change]


async def test_row_waits_for_the_last_unpublished_one_of_its_resource(database: Database) -> None:
    async with database.session() as session:
        first, second, other, third = await put(session, MINE, MINE, BEFORE, MINE)
        await published(session, second)
        later = await outbox.add(session, [event(8, AFTER), event(9)])
        assert [one.before for one in later] == [None, third]
        claimed = await session.all(outbox.CLAIM, last=outbox.ALL, seqs=[], batch=9)
    found = {one.seq: one.before for one in claimed}
    assert found == {first: None, other: None, third: first, later[0].seq: None, later[1].seq: third}
    assert [one.seq for one in claimed] == sorted(found)
    assert claimed[0] == Unpublished(first, MINE, "fusionx.test.v1.made", b"0", NOW, 0, None)


async def test_events_of_one_statement_follow_each_other(database: Database) -> None:
    async with database.session() as session:
        stored = await outbox.add(session, [event(0), event(1, BEFORE), event(2), event(3)])
        assert await outbox.add(session, []) == []
    assert [one.before for one in stored] == [None, None, stored[0].seq, stored[2].seq]


async def test_relay_takes_rows_up_to_one_and_those_that_it_names(database: Database) -> None:
    async with database.session() as session:
        first, second, third, fourth, fifth = await put(session, *(UUID(int=number) for number in range(5)))
        await published(session, first)

        async def claimed(last: int, *numbers: int, batch: int = 9) -> list[int]:
            return [one.seq for one in await session.all(outbox.CLAIM, last=last, seqs=list(numbers), batch=batch)]

        assert await claimed(second) == [second]
        assert await claimed(0, fourth) == [fourth]
        assert await claimed(second, fourth) == [second, fourth]
        assert await claimed(fifth) == [second, third, fourth, fifth]
        assert await claimed(fifth, batch=2) == [second, third]
        assert await outbox.last(session) == fifth


async def test_depth_is_of_what_waits(database: Database, store: Store) -> None:
    async with database.session() as session:
        assert await outbox.last(session) == 0
        assert await session.one(outbox.DEPTH) == Backlog(0, None, 0)
        first, *_ = await put(session, MINE, MINE, MINE)
        await published(session, first)
        store.set_clock(NOW + WEEK)
        assert await session.one(outbox.DEPTH) == Backlog(2, WEEK, 0)


async def test_what_was_set_aside_is_counted_until_it_is_published_or_deleted(database: Database) -> None:
    async with database.session() as session:
        first, second, third, _ = await put(session, BEFORE, MINE, AFTER, MINE)
        await published(session, first)
        await session.run(outbox.SET_ASIDE, seqs=[second, third])
        assert await session.one(outbox.DEPTH) == Backlog(1, timedelta(), 2)
        await published(session, second)
        assert await session.one(outbox.DEPTH) == Backlog(1, timedelta(), 1)


async def test_what_was_published_since_is_published_again(database: Database, store: Store) -> None:
    async with database.session() as session:
        numbers = await put(session, *(UUID(int=number) for number in range(6)))
        _, first, second, unpublished, old, _ = numbers
        await published(session, *(seq for seq in numbers if seq != unpublished))
        store.look.execute("UPDATE outbox SET create_time = %s WHERE seq = %s", [NOW - MOMENT, old])
        before = rows(store)
        repeated = await session.all(outbox.REPEAT, after=numbers[0], last=old, since=NOW)
    assert sorted(repeated) == [first, second]
    now = rows(store)
    assert {seq for seq in before if before[seq] != now[seq]} == {first, second}
    assert {(now[seq].publish_time, now[seq].stream_seq, now[seq].repeats) for seq in repeated} == {(None, None, 1)}


@pytest.mark.parametrize(("age", "is_gone"), [(WEEK, False), (WEEK + MOMENT, True)])
async def test_what_was_published_is_deleted_when_it_is_old(
    database: Database, store: Store, age: timedelta, is_gone: bool
) -> None:
    """What was set aside waits for a person."""
    async with database.session() as session:
        mine, aside, waiting = await put(session, MINE, BEFORE, AFTER)
        await published(session, mine)
        await session.run(outbox.SET_ASIDE, seqs=[aside])
        store.set_clock(NOW + age)
        await session.run(outbox.PURGE, period=outbox.RETENTION)
    assert set(rows(store)) == {aside, waiting} | (set() if is_gone else {mine})
