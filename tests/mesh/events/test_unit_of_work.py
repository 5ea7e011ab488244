"""A unit of work stores rows, events and changes together, and hands events to the relay once they are committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from mesh.events.envelope import OutboxEvent
from mesh.events.outbox import Unpublished
from mesh.events.unit_of_work import UnitsOfWork
from mesh.storage import history
from mesh.storage.database import Database, Session, statement
from mesh.storage.history import Change
from mesh.storage.schema import outbox
from mesh.storage.wire import Asked, Wire

_EVENTS = statement(
    sa.select(outbox.c.event_id).where(outbox.c.aggregate_id == sa.bindparam("id", type_=sa.UUID)), UUID
)


def _event() -> OutboxEvent:
    return OutboxEvent(uuid4(), uuid4(), "fusionx.test", b"", datetime.now(UTC))


def _change(event: OutboxEvent) -> Change:
    return Change(event.aggregate_id, "test", "1", 1, "NEW", event.create_time)


async def _stored(database: Database, event: OutboxEvent) -> tuple[int, int]:
    async with database.session() as session:
        events = await session.all(_EVENTS, id=event.aggregate_id)
        return len(events), len(await history.of_order(session, event.aggregate_id))


async def test_what_was_added_is_stored_and_the_relay_is_given_it_once(database: Database) -> None:
    given: list[Sequence[Unpublished]] = []
    first = _event()
    second = replace(_event(), aggregate_id=first.aggregate_id)
    async with UnitsOfWork(database, given.append).begin() as unit:
        for event in (first, second):
            unit.add(event, [_change(event)])
        assert not given
    ((one, two),) = given
    assert [row.aggregate_id for row in (one, two)] == [first.aggregate_id] * 2
    assert (one.before, two.before) == (None, one.seq)
    assert await _stored(database, first) == (2, 2)


async def test_events_and_changes_of_a_unit_are_one_statement_that_goes_with_the_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[bytes]] = []
    ask = Wire.ask

    async def counted(wire: Wire, group: Sequence[Asked[Any]]) -> None:
        sent.append([one.text.partition(b" ")[0] for one in group])
        await ask(wire, group)

    monkeypatch.setattr(Wire, "ask", counted)
    async with UnitsOfWork(database, lambda _: None).begin() as unit:
        for event in (_event(), _event()):
            unit.add(event, [_change(event)])
    assert sent == [[b"BEGIN", b"WITH", b"COMMIT"]]


async def test_what_fails_leaves_nothing_and_is_given_to_nobody(database: Database) -> None:
    given: list[Sequence[Unpublished]] = []
    event = _event()

    async def fail() -> None:
        async with UnitsOfWork(database, given.append).begin() as unit:
            unit.add(event, [_change(event)])
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await fail()
    assert not given
    assert await _stored(database, event) == (0, 0)


async def test_nobody_is_given_nothing(database: Database) -> None:
    given: list[Sequence[Unpublished]] = []
    async with UnitsOfWork(database, given.append).begin():
        pass
    assert not given


async def test_who_joins_a_transaction_leaves_the_commit_to_its_owner(database: Database) -> None:
    given: list[Sequence[Unpublished]] = []
    event = _event()
    work = UnitsOfWork(database, given.append)
    async with database.transaction() as session:
        async with work.within(session) as unit:
            unit.add(event)
        assert await _stored(database, event) == (0, 0)
        assert not given
    assert [row.payload for rows in given for row in rows] == [event.payload]
    assert await _stored(database, event) == (1, 0)


async def test_what_is_undone_in_part_is_given_in_part(database: Database) -> None:
    given: list[Sequence[Unpublished]] = []
    kept, undone = _event(), _event()
    work = UnitsOfWork(database, given.append)

    async def fail(session: Session) -> None:
        async with session.begin():
            async with work.within(session) as unit:
                unit.add(undone)
            raise RuntimeError("no")

    async with database.transaction() as session:
        async with work.within(session) as unit:
            unit.add(kept)
        with pytest.raises(RuntimeError):
            await fail(session)
    assert [row.aggregate_id for rows in given for row in rows] == [kept.aggregate_id]
