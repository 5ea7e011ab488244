"""Events that are published again: all of them, in order, and not those that consumers may have forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fusionx.order.v1 import order_events_pb2, order_pb2

from mesh.events import inbox, outbox
from mesh.events.bus import STREAM_RETENTION, Bus
from mesh.events.consumer import Consumer
from mesh.events.envelope import OutboxEvent, event
from mesh.events.inbox import Received
from mesh.events.relay import Relay
from mesh.storage.database import Database, Session
from tests.support.waiting import answers, come_true

SUBJECT = "fusionx.test.v1.republished_{}"


class Taken:
    """A handler that notes the versions of each resource in the order in which they came."""

    def __init__(self) -> None:
        self.versions: dict[str, list[int]] = {}

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Note a batch."""
        for one in events:
            self.versions.setdefault(one.envelope.aggregate_id, []).append(one.envelope.aggregate_version)


def fact(aggregate_id: uuid.UUID, version: int, subject: str, age: timedelta = timedelta()) -> OutboxEvent:
    made = event(
        order_events_pb2.OrderCreated(order=order_pb2.Order(order_id=str(aggregate_id), version=version)),
        aggregate_id=aggregate_id,
        version=version,
        merchant_id=uuid.uuid4(),
        time=datetime.now(UTC) - age,
    )
    return OutboxEvent(made.event_id, aggregate_id, subject, made.payload, made.create_time)


def consumer(name: str, subject: str, bus: Bus, database: Database, handler: Taken) -> Consumer:
    return Consumer(name, [subject], bus, database, handler, retry_delays=[0.01])


async def test_what_was_set_aside_is_published_however_long_ago_that_was(bus: Bus, database: Database) -> None:
    subject, resource = SUBJECT.format(uuid.uuid4().hex), uuid.uuid4()
    old = outbox.RETENTION + timedelta(days=1)
    async with database.transaction() as session:
        aside, _ = await outbox.add(session, [fact(resource, version, subject, age=old) for version in (1, 2)])
        await session.run(outbox.SET_ASIDE, seqs=[aside.seq])
        await outbox.mark(session, {aside.seq + 1: 1})
    relay = Relay(database, bus)
    count, _ = await relay.republish(None)
    assert count == 1
    async with database.session() as session:
        # nothing of it is left for the tests beside
        assert [row.seq for row in await session.all(outbox.CLAIM, batch=100, last=outbox.ALL, seqs=[])] == [aside.seq]


async def test_events_come_again_in_order_to_who_lost_them_and_not_to_who_had_them(
    bus: Bus, database: Database
) -> None:
    subject, had = SUBJECT.format(uuid.uuid4().hex), Taken()
    resources = [uuid.uuid4() for _ in range(3)]
    wanted = {str(resource): list(range(1, 6)) for resource in resources}
    async with database.transaction() as session:
        for version in range(1, 6):
            await outbox.add(session, [fact(resource, version, subject) for resource in resources])
    relay = Relay(database, bus)
    first = consumer(f"had_{uuid.uuid4().hex}", subject, bus, database, had)
    relay.worker.start()
    first.worker.start()
    await come_true(lambda: had.versions == wanted, "all of them")
    # the stream has forgotten the messages, but not their ids
    await bus.jetstream.purge_stream("FUSIONX_EVENTS", subject=subject)
    assert (await relay.republish(None))[0] == 15
    lost = Taken()
    second = consumer(f"lost_{uuid.uuid4().hex}", subject, bus, database, lost)
    second.worker.start()
    await come_true(lambda: lost.versions == wanted, "all of them again")

    async def has_taken_all() -> bool:
        return await first.lag() == (0, 0)

    await answers(has_taken_all, "who had them to have been sent them again")
    await first.worker.stop()
    assert had.versions == wanted
    await second.worker.stop()
    await relay.worker.stop()


async def test_only_events_from_the_asked_time_on_and_never_older_than_inboxes_remember(
    bus: Bus, database: Database
) -> None:
    subject = SUBJECT.format(uuid.uuid4().hex)
    ages = [timedelta(days=8), timedelta(days=6), timedelta(hours=2), timedelta()]
    async with database.transaction() as session:
        await outbox.add(session, [fact(uuid.uuid4(), 1, subject, age) for age in ages])
    relay = Relay(database, bus)
    while await relay._step():
        pass
    now = datetime.now(UTC)
    assert (await relay.republish(now - timedelta(hours=1)))[0] == 1
    while await relay._step():
        pass
    count, since = await relay.republish(now - timedelta(days=30))
    assert count == 3
    assert now - outbox.RETENTION <= since <= datetime.now(UTC) - outbox.RETENTION


def test_inboxes_remember_longer_than_an_event_can_come_back() -> None:
    assert inbox.RETENTION > outbox.RETENTION + STREAM_RETENTION
