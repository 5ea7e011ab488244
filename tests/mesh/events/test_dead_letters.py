"""What an operator does with dead letters, on a real database: exactly one effect, whoever asks how often."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import grpc
import pytest
import sqlalchemy as sa
from fusionx.mesh.v1 import dead_letter_pb2
from fusionx.mesh.v1 import dead_letter_service_pb2 as service_pb2
from fusionx.order.v1 import order_events_pb2, order_pb2
from fusionx.type.v1 import event_pb2
from google.protobuf import json_format

from mesh.errors import ApiError
from mesh.events import dead_letters
from mesh.events.dead_letter_servicer import DeadLetterServicer
from mesh.events.dead_letters import DeadLetter, DeadLetters, State
from mesh.events.envelope import OutboxEvent, event
from mesh.events.inbox import Inbox, Received, read
from mesh.storage.database import Database, Session, statement
from mesh.storage.rows import columns_of
from mesh.storage.schema import dead_letters as table
from mesh.storage.schema import history

CONSUMER = "test_consumer"
APPLY = statement(
    sa.insert(history).values(
        order_id=sa.bindparam("order", type_=sa.UUID),
        **dict.fromkeys(("resource", "resource_id", "status", "detail", "actor", "cause", "trace_id"), "test"),
        version=1,
        time=sa.func.now(),
    )
)
APPLIED = statement(sa.select(history.c.order_id), uuid.UUID)
FIRST = statement(sa.select(*columns_of(table, DeadLetter)), DeadLetter)
CARD = "4242424242424242"
# the servicer asks nothing of it
CONTEXT = cast("grpc.aio.ServicerContext[Any, Any]", None)


class Effect:
    """A handler that leaves a row for each event, and fails afterwards while it is told to."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.commits = 0

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Apply a batch."""
        for one in events:
            one.enter()
            await session.run(APPLY, order=uuid.UUID(one.envelope.aggregate_id))
        if self.problem:
            raise self.problem

    def committed(self) -> None:
        """Count a commit."""
        self.commits += 1


@pytest.fixture
def effect() -> Effect:
    return Effect()


@pytest.fixture
def inbox(effect: Effect) -> Inbox:
    return Inbox(CONSUMER, effect, effect.committed)


@pytest.fixture
def letters(database: Database, inbox: Inbox) -> DeadLetters:
    return DeadLetters(database, [inbox])


def fact(description: str = "") -> OutboxEvent:
    order_id = uuid.uuid4()
    order = order_pb2.Order(order_id=str(order_id), version=1, description=description)
    created = order_events_pb2.OrderCreated(order=order)
    return event(created, aggregate_id=order_id, version=1, merchant_id=uuid.uuid4(), time=datetime.now(UTC))


async def buried(database: Database, payload: bytes, event_id: str, reason: str = "broken") -> DeadLetter:
    async with database.session() as session:
        event = dead_letters.Undeliverable(event_id, "fusionx.order.v1.created", payload, 8)
        await dead_letters.store(session, CONSUMER, event, reason)
        (letter, *_) = await session.all(FIRST)
        return letter


async def applied(database: Database) -> list[uuid.UUID]:
    async with database.session() as session:
        return await session.all(APPLIED)


async def test_replay_applies_once_for_operators_at_the_same_time(
    database: Database, letters: DeadLetters, effect: Effect
) -> None:
    one = fact()
    letter = await buried(database, one.payload, str(one.event_id))
    answers = await asyncio.gather(*(letters.replay(letter.dead_letter_id, f"operator {n}") for n in range(5)))
    assert await applied(database) == [one.aggregate_id]
    assert {answer.state for answer in answers} == {State.REPLAYED}
    assert len({(answer.closed_by, answer.replay_time) for answer in answers}) == 1
    assert effect.commits == 1


async def test_event_that_came_again_and_was_applied_is_not_applied_by_a_replay(
    database: Database, letters: DeadLetters, inbox: Inbox
) -> None:
    one = fact()
    letter = await buried(database, one.payload, str(one.event_id))
    async with database.transaction() as session:
        assert await inbox.apply(session, [_received(one)]) == 1
    with pytest.raises(ApiError) as refused:
        await letters.drop(letter.dead_letter_id, "operator")
    assert refused.value.reason == "DEAD_LETTER_REPLAYED"
    assert (await letters.replay(letter.dead_letter_id, "operator")).state == State.REPLAYED
    assert await applied(database) == [one.aggregate_id]


async def test_replay_that_fails_undoes_all_but_reason_and_count(
    database: Database, letters: DeadLetters, effect: Effect
) -> None:
    one = fact()
    letter = await buried(database, one.payload, str(one.event_id))
    effect.problem = ValueError(f"still wrong: {CARD}")
    for _ in range(2):
        with pytest.raises(ApiError) as refused:
            await letters.replay(letter.dead_letter_id, "operator")
    assert refused.value.reason == "REPLAY_FAILED"
    assert "still wrong" in refused.value.message
    now = await letters.get(letter.dead_letter_id)
    assert (now.state, now.failed_replays, now.closed_by, now.replay_time) == (State.OPEN, 2, "", None)
    assert "still wrong" in now.reason
    assert CARD not in now.reason + refused.value.message
    assert await applied(database) == []
    effect.problem = None
    await letters.replay(letter.dead_letter_id, "operator")
    assert await applied(database) == [one.aggregate_id]


async def test_dropped_event_is_applied_by_nothing_that_comes_later(
    database: Database, letters: DeadLetters, inbox: Inbox
) -> None:
    one = fact()
    letter = await buried(database, one.payload, str(one.event_id))
    dropped = [await letters.drop(letter.dead_letter_id, actor) for actor in ("first", "second")]
    assert [(row.state, row.closed_by) for row in dropped] == [(State.DROPPED, "first")] * 2
    assert dropped[0].drop_time == dropped[1].drop_time
    with pytest.raises(ApiError) as refused:
        await letters.replay(letter.dead_letter_id, "operator")
    assert refused.value.reason == "DEAD_LETTER_DROPPED"
    async with database.transaction() as session:
        assert await inbox.apply(session, [_received(one)]) == 0
    assert await applied(database) == []


async def test_what_was_replayed_cannot_be_dropped(database: Database, letters: DeadLetters) -> None:
    one = fact()
    letter = await buried(database, one.payload, str(one.event_id))
    await letters.replay(letter.dead_letter_id, "operator")
    with pytest.raises(ApiError) as refused:
        await letters.drop(letter.dead_letter_id, "operator")
    assert refused.value.reason == "DEAD_LETTER_REPLAYED"


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff not an envelope",
        b"",
        event_pb2.EventEnvelope(event_id=str(uuid.UUID(int=7)), type="fusionx.none.v1.None\0").SerializeToString(),
    ],
)
async def test_what_cannot_be_read_is_shown_refused_and_dropped(
    payload: bytes, database: Database, letters: DeadLetters
) -> None:
    letter = await buried(database, payload, "garbage\0", "unknown event type fusionx.none.v1.None\0")
    shown = await DeadLetterServicer(letters).GetDeadLetter(
        service_pb2.GetDeadLetterRequest(dead_letter_id=str(letter.dead_letter_id)), CONTEXT
    )
    assert shown.payload == payload
    assert not shown.event.HasField("fact")
    with pytest.raises(ApiError) as refused:
        await letters.replay(letter.dead_letter_id, "operator")
    assert refused.value.reason == "DEAD_LETTER_UNREADABLE"
    assert (await letters.drop(letter.dead_letter_id, "operator")).state == State.DROPPED


async def test_letter_of_a_consumer_that_is_no_more_can_only_be_dropped(database: Database) -> None:
    one = fact()
    letter = await buried(database, one.payload, str(one.event_id))
    nobody = DeadLetters(database, [])
    with pytest.raises(ApiError) as refused:
        await nobody.replay(letter.dead_letter_id, "operator")
    assert refused.value.reason == "CONSUMER_UNKNOWN"
    assert (await nobody.drop(letter.dead_letter_id, "operator")).state == State.DROPPED


async def test_cards_and_secrets_in_a_letter_are_not_shown(database: Database, letters: DeadLetters) -> None:
    one = fact(f"paid with {CARD}")
    letter = await buried(database, one.payload, str(one.event_id), f"(7, {CARD}, sk_live_abcdefghij)")
    servicer = DeadLetterServicer(letters)
    shown = await servicer.GetDeadLetter(
        service_pb2.GetDeadLetterRequest(dead_letter_id=str(letter.dead_letter_id)), CONTEXT
    )
    assert json_format.MessageToDict(shown.event.fact)["order"]["description"] == "paid with [redacted]"
    assert shown.event.aggregate_id == str(one.aggregate_id)
    assert shown.reason == "(7, [redacted], [redacted])"
    assert not shown.payload
    (listed,) = (await servicer.ListDeadLetters(service_pb2.ListDeadLettersRequest(), CONTEXT)).dead_letters
    assert not listed.event.HasField("fact")


async def test_pages_follow_the_filters(database: Database, letters: DeadLetters) -> None:
    facts = [fact() for _ in range(3)]
    for one in facts:
        await buried(database, one.payload, str(one.event_id))
    servicer = DeadLetterServicer(letters)
    request = service_pb2.ListDeadLettersRequest(consumer=CONSUMER, state=dead_letter_pb2.DeadLetter.OPEN, page_size=2)
    first = await servicer.ListDeadLetters(request, CONTEXT)
    request.page_token = first.next_page_token
    second = await servicer.ListDeadLetters(request, CONTEXT)
    found = [letter.event.event_id for page in (first, second) for letter in page.dead_letters]
    assert found == [str(one.event_id) for one in reversed(facts)]
    assert not second.next_page_token
    request.state = dead_letter_pb2.DeadLetter.REPLAYED
    with pytest.raises(ApiError) as refused:
        await servicer.ListDeadLetters(request, CONTEXT)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"
    other = service_pb2.ListDeadLettersRequest(consumer="another")
    assert not (await servicer.ListDeadLetters(other, CONTEXT)).dead_letters


def _received(one: OutboxEvent) -> Received:
    return read(one.payload)
