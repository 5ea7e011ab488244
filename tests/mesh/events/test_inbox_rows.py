"""What one consumer remembers is its own: no other consumer's events are taken for seen, or forgotten with them."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from mesh.events import inbox as module
from mesh.events.inbox import Inbox, janitor
from mesh.storage.database import Database, statement
from mesh.storage.schema import inbox

NAMES = ("a", "m", "z")
EVENT = uuid.UUID(int=7)
_AGE = statement(sa.update(inbox).values(receive_time=sa.func.now() - module.RETENTION - sa.text("interval '1 hour'")))
_ALL = statement(sa.select(inbox.c.event_id), uuid.UUID)


async def never(*_: object) -> None:
    """Apply nothing."""


def of(name: str) -> Inbox:
    return Inbox(name, never, lambda: None)


async def test_event_is_remembered_by_each_consumer_for_itself(database: Database) -> None:
    async with database.session() as session:
        for name in NAMES:
            assert await of(name).remember(session, [EVENT, EVENT]) == {EVENT}
            assert await of(name).remember(session, [EVENT]) == set()


@pytest.mark.parametrize("name", NAMES)
async def test_consumer_forgets_its_own_old_events_alone(database: Database, name: str) -> None:
    async with database.session() as session:
        for one in NAMES:
            await of(one).remember(session, [EVENT])
        await janitor(database, name)._step()
        assert len(await session.all(_ALL)) == 3
        await session.run(_AGE)
        assert await janitor(database, name)._step() is False
        assert len(await session.all(_ALL)) == 2
        assert await of(name).remember(session, [EVENT]) == {EVENT}
