"""What the gateway owes a customer goes back, once, or a person is asked; and the order says what is owed."""

from __future__ import annotations

import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import LIVE, Payment, PaymentStatus
from payment_svc.domain.refund import DECIDED, OTHER_AMOUNT, SURPLUS, RefundStatus
from payment_svc.domain.review import About, Review, ReviewKind
from payment_svc.storage.refunds import Sums
from payment_svc.use_cases import returns
from tests.support.payment_books import FIRST, NEW_ID, NOW, OWED, PAID, SECOND, World

S, R, E = PaymentStatus, RefundStatus, OperationStatus


@pytest.mark.parametrize(
    ("attempt", "taken", "left"),
    [(None, 0, 1200), (None, 1199, 1), (None, 1200, 0), (None, 1300, 0), (FIRST, 0, 700), (FIRST, 701, 0)],
)
async def test_surplus_goes_back_as_far_as_it_is_left(attempt: Any, taken: int, left: int) -> None:
    world = World()
    world.of_attempts = {attempt and 1: Sums(taken, taken, 0)}
    assert await world.returns.owe(cast(Any, world), replace(PAID, surplus=True), attempt) == left
    expected = replace(OWED, amount=Money(left, "EUR"), attempt=attempt and 1)
    assert world.inserted == ([expected] if left else [])
    assert not world.asked


@pytest.mark.parametrize(
    ("payment", "attempt", "gives", "back"),
    [
        (PAID, None, True, True),
        (PAID, None, False, False),
        (replace(PAID, provider="bank_transfer"), None, True, False),
        (replace(PAID, provider_reference="review:1"), None, True, False),
        (replace(PAID, provider_reference=""), None, True, False),
        (PAID, replace(FIRST, provider_reference=""), True, False),
        (replace(PAID, provider_reference=""), FIRST, True, True),
        (replace(PAID, provider="bank_transfer"), FIRST, True, True),
        (PAID, replace(FIRST, provider="bank_transfer"), True, False),
    ],
)
async def test_person_gives_back_what_the_gateway_cannot(
    payment: Payment, attempt: Any, gives: bool, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.returns._give_back = gives
    able = lambda provider: SimpleNamespace(refunds=provider != "bank_transfer")  # noqa: E731
    monkeypatch.setattr(returns, "capabilities_of", able)
    await world.returns.owe(cast(Any, world), payment, attempt)
    assert bool(world.inserted) is back
    where = attempt or payment
    amount = Money(700 if attempt else 1200, "EUR")
    about = About(amount, 1 if attempt else 0, where.provider_reference, provider=where.provider)
    assert world.asked == ([] if back else [(ReviewKind.SURPLUS_KEPT, about)])


def review(**changes: Any) -> Review:
    asked = Review(
        NEW_ID, ReviewKind.SURPLUS_KEPT, PAID.payment_id, PAID.merchant_id, PAID.order_id, None, 2, Money(300, "EUR"),
        "paypal", "", "", NOW,
    )  # fmt: skip
    return replace(asked, **changes)


@pytest.mark.parametrize(
    ("failed", "taken", "waiting", "again"),
    [
        (500, 0, [], 500),
        (500, 800, [], 400),
        (500, 1200, [], 0),
        (500, 0, [review()], 500),
        (500, 600, [review()], 300),
        (500, 900, [review()], 0),
        (500, 600, [review(attempt=1)], 500),
    ],
)
async def test_refund_of_a_surplus_that_failed_goes_back_again_beside_what_is_asked(
    failed: int, taken: int, waiting: list[Any], again: int
) -> None:
    world = World(sums=Sums(taken, taken, 0))
    world.open_reviews = waiting
    await world.returns.owe_again(cast(Any, world), PAID, replace(OWED, amount=Money(failed, "EUR")))
    assert [one.amount.minor for one in world.inserted] == ([again] if again else [])


@pytest.mark.parametrize(
    ("asked", "payment", "taken", "back"),
    [
        (review(kind=ReviewKind.UNKNOWN_OUTCOME), PAID, {None: 200}, (1000, None, DECIDED)),
        (review(kind=ReviewKind.UNKNOWN_OUTCOME), replace(PAID, surplus=True), {None: 1200}, None),
        (review(), PAID, {}, (300, None, DECIDED)),
        (review(), replace(PAID, surplus=True), {}, (300, None, SURPLUS)),
        (review(), PAID, {None: 1000}, (200, None, DECIDED)),
        (review(attempt=1), PAID, {None: 1200}, (300, 1, SURPLUS)),
        (review(attempt=1), PAID, {1: 600}, (100, 1, SURPLUS)),
        (review(attempt=1), replace(PAID, status=S.FAILED), {}, (300, 1, OTHER_AMOUNT)),
        (review(attempt=1), replace(PAID, attempts=(replace(FIRST, surplus=0), SECOND)), {}, None),
        (
            review(), replace(PAID, status=S.FAILED, attempts=(FIRST, replace(SECOND, surplus=250))), {},
            (250, 2, OTHER_AMOUNT),
        ),
    ],
)  # fmt: skip
async def test_what_a_person_decides_goes_back_once(asked: Review, payment: Payment, taken: Any, back: Any) -> None:
    world = World()
    world.of_attempts = {key: Sums(value, value, 0) for key, value in taken.items()}
    await world.returns.give_back(cast(Any, world), payment, asked)
    assert [(one.amount.minor, one.attempt, one.reason) for one in world.inserted] == ([back] if back else [])
    assert all((one.sends, one.is_owed, one.version) == (0, True, 1) for one in world.inserted)


async def test_each_refusal_of_what_is_owed_is_a_question_of_its_own() -> None:
    world = World()
    await world.returns.refused(cast(Any, world), PAID, OWED)
    await world.returns.refused(cast(Any, world), PAID, replace(OWED, attempt=1, provider_reference="re_1"))
    first = About(OWED.amount, 0, str(NEW_ID), NEW_ID)
    assert world.asked == [
        (ReviewKind.SURPLUS_KEPT, first), (ReviewKind.SURPLUS_KEPT, replace(first, attempt=1, reference="re_1")),
    ]  # fmt: skip


# settled by the order or not

SETTLE = Operation(
    uuid.UUID(int=5), PAID.payment_id, 2, OperationKind.SETTLE, 1200, E.SENT, 1, Requester.GATEWAY, None, NOW, NOW
)
AWAY = ApiError(grpc.StatusCode.UNAVAILABLE, "AWAY", "away")
NOWHERE = ApiError(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "no such order")


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("settles", [True, False])
async def test_order_says_whether_a_capture_settles_it(status: PaymentStatus, settles: bool) -> None:
    world = World(replace(PAID, status=status))
    world.settles, world.operation = settles, SETTLE
    world.others = [replace(world.payment, status=other) for other in S]
    await world.settlements.settle(world.payment, SETTLE)
    is_paid = status == S.SUCCESS and settles
    assert len(world.turned_away) == (sum(one.status in LIVE for one in world.others) if is_paid else 0)
    if status not in {S.SUCCESS, S.FAILED, S.CANCELLED}:
        assert (world.ended, world.changed) == ([], [])
        return
    is_surplus = status == S.SUCCESS and not settles
    assert world.ended == [E.REFUSED if is_surplus else E.DONE]
    marked = replace(PAID, surplus=True, version=PAID.version + 1, update_time=NOW)
    assert world.changed == ([marked] if is_surplus else [])


async def test_order_that_is_nowhere_is_a_persons_business_and_one_that_is_away_is_asked_again() -> None:
    world = World()
    world.settles = NOWHERE
    await world.settlements.settle(PAID, SETTLE)
    assert (world.ended, world.asked) == ([E.REFUSED], [(ReviewKind.SURPLUS_KEPT, About(Money(1200, "EUR")))])
    world.settles = AWAY
    with pytest.raises(ApiError):
        await world.settlements.settle(PAID, SETTLE)
    assert len(world.ended) == 1


@pytest.mark.parametrize(
    ("payment", "operation", "refunded", "marks", "events"),
    [
        (PAID, SETTLE, 0, True, 2),
        (PAID, None, 0, False, 0),
        (PAID, replace(SETTLE, status=E.DONE), 0, False, 0),
        (replace(PAID, surplus=True), SETTLE, 0, False, 0),
        (PAID, SETTLE, 1200, True, 2),
        (PAID, SETTLE, 1199, True, 1),
    ],
)
async def test_surplus_is_marked_once_and_said_to_be_back_when_it_is(
    payment: Payment, operation: Operation | None, refunded: int, marks: bool, events: int
) -> None:
    given = Sums(1200, 1200, 0) if refunded else Sums(0, 0, 0)
    world = World(replace(payment, refunded=refunded), given)
    world.settles, world.operation = False, operation
    world.returns = cast(Any, world.returns)
    await world.settlements.settle(world.payment, SETTLE)
    assert bool(world.changed) is marks
    assert len(world.events) == events
