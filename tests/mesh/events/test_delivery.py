"""From the outbox through the stream into the inbox, on real servers: in order, once, and never silently lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from fusionx.order.v1 import order_events_pb2, order_pb2

from mesh.errors import not_found
from mesh.events import outbox
from mesh.events.bus import Bus
from mesh.events.consumer import Consumer
from mesh.events.envelope import OutboxEvent, event
from mesh.events.inbox import Received
from mesh.events.outbox import Relay
from mesh.storage import schema
from mesh.storage.database import Database, Session, statement
from mesh.storage.rows import columns_of

UNPUBLISHED = statement(
    sa.select(sa.func.count().label("count")).select_from(schema.outbox).where(schema.outbox.c.publish_time.is_(None)),
    int,
)
PAUSES = (0.01,) * 3


class Dead(NamedTuple):
    event_id: str
    reason: str
    payload: bytes


DEAD = statement(sa.select(*columns_of(schema.dead_letters, Dead)), Dead)


class Applied:
    """A handler that notes what it applied, and refuses what it is told to."""

    def __init__(self) -> None:
        self.versions: dict[str, list[int]] = {}
        self.refused: set[int] = set()
        self.refusals = 0
        self.refusal: Exception = ValueError("this one cannot be applied")

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Apply a batch, or nothing of it."""
        if any(one.envelope.aggregate_version in self.refused for one in events):
            self.refusals += 1
            raise self.refusal
        for one in events:
            self.versions.setdefault(one.envelope.aggregate_id, []).append(one.envelope.aggregate_version)

    @property
    def count(self) -> int:
        """How many events were applied."""
        return sum(len(versions) for versions in self.versions.values())


@pytest.fixture
def subject() -> str:
    """A subject that no service listens to."""
    return f"fusionx.test.v1.{uuid.uuid4().hex}"


def fact(subject: str, aggregate_id: uuid.UUID, version: int) -> OutboxEvent:
    """Return an event of a resource."""
    order = order_pb2.Order(order_id=str(aggregate_id), version=version)
    made = event(
        order_events_pb2.OrderCreated(order=order),
        aggregate_id=aggregate_id,
        version=version,
        merchant_id=uuid.uuid4(),
        time=datetime.now(UTC),
    )
    return replace(made, subject=subject)


async def until(holds: Callable[[], bool]) -> None:
    """Wait, for at most a minute, until something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # what is waited for happens in PostgreSQL and NATS
            await asyncio.sleep(0.01)


@asynccontextmanager
async def consuming(bus: Bus, database: Database, subject: str, handler: Applied) -> AsyncIterator[None]:
    """Run a consumer of the subject while the block runs."""
    name = f"test_{uuid.uuid4().hex}"
    consumer = Consumer(name, [subject], bus, database, handler, after_commit=lambda: None, retry_delays=PAUSES)
    consumer.worker.start()
    try:
        yield
    finally:
        await consumer.worker.stop()


async def test_two_relays_publish_the_events_of_each_resource_in_order(
    bus: Bus, database: Database, subject: str
) -> None:
    resources = [uuid.uuid4() for _ in range(4)]
    async with database.transaction() as session:
        for version in range(1, 11):
            await outbox.add(session, [fact(subject, resource, version) for resource in resources])
    relays = [Relay(database, bus), Relay(database, bus)]
    applied = Applied()
    async with consuming(bus, database, subject, applied):
        for relay in relays:
            relay.worker.start()
        await until(lambda: applied.count == 40)
        await asyncio.gather(*(relay.worker.stop() for relay in relays))
    assert applied.versions == {str(resource): list(range(1, 11)) for resource in resources}
    async with database.session() as session:
        assert await session.one(UNPUBLISHED) == 0


async def test_an_event_that_comes_twice_is_applied_once(bus: Bus, database: Database, subject: str) -> None:
    first, last = fact(subject, uuid.uuid4(), 1), fact(subject, uuid.uuid4(), 2)
    applied = Applied()
    async with consuming(bus, database, subject, applied):
        # under other message ids, so that the stream does not absorb the repetition
        for message_id, published in (("a", first), ("b", first), ("c", last)):
            header = {"Nats-Msg-Id": f"{message_id}-{published.event_id}"}
            await (await bus.publish(subject, published.payload, header))
        await until(lambda: applied.count >= 2)
    assert applied.versions == {str(first.aggregate_id): [1], str(last.aggregate_id): [2]}


async def test_a_poison_event_becomes_a_dead_letter_and_the_others_flow(
    bus: Bus, database: Database, subject: str
) -> None:
    poison, healthy = fact(subject, uuid.uuid4(), 13), [fact(subject, uuid.uuid4(), 1) for _ in range(5)]
    applied = Applied()
    applied.refused = {13}
    async with consuming(bus, database, subject, applied):
        for published in (poison, *healthy):
            await (await bus.publish(subject, published.payload, {"Nats-Msg-Id": str(published.event_id)}))
        await until(lambda: applied.count == 5)
        dead = await dead_letters(database)
    assert [(row.event_id, bytes(row.payload)) for row in dead] == [(str(poison.event_id), poison.payload)]
    assert "cannot be applied" in dead[0].reason
    assert applied.refusals > len(PAUSES)


async def test_a_refusal_that_is_no_outage_counts_as_a_failure_of_the_event(
    bus: Bus, database: Database, subject: str
) -> None:
    poison = fact(subject, uuid.uuid4(), 13)
    applied = Applied()
    applied.refused = {13}
    applied.refusal = not_found("order", "7")
    async with consuming(bus, database, subject, applied):
        await (await bus.publish(subject, poison.payload, {"Nats-Msg-Id": str(poison.event_id)}))
        dead = await dead_letters(database)
    assert "ORDER_NOT_FOUND" in dead[0].reason


async def test_an_event_that_fails_for_a_while_is_applied_in_the_end(
    bus: Bus, database: Database, subject: str
) -> None:
    published = fact(subject, uuid.uuid4(), 7)
    applied = Applied()
    applied.refused = {7}
    async with consuming(bus, database, subject, applied):
        await (await bus.publish(subject, published.payload, {"Nats-Msg-Id": str(published.event_id)}))
        await until(lambda: applied.refusals >= 2)
        applied.refused = set()
        await until(lambda: applied.count == 1)


async def test_what_cannot_be_read_is_buried_at_once(bus: Bus, database: Database, subject: str) -> None:
    applied = Applied()
    async with consuming(bus, database, subject, applied):
        await (await bus.publish(subject, b"\xff not an envelope", {"Nats-Msg-Id": "garbage"}))
        dead = await dead_letters(database)
    assert [(row.event_id, bytes(row.payload)) for row in dead] == [("garbage", b"\xff not an envelope")]
    assert applied.count == 0


async def dead_letters(database: Database) -> list[Dead]:
    """Return the dead letters, as soon as there are any."""
    async with asyncio.timeout(60):
        while True:
            async with database.session() as session:
                rows = await session.all(DEAD)
            if rows:
                return rows
            await asyncio.sleep(0.01)
