"""What is read of a message, and whose trace applying it goes on with."""

from __future__ import annotations

import uuid

import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2
from fusionx.type.v1 import event_pb2

from mesh.events import outbox
from mesh.events.envelope import OutboxEvent, event
from mesh.events.inbox import read
from mesh.events.outbox import Stored
from mesh.storage.database import Database
from tests.mesh.events.test_turns import NOW

LOW, OWN, HIGH = (f"{digit * 32}" for digit in "159")


def parent(trace: str, span: str = "a" * 16) -> str:
    return f"00-{trace}-{span}-01"


def fact() -> OutboxEvent:
    order = order_pb2.Order(order_id=str(uuid.uuid4()), version=1)
    return event(
        order_events_pb2.OrderCreated(order=order),
        aggregate_id=uuid.UUID(order.order_id),
        version=1,
        merchant_id=uuid.uuid4(),
        time=NOW,
    )


@pytest.mark.parametrize(
    ("carried", "span"),
    [
        ("", "a"),
        (parent(OWN), "a"),
        (parent(OWN, "c" * 16), "c"),
        (parent(OWN, "1" * 16), "1"),
        # nobody has signed who carries it: of another trace it is not believed
        (parent(LOW, "c" * 16), "a"),
        (parent(HIGH, "c" * 16), "a"),
    ],
)
def test_who_carries_an_event_goes_on_with_its_trace_or_is_left_out(carried: str, span: str) -> None:
    envelope = event_pb2.EventEnvelope.FromString(fact().payload)
    envelope.traceparent = parent(OWN)
    call = read(envelope.SerializeToString(), carried).call
    assert (call.trace_id, call.traceparent) == (OWN, parent(OWN, span * 16))
    assert (call.merchant_id, call.method) == (envelope.merchant_id, f"event:{envelope.type}")


@pytest.mark.parametrize("payload", [b"\xff", b"", event_pb2.EventEnvelope(event_id="x").SerializeToString()])
def test_what_is_no_event_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(payload)


async def test_row_waits_for_the_last_unpublished_one_of_its_own_resource(database: Database) -> None:
    mine, other = fact(), fact()
    async with database.transaction() as session:
        (first,) = await outbox.add(session, [mine])
        (between,) = await outbox.add(session, [other])
        (second,) = await outbox.add(session, [mine_again(mine)])
        (third,) = await outbox.add(session, [mine_again(mine)])
        assert [row.before for row in (first, between, second, third)] == [None, None, first.seq, second.seq]
        claimed = await session.all(outbox.CLAIM, batch=10, last=outbox.ALL, seqs=[])
        assert [row.before for row in claimed] == [None, None, first.seq, second.seq]
        await outbox.mark(session, {first.seq: 1})
        claimed = await session.all(outbox.CLAIM, batch=10, last=outbox.ALL, seqs=[])
        assert [(row.seq, row.before) for row in claimed] == [
            (between.seq, None), (second.seq, None), (third.seq, second.seq),
        ]  # fmt: skip
        some = await session.all(outbox.CLAIM, batch=10, last=between.seq, seqs=[third.seq])
        assert [row.seq for row in some] == [between.seq, third.seq]
        assert await outbox.last(session) == third.seq


def mine_again(one: OutboxEvent) -> OutboxEvent:
    return OutboxEvent(uuid.uuid4(), one.aggregate_id, one.subject, one.payload, NOW)


def test_what_one_statement_stores_waits_for_each_other() -> None:
    events = [fact() for _ in range(2)]
    again = mine_again(events[0])
    stored = [Stored(3, again.event_id, 1), Stored(2, events[1].event_id, None), Stored(1, events[0].event_id, None)]
    rows = outbox.handed([*events, again], stored)
    assert [(row.seq, row.before) for row in rows] == [(1, None), (2, None), (3, 1)]
