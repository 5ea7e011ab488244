"""What the relay has in memory: when it is published, noted, believed and forgotten."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from nats.js.api import PubAck

from mesh.events import relay as relaying
from mesh.events.bus import Bus
from mesh.events.envelope import OutboxEvent
from mesh.events.relay import Relay
from mesh.events.unit_of_work import UnitsOfWork
from mesh.storage.database import Database
from tests.mesh.events.test_delivery import UNPUBLISHED, fact


@pytest.fixture
def subject() -> str:
    """A subject that no service listens to."""
    return f"fusionx.test.v1.{uuid.uuid4().hex}"


@pytest.fixture
async def relay(bus: Bus, database: Database) -> Relay:
    """One that has just looked at the table."""
    relay = Relay(database, bus)
    assert not await relay._step()
    return relay


async def commit(relay: Relay, database: Database, *events: OutboxEvent) -> None:
    async with UnitsOfWork(database, relay.carry).begin() as unit:
        for one in events:
            unit.add(one)


async def unpublished(database: Database) -> int:
    async with database.session() as session:
        return await session.one(UNPUBLISHED) or 0


async def test_full_batch_is_noted_as_published_at_once(
    relay: Relay, database: Database, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "BATCH", 4)
    await commit(relay, database, *(fact(subject, uuid.uuid4(), 1) for _ in range(4)))
    while await relay._step():
        pass
    assert await unpublished(database) == 0


async def test_what_another_replica_has_opened_again_is_waited_for(
    relay: Relay, bus: Bus, database: Database, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "MEMORY_SECONDS", 0.0)
    resource = uuid.uuid4()
    await commit(relay, database, fact(subject, resource, 1))
    await relay._end()
    assert await unpublished(database) == 0
    assert (await Relay(database, bus).republish(None))[0] == 1
    await commit(relay, database, fact(subject, resource, 2))
    await relay._end()
    assert await unpublished(database) == 2


async def test_nothing_is_noted_in_a_database_that_has_taken_the_place(
    relay: Relay, database: Database, subject: str
) -> None:
    """It gives the same numbers to other rows."""
    await commit(relay, database, fact(subject, uuid.uuid4(), 1))
    await relay._publish_fresh()
    relay._forget()
    await relay._mark()
    assert await unpublished(database) == 1


async def test_relay_that_ends_publishes_all_that_it_was_handed_and_notes_what_it_could(
    relay: Relay, bus: Bus, database: Database, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "BATCH", 4)
    await commit(relay, database, *(fact(subject, uuid.uuid4(), 1) for _ in range(10)))
    publish, sent = bus.publish, 0

    async def lost_from_the_ninth_on(*message: Any) -> asyncio.Future[PubAck]:
        nonlocal sent
        sent += 1
        return await publish(*message) if sent <= 8 else asyncio.Future()

    monkeypatch.setattr(bus, "publish", lost_from_the_ninth_on)
    monkeypatch.setattr(relaying, "PUBLISH_TIMEOUT", 0.1)
    with pytest.raises(ConnectionError):
        await relay._end()
    assert await unpublished(database) == 2
