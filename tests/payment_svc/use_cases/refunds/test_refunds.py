"""What becomes of a refund: within what is left, asked once, and all that follows from how it ended."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mesh import context
from mesh.errors import ApiError
from mesh.money import Money
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from payment_svc.contract.messages import refund_message
from payment_svc.domain.payment import Failure, Payment, PaymentStatus
from payment_svc.domain.refund import Refund, RefundSnapshot, RefundStatus
from payment_svc.domain.review import ReviewKind
from payment_svc.providers.base import (
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from tests.support.databases.simulated import Store
from tests.support.payment_ledger import ABLE, Gateway
from tests.support.payment_rows import payment_of
from tests.support.rows import AFTER, BEFORE, MINE, MOMENT, NOW

S, R = PaymentStatus, RefundStatus
PAID = payment_of(MINE, status=S.SUCCESS, captured=1200)
DECLINED = Failure("declined", "no")


async def test_refund_is_made_of_what_is_asked_or_all_that_is_left(gateway_: Gateway) -> None:
    first = await gateway_.create(500)
    assert isinstance(first, Refund)
    assert (first.amount.minor, first.status, first.provider_reference) == (500, R.SUCCESS, "re_1")
    assert (await gateway_.payment()).refunded == 500
    gateway_.answer = RefundSnapshot("re_2", R.SUCCESS, Money(700, "EUR"))
    await gateway_.create(None)
    assert gateway_.stored() == [(500, R.SUCCESS, 1), (700, R.SUCCESS, 1)]
    assert (await gateway_.payment()).refunded == 1200
    assert gateway_.asked_for == [(500, 1), (700, 1)]
    assert gateway_.events() == ["created", "succeeded", "refunded"] * 2


@pytest.mark.parametrize(
    ("minor", "changes", "able", "reason"),
    [
        (1201, {}, {}, "AMOUNT_TOO_LARGE"),
        (500, {"amount": Money(500, "USD")}, {}, "INVALID_ARGUMENT"),
        (500, {"merchant_id": BEFORE}, {}, "PAYMENT_NOT_FOUND"),
        (500, {"merchant_id": AFTER}, {}, "PAYMENT_NOT_FOUND"),
        (500, {"payment_id": BEFORE}, {}, "PAYMENT_NOT_FOUND"),
        (1200, {}, {"refunds": False}, "NOT_SUPPORTED"),
        (500, {}, {"partial_refunds": False}, "NOT_SUPPORTED"),
        (1200, {}, {"partial_refunds": False}, ""),
    ],
)
async def test_refund_that_cannot_be_is_refused(
    gateway_: Gateway, minor: int, changes: dict[str, Any], able: dict[str, Any], reason: str
) -> None:
    gateway_.capabilities = replace(ABLE, **able)
    if not reason:
        await gateway_.create(minor, **changes)
        assert gateway_.stored()
        return
    with pytest.raises(ApiError) as refused:
        await gateway_.create(minor, **changes)
    assert refused.value.reason == reason or reason == "NOT_SUPPORTED"
    assert (gateway_.stored(), gateway_.asked_for) == ([], [])


@pytest.mark.parametrize("status", S)
async def test_only_what_was_captured_is_given_back(database: Database, store: Store, status: PaymentStatus) -> None:
    context.enter(context.Call(f"{1:032x}"))
    gateway = Gateway(database, store)
    await gateway.put(payment_of(MINE, status=status, captured=1200))
    if status == S.SUCCESS:
        await gateway.create()
        return
    with pytest.raises(ApiError) as refused:
        await gateway.create()
    assert refused.value.reason == "PAYMENT_NOT_REFUNDABLE"


async def test_nothing_more_is_given_back_than_is_left(gateway_: Gateway) -> None:
    gateway_.answer = OutcomeUnknownError("silence")
    await gateway_.create(700)
    with pytest.raises(ApiError) as refused:
        await gateway_.create(501)
    assert refused.value.reason == "AMOUNT_TOO_LARGE"
    await gateway_.create(500)
    with pytest.raises(ApiError) as refused:
        await gateway_.create(None)
    assert refused.value.reason == "PAYMENT_NOT_REFUNDABLE"


async def test_last_cent_is_given_back(gateway_: Gateway) -> None:
    await gateway_.create(1199)
    gateway_.answer = RefundSnapshot("re_2", R.SUCCESS)
    last = await gateway_.create(None)
    assert isinstance(last, Refund)
    assert last.amount == Money(1, "EUR")


@pytest.mark.parametrize(
    ("answer", "status", "asked"),
    [
        (RefundSnapshot("re_1", R.SUCCESS, Money(500, "EUR")), R.SUCCESS, []),
        (RefundSnapshot("re_1", R.PENDING), R.PENDING, []),
        (RefundSnapshot("re_1", R.FAILED, failure=DECLINED), R.FAILED, []),
        (RejectedError(DECLINED), R.FAILED, []),
        (UnavailableError("away"), R.FAILED, []),
        (OutcomeUnknownError("silence"), R.PENDING, []),
        (RefundSnapshot("re_1", R.SUCCESS, Money(499, "EUR")), R.PENDING, [(ReviewKind.AMOUNT_DIFFERS, 499, None)]),
    ],
)
async def test_refund_stands_as_its_provider_answers(
    gateway_: Gateway, answer: Any, status: RefundStatus, asked: list[Any]
) -> None:
    gateway_.answer = answer
    refund = await gateway_.create()
    assert isinstance(refund, Refund)
    assert refund.status == status
    assert gateway_.questions() == asked
    assert (await gateway_.payment()).refunded == (500 if status == R.SUCCESS else 0)


async def test_provider_that_is_away_may_have_made_it_before(gateway_: Gateway) -> None:
    gateway_.answer = OutcomeUnknownError("silence")
    refund = await gateway_.create()
    gateway_.answer = UnavailableError("away")
    assert isinstance(refund, Refund)
    assert (await gateway_.refunds.repeat(PAID, refund)).status == R.PENDING
    assert gateway_.asked_for == [(500, 1), (500, 2)]


@pytest.mark.parametrize(
    ("age", "remembered"),
    [(timedelta(hours=23) - MOMENT, True), (timedelta(hours=23), False)],
)
async def test_nothing_is_sent_under_a_key_that_may_be_forgotten(
    gateway_: Gateway, age: timedelta, remembered: bool
) -> None:
    gateway_.answer = OutcomeUnknownError("silence")
    refund = await gateway_.create()
    assert isinstance(refund, Refund)
    gateway_.now = NOW + age
    await gateway_.refunds.repeat(PAID, refund)
    assert len(gateway_.asked_for) == (2 if remembered else 1)


def claim(key: str = "k") -> Claim:
    return Claim(MINE, "/refund", key, b"f", refund_message)


async def test_request_that_comes_again_has_the_same_answer(gateway_: Gateway) -> None:
    first = await gateway_.create(500, claim())
    again = await gateway_.create(500, claim())
    assert isinstance(first, Refund)
    assert isinstance(again, Record)
    assert (again.resource_id, again.response) == (first.refund_id, refund_message(first).SerializeToString())
    assert len(gateway_.asked_for) == 1


@pytest.mark.parametrize(
    ("shown", "status", "sends"),
    [
        (None, R.SUCCESS, 2),
        (RefundSnapshot("re_9", R.SUCCESS, Money(500, "EUR")), R.SUCCESS, 1),
        (RefundSnapshot("re_9", R.PENDING), R.PENDING, 1),
        (RefundSnapshot("re_9", R.SUCCESS, Money(499, "EUR")), R.PENDING, 1),
        (UnavailableError("away"), R.SUCCESS, 2),
    ],
)
async def test_request_that_died_half_way_goes_on(
    gateway_: Gateway, shown: Any, status: RefundStatus, sends: int
) -> None:
    gateway_.answer = OutcomeUnknownError("silence")
    refund = await gateway_.create()
    assert isinstance(refund, Refund)
    async with gateway_.database.session() as session:
        await idempotency.begin(session, claim(), refund.refund_id, timedelta(seconds=-1))
    gateway_.answer, gateway_.shown = RefundSnapshot("re_1", R.SUCCESS), shown
    again = await gateway_.create(500, claim())
    assert isinstance(again, Refund)
    assert again.status == status
    assert gateway_.stored() == [(500, status, sends)]


@pytest.mark.parametrize(
    ("captured", "snapshot", "refunded", "asked"),
    [
        (1200, RefundSnapshot("re_1", R.SUCCESS), 500, []),
        (400, RefundSnapshot("re_1", R.SUCCESS), 400, [(ReviewKind.AMOUNT_DIFFERS, 100, None)]),
        (500, RefundSnapshot("re_1", R.SUCCESS), 500, []),
    ],
)
async def test_more_than_was_captured_is_a_persons_business(
    database: Database, store: Store, captured: int, snapshot: RefundSnapshot, refunded: int, asked: list[Any]
) -> None:
    context.enter(context.Call(f"{1:032x}"))
    gateway = Gateway(database, store)
    await gateway.put(payment_of(MINE, status=S.SUCCESS, captured=captured))
    refund = refund_of(500)
    async with database.session() as session:
        await gateway.ledger.refunds.insert(session, refund, timedelta(0))
    await gateway.refunds.apply_snapshot(refund, snapshot)
    assert (await gateway.payment()).refunded == refunded
    assert gateway.questions() == asked


def refund_of(minor: int, **changes: Any) -> Refund:
    made = Refund(
        uuid.UUID(int=0x50), MINE, MINE, MINE, Money(minor, "EUR"), R.PENDING, "", "", None, 1, NOW, NOW,
    )  # fmt: skip
    return replace(made, **changes)


SURPLUS = payment_of(MINE, status=S.SUCCESS, captured=1200, surplus=True)
ATTEMPT = replace(PAID.attempts[0], surplus=500)
OF_ATTEMPT = payment_of(MINE, status=S.SUCCESS, captured=1200, attempts=(ATTEMPT, replace(PAID.attempts[0], number=2)))


@pytest.mark.parametrize(
    ("payment", "refund", "said", "events", "asked", "owed"),
    [
        (SURPLUS, refund_of(1200, is_owed=True), R.SUCCESS, ["surplus_refunded"], 0, 0),
        (SURPLUS, refund_of(1199, is_owed=True), R.SUCCESS, [], 0, 0),
        (SURPLUS, refund_of(1200), R.SUCCESS, ["surplus_refunded"], 0, 0),
        (PAID, refund_of(1200), R.SUCCESS, [], 0, 0),
        (SURPLUS, refund_of(1200, is_owed=True), R.FAILED, [], 1, 0),
        (SURPLUS, refund_of(1200), R.FAILED, [], 0, 1),
        (PAID, refund_of(1200), R.FAILED, [], 0, 0),
        (SURPLUS, refund_of(1200, is_owed=True), R.NEEDS_REVIEW, [], 0, 0),
        (OF_ATTEMPT, refund_of(500, is_owed=True, attempt=1), R.SUCCESS, ["surplus_refunded"], 0, 0),
        (OF_ATTEMPT, refund_of(499, is_owed=True, attempt=1), R.SUCCESS, [], 0, 0),
        (OF_ATTEMPT, refund_of(500, is_owed=True, attempt=1), R.FAILED, [], 1, 0),
    ],
)
async def test_what_is_owed_is_noted_when_it_went_back_and_asked_about_when_it_cannot(
    database: Database, store: Store, payment: Payment, refund: Refund, said: RefundStatus, events: list[str],
    asked: int, owed: int,
) -> None:  # fmt: skip
    context.enter(context.Call(f"{1:032x}"))
    gateway = Gateway(database, store)
    await gateway.put(payment)
    async with database.session() as session:
        await gateway.ledger.refunds.insert(session, refund, timedelta(0))
    await gateway.refunds.apply_snapshot(refund, RefundSnapshot("", said, failure=DECLINED))
    assert [one for one in gateway.events() if one.startswith("surplus")] == events
    assert len(gateway.questions()) == asked
    assert len(gateway.stored()) == 1 + owed
    kept = (await gateway.payment()).attempts[0].surplus
    assert kept == (0 if events and refund.attempt else payment.attempts[0].surplus)


async def test_surplus_that_came_back_is_told_of_again(database: Database, store: Store) -> None:
    context.enter(context.Call(f"{1:032x}"))
    gateway = Gateway(database, store)
    await gateway.put(OF_ATTEMPT)
    refund = refund_of(500, is_owed=True, attempt=1)
    async with database.session() as session:
        await gateway.ledger.refunds.insert(session, refund, timedelta(0))
    await gateway.refunds.apply_snapshot(refund, RefundSnapshot("re_1", R.SUCCESS))
    await gateway.refunds.apply_snapshot(refund, RefundSnapshot("re_1", R.FAILED, failure=DECLINED))
    assert [one for one in gateway.events() if one.startswith("surplus")] == ["surplus_refunded", "surplus_captured"]
    assert (await gateway.payment()).attempts[0].surplus == 500
    assert len(gateway.questions()) == 1


@pytest.mark.parametrize(("shown", "found"), [(None, False), (RefundSnapshot("re_1", R.PENDING), True)])
@pytest.mark.parametrize("named", [False, True])
async def test_look_says_whether_the_provider_shows_it(gateway_: Gateway, shown: Any, found: bool, named: bool) -> None:
    refund = refund_of(500, provider_reference="re_1" if named else "")
    async with gateway_.database.session() as session:
        await gateway_.ledger.refunds.insert(session, refund, timedelta(0))
    gateway_.shown = shown
    assert await gateway_.refunds.look(PAID, refund) is found
    gateway_.shown = UnavailableError("away")
    with pytest.raises(UnavailableError):
        await gateway_.refunds.look(PAID, refund)


async def test_refund_that_is_not_here_is_not_found(gateway_: Gateway) -> None:
    with pytest.raises(ApiError) as refused:
        await gateway_.refunds.apply_snapshot(refund_of(5), RefundSnapshot("", R.SUCCESS))
    assert refused.value.reason == "REFUND_NOT_FOUND"
    gateway_.store.look.execute("DELETE FROM payments")
    async with gateway_.database.session() as session:
        await gateway_.ledger.refunds.insert(session, refund_of(5), timedelta(0))
    with pytest.raises(ApiError) as refused:
        await gateway_.refunds.apply_snapshot(refund_of(5), RefundSnapshot("", R.SUCCESS))
    assert refused.value.reason == "REFUND_NOT_FOUND"
