"""What recovery does about a payment, an operation and a refund, by what their provider shows and how old they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mesh.money import Money
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import (
    AmountMismatchError,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    StaleFactError,
)
from payment_svc.domain.refund import RefundStatus
from payment_svc.domain.review import ReviewKind
from payment_svc.providers.base import ObjectNotFoundError
from payment_svc.storage.payments import DueCheck
from payment_svc.storage.refunds import DueRefund
from tests.payment_svc.use_cases.recovery.world import (
    ATTEMPT,
    DIFFERS,
    GIVE_UP,
    HOUR,
    MOMENT,
    NOW,
    OPEN,
    OPERATION,
    PAGE_LIFE,
    REFUND,
    E,
    K,
    S,
    World,
    looked,
)


@pytest.mark.parametrize("known", [[], [OPERATION], [replace(OPERATION, kind=K.START)]])
async def test_start_of_a_payment_without_a_name_is_asked_for(known: list[Operation]) -> None:
    world = World(replace(OPEN, provider_reference=""), known)
    has_start = any(one.kind == K.START for one in known)
    expected = [] if has_start else [("insert", K.START, Requester.MERCHANT, timedelta(0))]
    assert await looked(world) == expected


HELD = replace(OPEN, status=S.AUTHORIZED)


@pytest.mark.parametrize(
    ("payment", "is_voided"),
    [
        (replace(HELD, capture_before=NOW), True),
        (replace(HELD, capture_before=NOW - MOMENT), True),
        (replace(HELD, capture_before=NOW + MOMENT), False),
        (HELD, False),
        *((replace(OPEN, status=status, capture_before=NOW), False) for status in S if status != S.AUTHORIZED),
    ],
)
async def test_what_is_held_is_voided_when_its_time_is_over(payment: Payment, is_voided: bool) -> None:
    does = await looked(World(payment))
    voids = [(K.CANCEL, Requester.GATEWAY, "check_capturable")]
    assert does == (voids if is_voided else [("sync", 1, S.PROCESSING, payment.version)])


@pytest.mark.parametrize("shown", S)
@pytest.mark.parametrize(
    ("age", "status"), [(GIVE_UP, S.PROCESSING), (GIVE_UP + MOMENT, S.PROCESSING), (30 * HOUR, S.INITIATED)]
)
async def test_person_is_asked_about_what_is_worked_on_for_ever(
    age: timedelta, status: PaymentStatus, shown: PaymentStatus
) -> None:
    world = World(replace(OPEN, status=status, update_time=NOW - age))
    world.shown = Snapshot("ORDER1", shown)
    asks = age == GIVE_UP + MOMENT and shown == S.PROCESSING
    sync = ("sync", 1, shown, OPEN.version)
    assert await looked(world) == [sync, *([(ReviewKind.UNKNOWN_OUTCOME, OPEN.amount)] if asks else [])]


EXPIRED = Failure("expired", "the customer did not pay in time")
CLOSED = ("learn", 1, Snapshot("", S.CANCELLED, failure=EXPIRED))


@pytest.mark.parametrize(
    ("age", "lifetime", "confirmed", "does"),
    [
        (PAGE_LIFE, PAGE_LIFE, None, []),
        (PAGE_LIFE + MOMENT, PAGE_LIFE, None, [CLOSED]),
        (PAGE_LIFE + MOMENT, PAGE_LIFE, E.REFUSED, [CLOSED]),
        *((PAGE_LIFE + MOMENT, PAGE_LIFE, status, []) for status in E if status != E.REFUSED),
        (PAGE_LIFE + MOMENT, None, None, []),
        (GIVE_UP, None, None, []),
        (GIVE_UP + MOMENT, None, None, [(ReviewKind.UNKNOWN_OUTCOME, OPEN.amount)]),
        (GIVE_UP + MOMENT, PAGE_LIFE, E.DONE, [(ReviewKind.UNKNOWN_OUTCOME, OPEN.amount)]),
        (GIVE_UP + MOMENT, PAGE_LIFE, None, [CLOSED]),
    ],
)
async def test_object_that_is_not_there_proves_nothing_unless_no_money_can_have_moved(
    age: timedelta, lifetime: timedelta | None, confirmed: OperationStatus | None, does: list[Any]
) -> None:
    known = [replace(OPERATION, kind=K.START), replace(OPERATION, kind=K.CANCEL, status=E.DONE)]
    known += [replace(OPERATION, status=confirmed)] if confirmed else []
    world = World(replace(OPEN, create_time=NOW - age, update_time=NOW - age), known)
    world.shown, world.page_lifetime = ObjectNotFoundError("no such order"), lifetime
    assert await looked(world) == does


@pytest.mark.parametrize(
    ("error", "age", "asks"),
    [
        (StaleFactError("moved on"), GIVE_UP + MOMENT, []),
        (
            AmountMismatchError("odd", Received(1, "paypal", "ORDER1", Money(1, "EUR"), False)),
            GIVE_UP + MOMENT, [ReviewKind.AMOUNT_DIFFERS],
        ),
        (ForeignObjectError("odd", Snapshot("O9", S.SUCCESS, Money(1, "EUR"))), GIVE_UP, [ReviewKind.FOREIGN_CAPTURE]),
        (
            ForeignObjectError("odd", Snapshot("O9", S.SUCCESS, Money(1, "EUR"))), GIVE_UP + MOMENT,
            [ReviewKind.FOREIGN_CAPTURE, ReviewKind.UNKNOWN_OUTCOME],
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_a_persons_business(error: Exception, age: timedelta, asks: list[ReviewKind]) -> None:
    world = World(replace(OPEN, update_time=NOW - age))
    world.error = error
    does = await looked(world)
    assert [kind for kind, *_ in does[1:]] == asks


@pytest.mark.parametrize(
    ("payment", "checks", "wait"),
    [
        (OPEN, 0, timedelta(seconds=5)),
        (OPEN, 1, timedelta(seconds=30)),
        (OPEN, 9, HOUR),
        (replace(HELD, capture_before=NOW + 10 * HOUR), 4, HOUR),
        (replace(HELD, capture_before=NOW + timedelta(minutes=7)), 4, timedelta(minutes=7)),
        (replace(HELD, capture_before=NOW + timedelta(seconds=1)), 4, timedelta(seconds=5)),
        (replace(HELD, capture_before=NOW - timedelta(minutes=7)), 4, timedelta(minutes=7)),
        (replace(OPEN, capture_before=NOW + timedelta(minutes=7)), 4, HOUR),
        (HELD, 4, HOUR),
    ],
)
async def test_look_is_repeated_ever_more_seldom_but_not_after_a_deadline(
    payment: Payment, checks: int, wait: timedelta
) -> None:
    world = World(payment)
    await world.recovery.reschedule(DueCheck(payment, checks))
    assert world.does == [wait]


@pytest.mark.parametrize(
    ("kind", "reference", "is_sent", "does"),
    [
        *((kind, "ORDER1", True, ["repeat"]) for kind in (K.START, K.CONFIRM, K.CAPTURE, K.CANCEL)),
        *((kind, "", True, ["repeat"]) for kind in (K.CONFIRM, K.CAPTURE, K.CANCEL)),
        (K.START, "", True, ["resume"]),
        (K.SETTLE, "ORDER1", True, ["settle"]),
        (K.SETTLE, "", True, ["settle"]),
        (K.SETTLE, "ORDER1", False, []),
    ],
)
async def test_operation_is_asked_for_by_what_it_is(
    kind: OperationKind, reference: str, is_sent: bool, does: list[str]
) -> None:
    world = World(replace(OPEN, provider_reference=reference))
    world.is_sent = is_sent
    await world.of_operations.check(replace(OPERATION, kind=kind))
    assert world.does == does


@pytest.mark.parametrize(("sends", "seconds"), [(0, 5), (1, 5), (2, 30), (3, 120), (9, 3600)])
async def test_operation_is_asked_for_ever_more_seldom(sends: int, seconds: int) -> None:
    world = World()
    await world.of_operations.reschedule(replace(OPERATION, sends=sends))
    assert world.does == [timedelta(seconds=seconds)]


async def test_operation_that_shows_what_cannot_be_is_a_persons_business() -> None:
    world = World()
    world.error = AmountMismatchError("odd", Received(1, "paypal", "ORDER1", Money(1, "EUR"), False))
    await world.of_operations.check(OPERATION)
    assert world.does == ["repeat", (ReviewKind.AMOUNT_DIFFERS, Money(1, "EUR"))]


PAID = replace(OPEN, status=S.SUCCESS, captured=1200)
ASKS = (ReviewKind.UNKNOWN_REFUND, REFUND.amount)


@pytest.mark.parametrize(
    ("status", "reference", "shown", "remembered", "does"),
    [
        (RefundStatus.PENDING, "ORDER1", True, True, []),
        (RefundStatus.PENDING, "ORDER1", False, True, ["repeat"]),
        # who is asked already may be about to give it back by hand
        (RefundStatus.NEEDS_REVIEW, "ORDER1", False, True, [ASKS]),
        (RefundStatus.PENDING, "ORDER1", DIFFERS, True, ["asks of amount"]),
        (RefundStatus.PENDING, "ORDER1", False, False, [RefundStatus.NEEDS_REVIEW, ASKS]),
        *((status, "ORDER1", False, False, [ASKS]) for status in RefundStatus if status != RefundStatus.PENDING),
        (RefundStatus.PENDING, "", True, True, [RefundStatus.NEEDS_REVIEW, ASKS]),
        (RefundStatus.PENDING, "review:1", True, True, [RefundStatus.NEEDS_REVIEW, ASKS]),
    ],
)
async def test_refund_is_looked_for_then_asked_for_and_then_a_person_is_asked(
    status: RefundStatus, reference: str, shown: Any, remembered: bool, does: list[Any]
) -> None:
    attempt = replace(ATTEMPT, provider_reference=reference)
    world = World(replace(PAID, provider_reference=reference, attempts=(attempt,)))
    world.is_shown, world.remembered = shown, remembered
    await world.of_refunds.check(DueRefund(replace(REFUND, status=status), 1))
    assert world.does == does


async def test_refund_is_looked_for_ever_more_seldom() -> None:
    world = World()
    for checks, seconds in ((0, 5), (1, 30), (4, 3600), (9, 3600)):
        await world.of_refunds.reschedule(DueRefund(REFUND, checks))
        assert world.does.pop() == timedelta(seconds=seconds)
