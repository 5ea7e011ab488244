"""How often an event that fails is tried, after which pauses, and what waits for it meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2
from fusionx.type.v1 import event_pb2

from mesh import context, tracing
from mesh.errors import unavailable
from mesh.events import envelope as envelopes
from mesh.events.bus import ACK_WAIT
from mesh.events.consumer import Consumer
from mesh.events.held import Delivered, Held
from mesh.events.inbox import Received
from mesh.ids import utc_now
from mesh.storage.database import Database, Session
from tests.mesh.events.test_delivery import DEAD, Dead
from tests.support.noted import Noted

PAUSES = (1.0, 5.0, 30.0)


class Message(Noted):
    """A message that nobody reads."""

    def __init__(self, sequence: int, delivered: int = 1) -> None:
        super().__init__(sequence, delivered, datetime.now(UTC))
        self.subject, self.data = "fusionx.test.v1.x", b"payload"
        self.headers: dict[str, str] = {}


def delivered(sequence: int, resource: str = "r", delivered: int = 1) -> tuple[Delivered, Message]:
    envelope = event_pb2.EventEnvelope(event_id=str(uuid.uuid4()), aggregate_id=resource)
    message = Message(sequence, delivered)
    call = context.Call(f"{1:032x}")
    return Delivered(envelope, envelope, call, cast(Any, message), tracing.OFF), message


def failing(database: Database, error: Exception) -> Consumer:
    async def handler(session: Session, events: Sequence[Received]) -> None:
        raise error

    return Consumer("test", [], cast(Any, None), database, handler, retry_delays=PAUSES)


def told(version: int, resource: uuid.UUID, delivered: int = 1) -> Message:
    """Return an event of a resource, at the place of its version."""
    made = Message(version, delivered)
    fact = order_events_pb2.OrderCreated(order=order_pb2.Order(order_id=str(resource), version=version))
    ids = {"aggregate_id": resource, "merchant_id": uuid.uuid4()}
    made.data = envelopes.event(fact, **ids, version=version, time=utc_now()).payload
    return made


def of_tomorrow(version: int, resource: uuid.UUID, delivered: int = 1, age: timedelta = timedelta()) -> Message:
    """Return the same of a type that nobody knows yet."""
    made = told(version, resource, delivered)
    envelope = event_pb2.EventEnvelope.FromString(made.data)
    envelope.type = "fusionx.order.v1.OrderOfTomorrow"
    made.data = envelope.SerializeToString()
    made.metadata.timestamp -= age
    return made


def reading(
    database: Database, applied: list[int], poison: int = 0, subjects: Sequence[str] = ("fusionx.test.v1.>",)
) -> Consumer:
    """Return a consumer that notes which versions it applied, and fails at one."""

    async def handler(session: Session, events: Sequence[Received]) -> None:
        versions = [event.envelope.aggregate_version for event in events]
        if poison in versions:
            raise ValueError("not this one")
        applied.extend(versions)

    bus = cast(Any, SimpleNamespace(verifier=None))
    return Consumer("test", subjects, bus, database, handler, retry_delays=PAUSES)


async def test_event_of_an_unknown_type_is_left_to_a_later_version_and_its_resource_waits(database: Database) -> None:
    """Which knows it: an update that adds a type goes on meanwhile. After an hour nobody does, and it is buried."""
    applied: list[int] = []
    consumer, resource = reading(database, applied), uuid.uuid4()
    first, second, other = of_tomorrow(1, resource), told(2, resource), told(3, uuid.uuid4())
    await consumer._apply(await consumer._read_all(cast(Any, [first, second, other])))
    assert (first.said, second.said, other.said) == ([1.0], [1.0], ["ack"])
    # and ever more seldom, as there may be thousands
    behind = told(2, resource, delivered=4)
    await consumer._apply(await consumer._read_all(cast(Any, [behind])))
    assert behind.said == [300.0]
    again, late = of_tomorrow(1, resource, delivered=9), of_tomorrow(1, resource, age=timedelta(minutes=61))
    # as an event keeps its id
    late.data = again.data = first.data
    await consumer._apply(await consumer._read_all(cast(Any, [again])))
    assert again.said == [300.0]
    await consumer._apply(await consumer._read_all(cast(Any, [late])))
    assert late.said == ["term"]
    async with database.session() as session:
        (dead,) = await session.all(DEAD)
    assert dead.reason == "unknown event type fusionx.order.v1.OrderOfTomorrow"
    assert applied == [3]


async def test_events_that_waited_are_applied_in_order_in_whichever_they_come(database: Database) -> None:
    """Each comes again by itself: that the one they waited for was applied is no reason to pass one another."""
    applied: list[int] = []
    consumer, resource = reading(database, applied), uuid.uuid4()
    first, second, third, last = of_tomorrow(1, resource), *(told(number, resource) for number in (2, 3, 4))
    await consumer._apply(await consumer._read_all(cast(Any, [first, second, third])))
    # as what a later version, or this one after its failure, does with the first
    envelope = event_pb2.EventEnvelope.FromString(first.data)
    envelope.type = "fusionx.order.v1.OrderCreated"
    first.data = envelope.SerializeToString()
    await consumer._apply(await consumer._read_all(cast(Any, [first])))
    await consumer._apply(await consumer._read_all(cast(Any, [third])))
    assert (applied, third.said) == ([1], [1.0, 1.0])
    await consumer._apply(await consumer._read_all(cast(Any, [last, third, second])))
    assert applied == [1, 2, 3, 4]


async def test_event_of_a_subject_not_taken_is_left_to_a_later_version_that_takes_it(database: Database) -> None:
    """The stream gives it to whichever replica asks: one of the version before has no use for it, now or ever."""
    applied: list[int] = []
    consumer, resource = reading(database, applied, subjects=["fusionx.test.v1.y"]), uuid.uuid4()
    new, behind = told(1, resource), told(2, resource)
    behind.subject = "fusionx.test.v1.y"
    await consumer._apply(await consumer._read_all(cast(Any, [new, behind])))
    assert (new.said, behind.said, applied) == ([1.0], [1.0], [])


async def test_event_between_two_of_unknown_types_waits_for_the_first(database: Database) -> None:
    applied: list[int] = []
    consumer, resource = reading(database, applied), uuid.uuid4()
    batch = [of_tomorrow(1, resource), told(2, resource), of_tomorrow(3, resource)]
    await consumer._apply(await consumer._read_all(cast(Any, batch)))
    assert [message.said for message in batch] == [[1.0], [1.0], [1.0]]
    assert applied == []


async def test_event_that_fails_is_buried_whatever_of_an_unknown_type_is_behind_it(database: Database) -> None:
    consumer, resource = reading(database, [], poison=1), uuid.uuid4()
    poison, behind = told(1, resource), of_tomorrow(2, resource)
    for _ in range(4):
        await consumer._apply(await consumer._read_all(cast(Any, [poison])))
        await consumer._apply(await consumer._read_all(cast(Any, [behind])))
    assert poison.said == [1.0, 5.0, 30.0, "term"]
    assert behind.said == [1.0] * 4


def test_later_event_that_fails_takes_nothing_from_an_earlier_one() -> None:
    held = Held(patience=60)
    first, second = delivered(7)[0], delivered(8)[0]
    assert held.failed(first, counts=True) == 1
    assert held.failed(second, counts=True) == 1
    assert held.holds(second)
    assert held.failed(first, counts=True) == 2


def test_later_events_of_the_resource_wait_and_nobody_else() -> None:
    held = Held(patience=60)
    first, _ = delivered(7)
    assert not held.holds(first)
    assert held.failed(first, counts=True) == 1
    assert [held.holds(delivered(number)[0]) for number in (6, 7, 8)] == [False, False, True]
    assert not held.holds(delivered(8, "another")[0])
    # that a later one was applied releases nothing
    held.release(delivered(8)[0])
    assert held.holds(delivered(8)[0])
    held.release(first)
    assert not held.holds(delivered(8)[0])


def test_failures_are_counted_by_event_and_only_its_own() -> None:
    held = Held(patience=60)
    first, second = delivered(7)[0], delivered(8)[0]
    assert [held.failed(first, counts=True) for _ in range(3)] == [1, 2, 3]
    assert held.failed(first, counts=False) == 3
    assert held.failed(delivered(1, "another")[0], counts=True) == 1
    assert held.failed(first, counts=True) == 4
    assert held.failed(second, counts=True) == 1


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_failures_of_another_event_do_not_count_whatever_it_is_called(before: int, after: int) -> None:
    held = Held(patience=60)
    events = [delivered(number)[0] for number in (7, 8)]
    for event, number in zip(events, (before, after), strict=True):
        event.envelope.event_id = str(uuid.UUID(int=number))
    assert [held.failed(event, counts=True) for event in events] == [1, 1]


def test_nobody_waits_longer_than_the_patience() -> None:
    """Another replica may have been given the event."""
    held = Held(patience=-1)
    first = delivered(7)[0]
    assert held.failed(first, counts=True) == 1
    assert not held.holds(delivered(8)[0])
    assert held.failed(first, counts=True) == 1


def test_patience_outlasts_the_longest_pause_and_the_stream(database: Database) -> None:
    assert failing(database, ValueError())._held._patience == 2 * (30 + ACK_WAIT)


async def test_event_that_fails_is_tried_after_each_pause_and_buried_after_the_last(database: Database) -> None:
    consumer = failing(database, ValueError("not this one"))
    event, message = delivered(7)
    for _ in range(5):
        await consumer._apply_singly([event])
    assert message.said == [1.0, 5.0, 30.0, "term", 1.0]
    async with database.session() as session:
        (dead,) = await session.all(DEAD)
    assert dead == Dead(event.envelope.event_id, "ValueError('not this one')", b"payload")


async def test_database_at_fault_counts_for_no_event(database: Database) -> None:
    consumer = failing(database, psycopg.errors.lookup("XX001")("a page cannot be read"))
    event, message = delivered(7)
    for _ in range(5):
        await consumer._apply_singly([event])
    assert message.said == [1.0] * 5


async def test_database_out_of_reach_puts_all_back_that_is_left(database: Database) -> None:
    consumer = failing(database, unavailable("DATABASE_UNAVAILABLE", "away"))
    events = [delivered(number, str(number)) for number in (1, 2)]
    with pytest.raises(Exception, match="DATABASE_UNAVAILABLE"):
        await consumer._apply_singly([event for event, _ in events])
    # as its step does then
    await consumer._put_back([event.message for event, _ in events])
    assert [message.said for _, message in events] == [[1.0], [1.0]]


async def test_event_behind_one_that_fails_comes_again_ever_more_seldom(database: Database) -> None:
    consumer = failing(database, ValueError("not this one"))
    first, _ = delivered(7)
    waiting = [delivered(8, delivered=times) for times in (1, 2, 3, 4)]
    await consumer._apply_singly([first, *(event for event, _ in waiting)])
    assert [message.said for _, message in waiting] == [[1.0], [5.0], [30.0], [30.0]]
