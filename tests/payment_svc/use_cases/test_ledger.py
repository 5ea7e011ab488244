"""What is stored when something becomes known of a payment, and all that follows from it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mesh import context
from mesh.errors import ApiError
from mesh.events.unit_of_work import UnitOfWork, UnitsOfWork
from mesh.money import Money
from mesh.storage.database import Database
from payment_svc.domain.operation import Lease, Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    LIVE,
    AmountMismatchError,
    AttemptStatus,
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Snapshot,
)
from payment_svc.domain.review import About, Resolution, Review, ReviewKind
from payment_svc.use_cases.ledger import Ledger, PaymentRepositories
from tests.support.databases.simulated import Store
from tests.support.payment_ledger import World, fact, operation
from tests.support.payment_rows import payment_of
from tests.support.rows import AFTER, BEFORE, MINE, NOW

S, K, E, R = PaymentStatus, OperationKind, OperationStatus, Requester
EUR12 = Money(1200, "EUR")
DECLINED = Failure("declined", "no")
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
async def world(database: Database, store: Store) -> World:
    context.enter(context.Call(f"{1:032x}"))
    return World(database, store)


@pytest.mark.parametrize(
    ("said", "refusal", "unknown", "sends", "first_try", "status", "ends"),
    [
        (fact(S.SUCCESS), None, False, 1, False, S.SUCCESS, E.DONE),
        (fact(S.PROCESSING), None, False, 1, False, S.PROCESSING, E.UNKNOWN),
        (None, None, True, 1, False, S.PROCESSING, E.UNKNOWN),
        (None, DECLINED, True, 1, False, S.PROCESSING, E.UNKNOWN),
        (None, DECLINED, False, 1, False, S.PROCESSING, E.REFUSED),
        (fact(S.FAILED, DECLINED), DECLINED, False, 1, False, S.FAILED, E.REFUSED),
        (fact(S.FAILED, DECLINED), DECLINED, False, 1, True, S.FAILED, E.REFUSED),
        # somebody else has tried since: what is known of the first try tells nothing
        (fact(S.FAILED, DECLINED), DECLINED, False, 2, True, S.PROCESSING, E.UNKNOWN),
        (fact(S.FAILED, DECLINED), DECLINED, False, 2, False, S.FAILED, E.REFUSED),
    ],
)
async def test_answer_is_stored_with_what_it_says_of_the_payment(
    world: World, said: Fact | None, refusal: Failure | None, unknown: bool, sends: int, first_try: bool,
    status: PaymentStatus, ends: OperationStatus,
) -> None:  # fmt: skip
    asked = operation(K.CONFIRM)
    await world.put(payment_of(MINE), replace(asked, sends=sends))
    payment, current = await world.ledger.finish(
        asked, said, refusal=refusal, unknown=unknown, first_try=first_try
    )  # fmt: skip
    assert (payment.status, current.status) == (status, ends)
    assert await world.payment() == payment
    assert [row[2] for row in world.asked()] == [ends]
    (due,) = world.store.rows("SELECT next_try_time FROM operations")[0]
    assert due == (NOW + timedelta(seconds={1: 30, 2: 120}[sends]) if ends == E.UNKNOWN else None)
    assert current.failure == (refusal if ends != E.DONE and not (first_try and sends == 2) else None)


async def test_answer_to_what_nobody_knows_of_first_tells_nothing(world: World) -> None:
    await world.put(payment_of(MINE))
    payment, current = await world.ledger.finish(operation(K.CONFIRM), None, refusal=DECLINED, first_try=True)
    assert (payment.status, current.status) == (S.PROCESSING, E.UNKNOWN)


@pytest.mark.parametrize(("said", "is_left"), [(fact(S.SUCCESS), True), (None, False)])
async def test_lease_is_given_back_with_what_was_learned(world: World, said: Fact | None, is_left: bool) -> None:
    lease = Lease(BEFORE)
    await world.put(payment_of(MINE), operation(K.CONFIRM))
    async with world.database.session() as session:
        await world.ledger.operations.take(session, MINE, BEFORE, HOUR)
    await world.ledger.finish(operation(K.CONFIRM), said, unknown=said is None, lease=lease)
    async with world.database.session() as session:
        assert await world.ledger.operations.is_free(session, MINE) is is_left
    assert lease.is_left is is_left


@pytest.mark.parametrize(
    ("version", "status", "then"),
    [
        (3, S.PROCESSING, S.NEEDS_REVIEW),
        (2, S.PROCESSING, S.PROCESSING),
        (4, S.PROCESSING, S.PROCESSING),
        (3, S.FAILED, S.FAILED),
    ],
)
async def test_silence_says_something_of_its_own_version_alone(
    world: World, version: int, status: PaymentStatus, then: PaymentStatus
) -> None:
    await world.put(payment_of(MINE, status=status), operation(K.CAPTURE, sends=2))
    payment = await world.ledger.conclude(operation(K.CAPTURE, sends=2), version, Snapshot("pi_m", S.NEEDS_REVIEW))
    assert payment.status == then
    assert world.asked() == [(K.CAPTURE, 1, E.UNKNOWN, R.MERCHANT, 1200)]
    assert world.store.rows("SELECT next_try_time FROM operations")[0][0] == NOW + timedelta(seconds=30)


NAMELESS = payment_of(MINE, provider_reference="", payment_method="pm_1")


@pytest.mark.parametrize(
    ("stored", "known", "sends", "moves"),
    [
        (NAMELESS, NAMELESS, 1, True),
        (replace(NAMELESS, version=4), NAMELESS, 1, False),
        (replace(NAMELESS, version=2), NAMELESS, 1, False),
        (replace(NAMELESS, status=S.FAILED), NAMELESS, 1, False),
        # a direct charge that somebody has sent again since may have been made
        (NAMELESS, NAMELESS, 2, False),
        (replace(NAMELESS, payment_method=""), replace(NAMELESS, payment_method=""), 2, True),
    ],
)
async def test_payment_moves_on_unless_something_else_has_become_known(
    world: World, stored: Payment, known: Payment, sends: int, moves: bool
) -> None:
    asked = operation(K.START)
    await world.put(stored, replace(asked, sends=sends))
    moved = await world.ledger.move_on(known, asked, DECLINED, "paypal", AFTER)
    if not moves:
        assert moved is None
        assert world.asked() == [(K.START, 1, E.SENT, R.MERCHANT, 1200)]
        return
    assert moved
    payment, following = moved
    assert (payment.provider, payment.account_id, payment.attempt.number, following.attempt) == ("paypal", AFTER, 2, 2)
    assert await world.payment() == payment
    assert world.asked() == [(K.START, 1, E.REFUSED, R.MERCHANT, 1200), (K.START, 2, E.SENT, R.MERCHANT, 1200)]
    (due,) = world.store.rows("SELECT next_try_time FROM operations WHERE attempt = 2")[0]
    assert due == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(("payment", "ends"), [
    (replace(NAMELESS, payment_method=""), True), (NAMELESS, False), (payment_of(MINE), False),
])  # fmt: skip
async def test_page_that_nobody_was_given_is_given_up(world: World, payment: Payment, ends: bool) -> None:
    await world.put(payment, operation(K.START))
    assert await world.ledger.give_up(MINE) is ends
    current = await world.payment()
    assert current.status == (S.FAILED if ends else S.PROCESSING)
    assert (current.failure and current.failure.code) == ("provider_unavailable" if ends else None)
    assert world.asked()[0][2] == (E.REFUSED if ends else E.SENT)


@pytest.mark.parametrize(
    ("kind", "stored", "known", "asked", "status"),
    [
        (ReviewKind.UNKNOWN_OUTCOME, payment_of(MINE), payment_of(MINE), True, S.NEEDS_REVIEW),
        (ReviewKind.UNKNOWN_OUTCOME, payment_of(MINE), payment_of(MINE, version=2), False, S.PROCESSING),
        (ReviewKind.UNKNOWN_OUTCOME, payment_of(MINE, status=S.FAILED), payment_of(MINE), False, S.FAILED),
        (ReviewKind.UNKNOWN_OUTCOME, payment_of(MINE, status=S.NEEDS_REVIEW), payment_of(MINE), True, S.NEEDS_REVIEW),
        (ReviewKind.AMOUNT_DIFFERS, payment_of(MINE), payment_of(MINE, version=2), True, S.PROCESSING),
    ],
)
async def test_person_is_asked_about_what_is_unknown_still(
    world: World, kind: ReviewKind, stored: Payment, known: Payment, asked: bool, status: PaymentStatus
) -> None:
    await world.put(stored)
    await world.ledger.ask_a_person(known, kind, "why", About(EUR12))
    assert world.questions() == ([(kind, 1200, None)] if asked else [])
    assert (await world.payment()).status == status


QUESTION = Review(
    uuid.UUID(int=9), ReviewKind.UNKNOWN_OUTCOME, MINE, MINE, MINE, None, 1, EUR12, "stripe", "pi_m", "why", NOW
)


@pytest.mark.parametrize(
    ("was", "age", "said", "resolution"),
    [
        (S.NEEDS_REVIEW, timedelta(0), S.SUCCESS, Resolution.CAPTURED),
        (S.NEEDS_REVIEW, timedelta(0), S.FAILED, Resolution.NOT_CAPTURED),
        (S.NEEDS_REVIEW, timedelta(0), S.AUTHORIZED, Resolution.NOT_CAPTURED),
        (S.PROCESSING, HOUR, S.SUCCESS, None),
        (S.PROCESSING, HOUR + MOMENT, S.SUCCESS, Resolution.CAPTURED),
        (S.PROCESSING, HOUR + MOMENT, S.CANCELLED, Resolution.NOT_CAPTURED),
        (S.REQUIRES_ACTION, HOUR + MOMENT, S.SUCCESS, None),
    ],
)
async def test_question_is_over_when_its_payment_shows_how_it_stands(
    world: World, was: PaymentStatus, age: timedelta, said: PaymentStatus, resolution: Resolution | None
) -> None:
    await world.put(payment_of(MINE, status=was))
    async with world.database.session() as session:
        await world.ledger.reviews.insert(session, QUESTION)
    world.now = NOW + age
    await world.ledger.learn(MINE, fact(said))
    assert world.questions() == [(ReviewKind.UNKNOWN_OUTCOME, 1200, resolution and str(resolution))]


PAST = replace(
    payment_of(MINE).attempts[0],
    number=1,
    provider="paypal",
    provider_reference="O1",
    status=AttemptStatus.FAILED,
    end_time=NOW,
)
TWICE = payment_of(MINE, attempts=(PAST, replace(payment_of(MINE).attempts[0], number=2)))
CLOSES = (K.CANCEL, 1, E.SENT, R.GATEWAY, 1200)


@pytest.mark.parametrize(
    ("operations", "asked"),
    [
        ([], [CLOSES]),
        # what its provider is being asked something of is closed afterwards
        ([operation(K.CANCEL)], [(K.CANCEL, 1, E.SENT, R.MERCHANT, 1200)]),
        ([operation(K.SETTLE)], [(K.SETTLE, 1, E.SENT, R.MERCHANT, 1200), CLOSES]),
        ([operation(K.CONFIRM, attempt=2)], [(K.CONFIRM, 2, E.DONE, R.MERCHANT, 1200), CLOSES]),
        ([operation(K.CAPTURE, attempt=2, amount=500)], [(K.CAPTURE, 2, E.REFUSED, R.MERCHANT, 500), CLOSES]),
        ([operation(K.SETTLE, attempt=2)], [(K.SETTLE, 2, E.SENT, R.MERCHANT, 1200), CLOSES]),
    ],
)
async def test_what_else_could_take_money_is_closed_when_a_payment_is_paid(
    world: World, operations: list[Operation], asked: list[Any]
) -> None:
    await world.put(TWICE, *operations)
    paid = await world.ledger.learn(MINE, fact(S.SUCCESS, attempt=2))
    assert (paid.status, paid.captured) == (S.SUCCESS, 1200)
    assert world.asked() == asked
    assert world.events() == ["succeeded"]


async def test_attempt_is_closed_once_what_was_asked_of_it_has_ended(world: World) -> None:
    paid = replace(TWICE, status=S.SUCCESS, captured=1200)
    for kind, requester, closes in ((K.CONFIRM, R.GATEWAY, 1), (K.CANCEL, R.GATEWAY, 0), (K.CANCEL, R.MERCHANT, 1)):
        world.store.clear()
        await world.put(paid, operation(kind, requester=requester))
        await world.ledger.finish(operation(kind, requester=requester), None, refusal=DECLINED)
        assert len([one for one in world.asked() if one == CLOSES]) == closes


async def test_each_attempt_that_took_too_much_is_owed_for_itself(world: World) -> None:
    """One that came later was owed before: that says nothing of the one that is seen now."""
    before = replace(PAST, number=2, provider_reference="O2", surplus=1200)
    attempts = (PAST, before, replace(TWICE.attempts[1], number=3))
    await world.put(replace(TWICE, status=S.SUCCESS, captured=1200, attempts=attempts))
    await world.ledger.learn(MINE, Fact(1, Snapshot("O1", S.SUCCESS, EUR12)))
    assert [row.attempt for row in world.store.rows("SELECT attempt FROM refunds")] == [1]


@pytest.mark.parametrize(
    ("said", "attempt", "owed", "asked"),
    [
        (S.SUCCESS, 1, [(1200, 1, True)], []),
        (S.AUTHORIZED, 1, [], [CLOSES]),
    ],
)
async def test_what_an_attempt_before_took_as_well_goes_back(
    world: World, said: PaymentStatus, attempt: int, owed: list[Any], asked: list[Any]
) -> None:
    await world.put(
        replace(
            TWICE, status=S.SUCCESS, captured=1200, attempts=(replace(PAST, provider_reference=""), TWICE.attempts[1])
        )
    )
    await world.ledger.learn(MINE, Fact(attempt, Snapshot("O1", said, EUR12)))
    rows = world.store.rows("SELECT amount_minor, attempt, is_owed FROM refunds")
    assert [tuple(row) for row in rows] == owed
    assert world.asked() == asked
    assert ("surplus_captured" in world.events()) is bool(owed)


@pytest.mark.parametrize(
    ("other", "before", "unwanted", "asked"),
    [
        (None, S.PROCESSING, False, []),
        (None, S.FAILED, False, [MINE]),
        (None, S.PROCESSING, True, [MINE]),
        ({"status": S.FAILED}, S.PROCESSING, False, [MINE]),
        ({"status": S.SUCCESS, "captured": 1200}, S.FAILED, False, [BEFORE, MINE]),
        ({"status": S.SUCCESS, "captured": 1200, "surplus": True}, S.FAILED, False, [MINE]),
    ],
)
async def test_order_is_asked_where_it_is_in_doubt_which_capture_settles_it(
    world: World, other: dict[str, Any] | None, before: PaymentStatus, unwanted: bool, asked: list[uuid.UUID]
) -> None:
    if other:
        await world.put(payment_of(BEFORE, order_id=MINE, **other))
    await world.put(payment_of(MINE, status=before, unwanted=unwanted))
    await world.ledger.learn(MINE, fact(S.SUCCESS))
    rows = world.store.rows("SELECT payment_id FROM operations WHERE kind = 'SETTLE' ORDER BY payment_id")
    assert [row[0] for row in rows] == sorted(asked)


async def test_order_is_asked_once(world: World) -> None:
    paid = payment_of(MINE, status=S.SUCCESS, captured=1200)
    await world.put(paid)
    for _ in range(2):
        async with world.ledger.work.begin() as unit:
            await world.ledger.ask_to_settle(unit, paid)
    assert world.asked() == [(K.SETTLE, 1, E.SENT, R.GATEWAY, 1200)]
    assert world.store.rows("SELECT next_try_time FROM operations")[0][0] == NOW


@pytest.mark.parametrize(
    ("payment", "operations", "unwanted", "closes"),
    [
        (payment_of(MINE), [], True, True),
        (payment_of(MINE, provider_reference=""), [], True, False),
        (payment_of(MINE), [operation(K.CONFIRM)], True, False),
        (payment_of(MINE), [operation(K.SETTLE)], True, True),
        (payment_of(MINE, status=S.FAILED), [], False, False),
    ],
)
async def test_payment_that_its_order_has_no_use_for_is_closed(
    world: World, payment: Payment, operations: list[Operation], unwanted: bool, closes: bool
) -> None:
    await world.put(payment, *operations)
    async with world.ledger.work.begin() as unit:
        await world.ledger.turn_away(unit, payment)
    assert (await world.payment()).unwanted is unwanted
    assert (CLOSES in world.asked()) is closes


@pytest.mark.parametrize(("answered", "amount"), [(False, 500), (True, 500), (True, 501)])
async def test_money_that_a_person_spoke_about_is_asked_about_no_more(
    world: World, answered: bool, amount: int
) -> None:
    await world.put(payment_of(MINE))
    about = replace(QUESTION, kind=ReviewKind.AMOUNT_DIFFERS, amount=Money(500, "EUR"), held=False)
    if answered:
        about = replace(about, resolution=Resolution.NOT_CAPTURED, resolved_by="ada", why="seen", resolve_time=NOW)
    async with world.database.session() as session:
        await world.ledger.reviews.insert(session, about)
    said = Fact(1, Snapshot("pi_m", S.SUCCESS, Money(amount, "EUR")))
    if answered and amount == 500:
        assert (await world.ledger.learn(MINE, said)).status == S.PROCESSING
    else:
        with pytest.raises(AmountMismatchError):
            await world.ledger.learn(MINE, said)


async def test_payment_that_is_not_here_is_not_found(world: World) -> None:
    with pytest.raises(ApiError) as refused:
        await world.ledger.learn(MINE, fact(S.SUCCESS))
    assert refused.value.reason == "PAYMENT_NOT_FOUND"


def test_operation_is_of_the_payment_unless_it_is_of_a_part() -> None:
    ledger = Ledger(UnitsOfWork(None, lambda _: None), PaymentRepositories(), clock=lambda: NOW, ids=lambda: MINE)  # type: ignore[arg-type]
    whole = ledger.operation(payment_of(MINE), K.CAPTURE, R.MERCHANT)
    assert whole == operation(K.CAPTURE, MINE.int)
    assert ledger.operation(TWICE, K.CAPTURE, R.MERCHANT, 5) == replace(whole, amount=5, attempt=2)


@pytest.mark.parametrize("status", sorted(LIVE))
async def test_version_keeps_the_status_and_tells_of_it(world: World, status: PaymentStatus) -> None:
    before = payment_of(MINE, status=status)
    await world.put(before)
    after = replace(before, surplus=True, version=4)

    async def put(unit: UnitOfWork) -> Payment:
        return await world.ledger.put(unit, before, after)

    async with world.ledger.work.begin() as unit:
        assert await put(unit) == after
    assert await world.payment() == after
    assert world.events() == ["updated"]
