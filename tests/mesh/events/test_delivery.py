"""From the outbox through the stream into the inbox, on real servers: in order, once, and never silently lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import psycopg
import pytest
import sqlalchemy as sa
from fusionx.order.v1 import order_events_pb2, order_pb2
from nats.js.errors import NotFoundError

from mesh.errors import not_found
from mesh.events import outbox
from mesh.events import relay as relaying
from mesh.events.bus import EVENTS_STREAM, Bus
from mesh.events.consumer import Consumer
from mesh.events.envelope import OutboxEvent, event
from mesh.events.inbox import Received
from mesh.events.relay import Relay
from mesh.events.unit_of_work import UnitsOfWork
from mesh.metrics import OUTBOX_ASIDE
from mesh.storage import schema
from mesh.storage.database import Database, Session, statement
from mesh.storage.rows import columns_of
from tests.support.databases.clocks import move_clock
from tests.support.waiting import answers, come_true

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
        self.most = 1_000_000
        """As often it refuses; who looks from outside may come too late to stop it."""
        self.refusal: Exception = ValueError("this one cannot be applied")

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Apply a batch, or nothing of it."""
        if self.refusals < self.most and any(one.envelope.aggregate_version in self.refused for one in events):
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


@asynccontextmanager
async def consuming(
    bus: Bus, database: Database, subject: str, handler: Applied, name: str = "", pauses: Sequence[float] = PAUSES
) -> AsyncIterator[None]:
    """Run a consumer of the subject while the block runs."""
    name = name or f"test_{uuid.uuid4().hex}"
    consumer = Consumer(name, [subject], bus, database, handler, retry_delays=pauses)
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
        await come_true(lambda: applied.count == 40)
        await asyncio.gather(*(relay.worker.stop() for relay in relays))
    assert applied.versions == {str(resource): list(range(1, 11)) for resource in resources}
    async with database.session() as session:
        assert await session.one(UNPUBLISHED) == 0


def _has_looked(relay: Relay) -> bool:
    return relay._looked > 0


async def test_what_is_handed_over_is_published_without_a_look_and_noted_together(
    bus: Bus, database: Database, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "INTERVAL_SECONDS", 3600.0)
    resource, applied = uuid.uuid4(), Applied()
    relay = Relay(database, bus)
    work = UnitsOfWork(database, relay.carry)
    async with consuming(bus, database, subject, applied):
        relay.worker.start()
        await come_true(partial(_has_looked, relay))
        looked = relay._looked
        for version in range(1, 11):
            async with work.begin() as unit:
                unit.add(fact(subject, resource, version))
        await come_true(lambda: applied.count == 10)
        assert relay._looked == looked
        await relay.worker.stop()
    assert applied.versions == {str(resource): list(range(1, 11))}
    async with database.session() as session:
        assert await session.one(UNPUBLISHED) == 0


async def test_what_is_handed_over_waits_for_what_another_replica_has_of_its_resource(
    bus: Bus, database: Database, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whoever looked meanwhile would publish the first of them before it is asked to
    monkeypatch.setattr(relaying, "INTERVAL_SECONDS", 3600.0)
    resource, applied = uuid.uuid4(), Applied()
    ours, other = Relay(database, bus), Relay(database, bus)
    async with consuming(bus, database, subject, applied):
        for relay in (ours, other):
            relay.worker.start()
            await come_true(partial(_has_looked, relay))
        async with database.transaction() as session:
            first = await outbox.add(session, [fact(subject, resource, 1)])
        work = UnitsOfWork(database, ours.carry)
        for one in (fact(subject, resource, 2), fact(subject, uuid.uuid4(), 1)):
            async with work.begin() as unit:
                unit.add(one)
        await come_true(lambda: applied.count == 1)
        assert str(resource) not in applied.versions
        other.carry(first)
        await come_true(lambda: applied.count == 3)
        await asyncio.gather(ours.worker.stop(), other.worker.stop())
    assert applied.versions[str(resource)] == [1, 2]


async def test_what_somebody_has_left_is_found_by_others(
    bus: Bus, database: Database, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "INTERVAL_SECONDS", 0.1)
    applied, relay = Applied(), Relay(database, bus)
    async with consuming(bus, database, subject, applied):
        relay.worker.start()
        await come_true(partial(_has_looked, relay))
        async with database.transaction() as session:
            await outbox.add(session, [fact(subject, uuid.uuid4(), 1)])
        await come_true(lambda: applied.count == 1)
        await relay.worker.stop()


async def test_an_event_that_comes_twice_is_applied_once(bus: Bus, database: Database, subject: str) -> None:
    first, last = fact(subject, uuid.uuid4(), 1), fact(subject, uuid.uuid4(), 2)
    applied = Applied()
    async with consuming(bus, database, subject, applied):
        # under other message ids, so that the stream does not absorb the repetition
        for message_id, published in (("a", first), ("b", first), ("c", last)):
            header = {"Nats-Msg-Id": f"{message_id}-{published.event_id}"}
            await (await bus.publish(subject, published.payload, header))
        await come_true(lambda: applied.count >= 2)
    assert applied.versions == {str(first.aggregate_id): [1], str(last.aggregate_id): [2]}


async def test_copy_that_is_in_the_stream_under_the_same_id_is_not_relied_upon(
    bus: Bus, database: Database, subject: str
) -> None:
    """A client sends what it kept through an outage when NATS is back: by then its signature may be too old."""
    wanted, in_its_place = fact(subject, uuid.uuid4(), 1), fact(subject, uuid.uuid4(), 1)
    await (await bus.publish(subject, in_its_place.payload, {"Nats-Msg-Id": str(wanted.event_id)}))
    async with database.transaction() as session:
        await outbox.add(session, [wanted])
    relay, applied = Relay(database, bus), Applied()
    async with consuming(bus, database, subject, applied):
        relay.worker.start()
        await come_true(lambda: str(wanted.aggregate_id) in applied.versions)
        await relay.worker.stop()
    assert applied.versions[str(wanted.aggregate_id)] == [1]
    async with database.session() as session:
        assert await session.one(UNPUBLISHED) == 0


async def test_a_poison_event_becomes_a_dead_letter_and_the_others_flow(
    bus: Bus, database: Database, subject: str
) -> None:
    poison, healthy = fact(subject, uuid.uuid4(), 13), [fact(subject, uuid.uuid4(), 1) for _ in range(5)]
    applied = Applied()
    applied.refused = {13}
    async with consuming(bus, database, subject, applied):
        for published in (poison, *healthy):
            await (await bus.publish(subject, published.payload, {"Nats-Msg-Id": str(published.event_id)}))
        await come_true(lambda: applied.count == 5)
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
    applied.refused, applied.most = {7}, 2
    async with consuming(bus, database, subject, applied):
        await (await bus.publish(subject, published.payload, {"Nats-Msg-Id": str(published.event_id)}))
        await come_true(lambda: applied.count == 1)
    assert applied.refusals == 2


@pytest.mark.parametrize("sqlstate", ["53100", "XX000", "25006"])
async def test_database_that_cannot_write_uses_up_no_attempt_of_any_event(
    sqlstate: str, bus: Bus, database: Database, database_url: str, subject: str
) -> None:
    """Case 6. Its disk or its quota is full, or it is read-only: for longer than an event that fails would be tried."""
    published = fact(subject, uuid.uuid4(), 7)
    applied = Applied()
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$".encode()
        )
        for table in ("inbox", "dead_letters"):
            admin.execute(f"CREATE TRIGGER fail BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fail()".encode())
        async with consuming(bus, database, subject, applied, name):
            await (await bus.publish(subject, published.payload, {"Nats-Msg-Id": str(published.event_id)}))

            async def is_tried_often() -> bool:
                try:
                    info = await bus.jetstream.consumer_info(EVENTS_STREAM, name)
                except NotFoundError:
                    return False
                assert info.config.max_deliver == -1
                return bool(info.delivered and info.delivered.consumer_seq > len(PAUSES) + 1)

            await answers(is_tried_often, "more deliveries than there are attempts", seconds=60)
            # and now it is the event that fails, fewer times than it may
            applied.refused, applied.most = {7}, applied.refusals + len(PAUSES)
            admin.execute(b"DROP FUNCTION fail CASCADE")
            await come_true(lambda: applied.count == 1)
    assert applied.refusals == applied.most
    async with database.session() as session:
        assert await session.all(DEAD) == []


async def test_later_events_of_a_resource_wait_for_the_one_that_fails(
    bus: Bus, database: Database, subject: str
) -> None:
    resource = uuid.uuid4()
    applied = Applied()
    applied.refused = {1}
    async with consuming(bus, database, subject, applied, pauses=(0.3,) * 20):
        for version in (1, 2, 3):
            one = fact(subject, resource, version)
            await (await bus.publish(subject, one.payload, {"Nats-Msg-Id": str(one.event_id)}))
            # each in a batch of its own
            await come_true(lambda: applied.refusals >= 1)
        other = fact(subject, uuid.uuid4(), 4)
        await (await bus.publish(subject, other.payload, {"Nats-Msg-Id": str(other.event_id)}))
        await come_true(lambda: applied.count == 1 and applied.refusals >= 3)
        assert applied.versions == {str(other.aggregate_id): [4]}
        applied.refused = set()
        await come_true(lambda: applied.count == 4)
    assert applied.versions[str(resource)] == [1, 2, 3]


async def test_event_that_can_never_be_published_stops_none_behind_it_and_can_be_replayed(
    bus: Bus, database: Database, database_url: str, subject: str
) -> None:
    """Case 17."""
    resource = uuid.uuid4()
    good = [fact(subject, resource, version) for version in (1, 2, 3, 4)]
    async with database.transaction() as session:
        unreadable = replace(good[0], payload=b"\xff no envelope")
        too_large = replace(good[1], payload=bytes(2 * 1024 * 1024))
        nowhere = replace(good[2], subject="fusionx.test.v1.no subject")
        await outbox.add(session, [unreadable, too_large, nowhere, good[3]])
    before = OUTBOX_ASIDE._value.get()
    relay, applied = Relay(database, bus), Applied()
    async with consuming(bus, database, subject, applied):
        relay.worker.start()
        await come_true(lambda: applied.count == 1)
        await come_true(lambda: OUTBOX_ASIDE._value.get() == before + 3)
        assert applied.versions == {str(resource): [4]}
        with psycopg.connect(database_url, autocommit=True) as admin:
            for one in good[:3]:
                repair = b"UPDATE outbox SET payload = %s, subject = %s WHERE event_id = %s AND stream_seq IS NULL"
                assert admin.execute(repair, [one.payload, one.subject, one.event_id]).rowcount == 1
        await relay.republish(None)
        await come_true(lambda: applied.count == 4)
        await relay.worker.stop()
    assert sorted(applied.versions[str(resource)]) == [1, 2, 3, 4]


async def test_what_was_set_aside_is_kept_until_a_person_has_seen_to_it(
    bus: Bus, database: Database, database_url: str, subject: str
) -> None:
    relay = Relay(database, bus)
    async with database.transaction() as session:
        await outbox.add(
            session, [replace(fact(subject, uuid.uuid4(), 1), payload=b"\xff"), fact(subject, uuid.uuid4(), 2)]
        )
    relay.worker.start()
    with psycopg.connect(database_url, autocommit=True) as admin:

        def rows(where: str) -> int:
            found = admin.execute(f"SELECT count(*) FROM outbox WHERE {where}".encode()).fetchone()
            assert found
            return int(found[0])

        await come_true(lambda: rows("publish_time IS NULL") == 0)
        move_clock(admin, outbox.RETENTION + timedelta(seconds=1))
        relay.janitor.start()
        await come_true(lambda: rows("true") == 1)
        assert rows("stream_seq IS NULL") == 1
    await relay.worker.stop()
    await relay.janitor.stop()


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
