"""A unit of work stores rows, events and changes together, and wakes the relay only when there is something for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from mesh.events.envelope import OutboxEvent
from mesh.events.unit_of_work import UnitsOfWork
from mesh.storage import history
from mesh.storage.database import Database, Session, Statement, statement
from mesh.storage.history import Change
from mesh.storage.schema import outbox

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


async def test_what_was_added_is_stored_and_the_relay_is_woken_once(database: Database) -> None:
    woken: list[int] = []
    first, second = _event(), _event()
    async with UnitsOfWork(database, lambda: woken.append(1)).begin() as unit:
        for event in (first, second):
            unit.add(event, [_change(event)])
        assert not woken
    assert woken == [1]
    assert [await _stored(database, event) for event in (first, second)] == [(1, 1), (1, 1)]


async def test_events_and_changes_of_a_unit_are_one_statement(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    run = Session.run

    async def counted(session: Session, query: Statement[Any], **parameters: Any) -> int:
        sent.append(query.text)
        return await run(session, query, **parameters)

    monkeypatch.setattr(Session, "run", counted)
    async with UnitsOfWork(database, lambda: None).begin() as unit:
        for event in (_event(), _event()):
            unit.add(event, [_change(event)])
    assert len(sent) == 1


async def test_what_fails_leaves_nothing_and_wakes_nobody(database: Database) -> None:
    woken: list[int] = []
    event = _event()

    async def fail() -> None:
        async with UnitsOfWork(database, lambda: woken.append(1)).begin() as unit:
            unit.add(event, [_change(event)])
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await fail()
    assert not woken
    assert await _stored(database, event) == (0, 0)


async def test_nobody_is_woken_for_nothing(database: Database) -> None:
    woken: list[int] = []
    async with UnitsOfWork(database, lambda: woken.append(1)).begin():
        pass
    assert not woken


async def test_who_joins_a_transaction_leaves_the_commit_to_its_owner(database: Database) -> None:
    woken: list[int] = []
    event = _event()
    work = UnitsOfWork(database, lambda: woken.append(1))
    async with database.transaction() as session:
        async with work.within(session) as unit:
            unit.add(event)
        assert await _stored(database, event) == (0, 0)
    assert not woken
    assert await _stored(database, event) == (1, 0)
