"""What is claimed under a key: by whom, for which request, and that nothing done under it touches a neighbour."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from fusionx.order.v1 import order_pb2

from mesh import context
from mesh.errors import ApiError
from mesh.storage import idempotency
from mesh.storage.database import Database, Session, statement
from mesh.storage.idempotency import Answer, Claim, Record

LEASE = timedelta(seconds=10)
OVER = timedelta(seconds=-10)
ORDER = order_pb2.Order(order_id="1", description="a chair")
ANSWER: Answer[object, order_pb2.Order] = Answer(order_pb2.Order, lambda made: order_pb2.Order(order_id=str(made)))
MERCHANT = uuid.UUID(int=1)


def called(key: str | None, method: str = "/m") -> context.Call:
    call = context.Call(f"{1:032x}", merchant_id=str(MERCHANT), idempotency_key=key, method=method)
    context.enter(call)
    return call


def claim() -> Claim:
    return Claim(uuid.uuid4(), "/m", "k", b"f", ANSWER.render)


@pytest.mark.parametrize("key", ["a", "x" * 255, "with space ~!"])
def test_claim_says_who_asked_for_what(key: str) -> None:
    called(key)
    made = ANSWER.claim(ORDER)
    assert made
    assert (made.merchant_id, made.method, made.key) == (MERCHANT, "/m", key)
    assert len(made.fingerprint) == 32
    assert made.fingerprint == getattr(ANSWER.claim(ORDER), "fingerprint", None)
    other = ANSWER.claim(order_pb2.Order(order_id="1", description="a table"))
    assert other
    assert other.fingerprint != made.fingerprint


def test_call_without_a_key_claims_nothing() -> None:
    called(None)
    assert ANSWER.claim(ORDER) is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "INVALID_ARGUMENT"),
        ("x" * 256, "INVALID_ARGUMENT"),
        ("a\nb", "INVALID_ARGUMENT"),
        ("\x7f", "INVALID_ARGUMENT"),
        ("order 4242424242424242", "CARD_NUMBER_REFUSED"),
    ],
)
def test_key_that_cannot_be_one_is_refused(key: str, reason: str) -> None:
    called(key)
    with pytest.raises(ApiError) as refused:
        ANSWER.claim(ORDER)
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


def test_answer_that_was_stored_is_marked_and_a_new_one_is_not() -> None:
    call = called("k")
    assert ANSWER.reply("7").order_id == "7"
    assert call.response_headers == []
    stored = order_pb2.Order(order_id="8").SerializeToString()
    assert ANSWER.reply(Record(uuid.uuid4(), b"f", stored, None)).order_id == "8"
    assert call.response_headers == [("idempotent-replayed", "true")]
    assert ANSWER.reply(Record(uuid.uuid4(), b"f", None, None)) == order_pb2.Order()


async def test_first_is_stored_and_the_second_is_told_of_it(database: Database) -> None:
    one, first, second = claim(), uuid.uuid4(), uuid.uuid4()
    async with database.session() as session:
        assert await idempotency.find(session, one) is None
        assert await idempotency.store(session, one, first, b"answer") is None
        known = await idempotency.store(session, one, second, b"another")
        assert not await idempotency.begin(session, one, second, LEASE)
        found = await idempotency.find(session, one)
    assert known == found == Record(first, b"f", b"answer", None)


@pytest.mark.parametrize("fingerprint", [b"e", b"g"])
async def test_key_of_another_body_is_refused(database: Database, fingerprint: bytes) -> None:
    one = claim()
    async with database.session() as session:
        assert await idempotency.begin(session, one, uuid.uuid4(), LEASE)
        with pytest.raises(ApiError) as refused:
            await idempotency.find(session, replace(one, fingerprint=fingerprint))
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")


async def _take_over(session: Session, one: Claim, resource_id: uuid.UUID) -> None:
    del resource_id
    await idempotency.take_over(session, one, LEASE)


async def _answer(session: Session, one: Claim, resource_id: uuid.UUID) -> None:
    await idempotency.answer(session, one, resource_id, "made")


@pytest.mark.parametrize(
    "work", [_take_over, _answer, idempotency.hand_over, idempotency.release], ids=lambda work: work.__name__
)
async def test_what_is_done_under_a_key_touches_no_neighbour(
    database: Database, work: Callable[[Session, Claim, uuid.UUID], Awaitable[None]]
) -> None:
    """They differ in one thing each: the merchant, the method, the key."""
    mine, resource_id = claim(), uuid.uuid4()
    neighbours = [
        replace(mine, merchant_id=uuid.uuid4()),
        replace(mine, method="/another"),
        replace(mine, key="another"),
    ]
    async with database.session() as session:
        for one in (mine, *neighbours):
            assert await idempotency.begin(session, one, resource_id, OVER)
        before = [await idempotency.find(session, one) for one in (mine, *neighbours)]
        await work(session, mine, resource_id)
        after = [await idempotency.find(session, one) for one in (mine, *neighbours)]
    assert after[1:] == before[1:]
    assert after[0] != before[0]


async def test_run_that_may_be_alive_is_not_taken_over_and_one_that_has_ended_neither(database: Database) -> None:
    running, answered = claim(), claim()
    async with database.session() as session:
        await idempotency.begin(session, running, uuid.uuid4(), LEASE)
        await idempotency.store(session, answered, uuid.uuid4(), b"")
        for one in (running, answered):
            with pytest.raises(ApiError) as refused:
                await idempotency.take_over(session, one, LEASE)
            assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.ABORTED, "IDEMPOTENCY_KEY_IN_USE")


async def test_lease_is_as_long_as_it_is_said_to_be(database: Database) -> None:
    one = claim()
    async with database.session() as session:
        await idempotency.begin(session, one, uuid.uuid4(), LEASE)
        begun = await idempotency.find(session, one)
        now = await session.now()
    assert begun
    assert begun.lease_time
    assert timedelta(seconds=5) < begun.lease_time - now <= LEASE


async def test_who_is_handed_a_key_may_go_on_at_once(database: Database) -> None:
    one, resource_id = claim(), uuid.uuid4()
    async with database.transaction() as session:
        await idempotency.begin(session, one, resource_id, LEASE)
        await idempotency.hand_over(session, one, resource_id)
        await idempotency.take_over(session, one, LEASE)


_RENEW = statement(idempotency.renew_claim())
_INSERT = statement(idempotency.insert_claims(), uuid.UUID)


async def test_lease_is_renewed_of_the_same_resource_without_an_answer_alone(database: Database) -> None:
    one, resource_id = claim(), uuid.uuid4()
    neighbours = [
        replace(one, merchant_id=uuid.uuid4()),
        replace(one, method="/another"),
        replace(one, key="another"),
    ]
    async with database.session() as session:
        for each in (one, *neighbours):
            await idempotency.begin(session, each, resource_id, OVER)

        async def renewed(of: uuid.UUID) -> int:
            return await session.run(_RENEW, **idempotency.claim_parameters(one, of, lease=LEASE))

        assert await renewed(uuid.uuid4()) == 0
        assert await renewed(resource_id) == 1
        known = await idempotency.find(session, one)
        assert known
        assert known.lease_time
        assert known.lease_time > await session.now()
        await idempotency.answer(session, one, resource_id, "made")
        assert await renewed(resource_id) == 0


async def test_many_are_claimed_at_once_in_the_order_of_their_keys(database: Database) -> None:
    """Two statements would wait for each other's keys otherwise."""
    merchant = uuid.uuid4()
    claims = [replace(claim(), merchant_id=merchant, key=key) for key in ("c", "a", "b")]
    others = replace(claims[0], merchant_id=uuid.UUID(int=0), key="z")
    rows = [(one, uuid.uuid4(), one.key.encode()) for one in (*claims, others)]
    parameters = idempotency.claims_parameters(rows)
    assert parameters["idem_key"] == ["z", "a", "b", "c"]
    taken = rows[1]
    async with database.session() as session:
        await idempotency.store(session, taken[0], taken[1], b"first")
        free = await session.all(_INSERT, **parameters)
        found = [await idempotency.find(session, one) for one, *_ in rows]
    assert set(free) == {row[1] for row in rows} - {taken[1]}
    assert [one.response for one in found if one] == [b"c", b"first", b"b", b"z"]
