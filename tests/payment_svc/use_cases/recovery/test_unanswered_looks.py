"""What recovery does about a payment whose account cannot be asked: for a while nothing, then a person is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.operation import Operation, OperationKind, Requester
from payment_svc.domain.payment import (
    AmountMismatchError,
    Failure,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    StaleFactError,
)
from payment_svc.domain.refund import Refund, RefundStatus
from payment_svc.domain.review import ReviewKind
from payment_svc.providers.base import (
    CredentialsRefusedError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
    UnreadableAnswerError,
)
from payment_svc.storage.payments import DueCheck
from payment_svc.storage.refunds import DueRefund
from tests.payment_svc.use_cases.recovery.world import (
    DIFFERS,
    GIVE_UP,
    HOUR,
    MOMENT,
    NOW,
    OPEN,
    OPERATION,
    REFUND,
    E,
    K,
    S,
    World,
)

ASKS = (ReviewKind.UNKNOWN_OUTCOME, OPEN.amount)
HELD = replace(OPEN, status=S.AUTHORIZED, capture_before=NOW + HOUR)
LATE = replace(HELD, capture_before=NOW)
ERRORS = [
    CredentialsRefusedError("revoked"),
    UnavailableError("away"),
    OutcomeUnknownError("no answer"),
    UnreadableAnswerError("odd"),
    RejectedError(Failure("provider_rejected", "no")),
    ApiError(grpc.StatusCode.UNAVAILABLE, "ACCOUNT_UNREADABLE", "cannot be opened"),
]


async def failed(world: World, checks: int = 3) -> list[Any]:
    try:
        await world.recovery.check(DueCheck(world.payment, checks))
    except tuple({type(error) for error in ERRORS}):
        world.does.append("raised")
    return world.does


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("status", [S.INITIATED, S.REQUIRES_ACTION, S.PROCESSING, S.AUTHORIZED])
async def test_person_is_asked_when_every_look_has_failed_for_longer_than_an_outage(
    status: PaymentStatus, error: Exception
) -> None:
    """However old the payment is: what counts is since when nobody could be asked."""
    for since, asks in ((NOW, []), (NOW - GIVE_UP, []), (NOW - GIVE_UP - MOMENT, [ASKS])):
        world = World(replace(OPEN, status=status, create_time=NOW - 90 * HOUR, update_time=NOW - 90 * HOUR))
        world.shown, world.failing_since = error, since
        assert await failed(world) == ["failed", *asks, "raised"]


async def test_person_is_asked_about_an_account_that_cannot_even_be_opened() -> None:
    for payment in (OPEN, LATE):
        world = World(payment)
        world.account_error, world.failing_since = ERRORS[-1], NOW - GIVE_UP - MOMENT
        # nothing is asked of a provider, and no operation stored
        assert await failed(world) == ["failed", ASKS, "raised"]


@pytest.mark.parametrize("since", [None, NOW - 90 * HOUR])
async def test_person_who_was_asked_is_not_asked_again(since: datetime | None) -> None:
    world = World(replace(OPEN, status=S.NEEDS_REVIEW))
    world.shown, world.failing_since = ERRORS[0], since
    assert await failed(world) == ["failed", "raised"]


async def test_payment_that_is_gone_is_asked_about_by_nobody() -> None:
    world = World()
    world.shown, world.failing_since = ERRORS[0], None
    assert await failed(world) == ["failed", "raised"]


ODD = AmountMismatchError("odd", Received(1, "paypal", "ORDER1", Money(1, "EUR"), False))


@pytest.mark.parametrize(
    ("shown", "error"),
    [
        (Snapshot("ORDER1", S.PROCESSING), None),
        (Snapshot("ORDER1", S.REQUIRES_ACTION), None),
        (ObjectNotFoundError("no such order"), None),
        (Snapshot("ORDER1", S.SUCCESS), StaleFactError("moved on")),
        (Snapshot("ORDER1", S.SUCCESS), ODD),
    ],
)
@pytest.mark.parametrize("checks", [1, 2])
async def test_look_that_is_answered_begins_the_count_anew(shown: Any, error: Exception | None, checks: int) -> None:
    """Whatever the answer. Of the first look there is none before that can have failed."""
    world = World()
    world.shown, world.error = shown, error
    does = await failed(world, checks)
    assert ("failed" in does, does.count("answered")) == (False, int(checks > 1))


@pytest.mark.parametrize("payment", [replace(OPEN, provider_reference=""), HELD, LATE])
async def test_what_was_done_about_a_payment_is_an_answer(payment: Payment) -> None:
    assert (await failed(World(payment)))[-1] == "answered"


@pytest.mark.parametrize("since", [NOW, NOW - GIVE_UP - MOMENT])
async def test_money_that_is_not_let_go_after_its_time_is_a_persons_business_in_the_end(since: datetime) -> None:
    """An operation that was refused tells nobody, and a further one each hour would neither."""
    world = World(LATE)
    world.voided, world.failing_since = LATE, since
    voids = (K.CANCEL, Requester.GATEWAY, "check_capturable")
    asks = [] if since == NOW else [ASKS]
    assert await failed(world) == [voids, "failed", *asks, "raised"]


GONE = ERRORS[-1]
ASKS_OF_REFUND = [RefundStatus.NEEDS_REVIEW, (ReviewKind.UNKNOWN_REFUND, REFUND.amount)]


async def failed_refund(world: World, refund: Refund, checks: int = 3) -> list[Any]:
    try:
        await world.of_refunds.check(DueRefund(refund, checks))
    except tuple({type(error) for error in ERRORS}):
        world.does.append("raised")
    return world.does


@pytest.mark.parametrize("since", [NOW, NOW - GIVE_UP, NOW - GIVE_UP - MOMENT])
@pytest.mark.parametrize("reference", ["", "re_1"])
@pytest.mark.parametrize("where", ["account", "look", "refund"])
async def test_person_is_asked_about_a_refund_whose_account_nobody_can_ask(
    where: str, reference: str, since: datetime
) -> None:
    """However old it is, and whether it was sent: the account is gone, or its credentials are."""
    world = World(replace(OPEN, status=S.SUCCESS, captured=1200))
    world.failing_since, revoked = since, CredentialsRefusedError("revoked")
    if where == "account":
        world.account_error = GONE
    elif where == "look":
        world.is_shown = revoked
    else:
        world.error = revoked
    does = await failed_refund(world, replace(REFUND, provider_reference=reference, sends=0))
    sent = ["repeat"] if where == "refund" else []
    assert does == [*sent, "failed", *(ASKS_OF_REFUND if since < NOW - GIVE_UP else []), "raised"]


@pytest.mark.parametrize("error", [CredentialsRefusedError("may look only"), ERRORS[-1]])
async def test_refund_that_can_be_looked_for_and_not_made_is_a_persons_business_in_the_end(error: Exception) -> None:
    """Each look is answered, and shows none: no answer to that ends the count of what is refused."""
    world = World(replace(OPEN, status=S.SUCCESS, captured=1200))
    world.error = error
    assert await failed_refund(world, replace(REFUND, sends=0)) == ["repeat", "failed", "raised"]
    world.now += GIVE_UP + MOMENT
    world.does.clear()
    assert await failed_refund(world, replace(REFUND, sends=0)) == ["repeat", "failed", *ASKS_OF_REFUND, "raised"]


@pytest.mark.parametrize("error", ERRORS[1:-1], ids=lambda error: type(error).__name__)
async def test_what_seems_never_sent_is_not_sent_unseen_when_its_key_may_be_forgotten(error: Exception) -> None:
    """A database that has lost its last commits does not know of a try."""
    world = World(replace(OPEN, status=S.SUCCESS, captured=1200))
    world.is_shown, world.now = error, REFUND.create_time + world.repeatable_for
    stays = isinstance(error, UnreadableAnswerError | RejectedError)
    assert await failed_refund(world, replace(REFUND, sends=0)) == (["failed", "raised"] if stays else [])
    world.is_shown = False
    world.does.clear()
    assert await failed_refund(world, replace(REFUND, sends=0)) == ["repeat", "answered"]


async def test_nobody_is_asked_about_a_refund_that_has_ended_meanwhile() -> None:
    world = World(replace(OPEN, status=S.SUCCESS, captured=1200))
    world.remembered, world.has_ended = False, RefundStatus.SUCCESS
    assert await failed_refund(world, REFUND) == [RefundStatus.NEEDS_REVIEW]


@pytest.mark.parametrize("error", ERRORS[1:-1], ids=lambda error: type(error).__name__)
async def test_outage_makes_no_question_of_a_refund_that_can_be_asked_for_again(error: Exception) -> None:
    world = World(replace(OPEN, status=S.SUCCESS, captured=1200))
    world.is_shown, world.failing_since = error, NOW - GIVE_UP - MOMENT
    assert await failed_refund(world, REFUND) == ["repeat"]
    world.does.clear()
    # one that the provider has a name for can only be looked at, and was made
    stays = isinstance(error, UnreadableAnswerError | RejectedError)
    asked = await failed_refund(world, replace(REFUND, provider_reference="re_1"))
    assert asked == (["failed", *ASKS_OF_REFUND, "raised"] if stays else [])


@pytest.mark.parametrize("since", [None, NOW - 90 * HOUR])
async def test_person_who_was_asked_about_a_refund_is_not_asked_again(since: datetime | None) -> None:
    world = World()
    world.account_error, world.failing_since = GONE, since
    assert await failed_refund(world, replace(REFUND, status=RefundStatus.NEEDS_REVIEW)) == ["failed", "raised"]


@pytest.mark.parametrize("checks", [1, 2])
@pytest.mark.parametrize("shown", [True, False, DIFFERS])
async def test_look_at_a_refund_that_is_answered_begins_the_count_anew(shown: Any, checks: int) -> None:
    world = World(replace(OPEN, status=S.SUCCESS, captured=1200))
    world.is_shown = shown
    does = await failed_refund(world, REFUND, checks)
    assert ("failed" in does, does.count("answered")) == (False, int(checks > 1))


OURS = replace(OPERATION, kind=K.CANCEL, requester=Requester.GATEWAY)


@pytest.mark.parametrize(
    ("operation", "asks"),
    [
        *((replace(OPERATION, kind=kind), True) for kind in K if kind not in (K.CANCEL, K.SETTLE)),
        (replace(OURS, requester=Requester.MERCHANT), True),
        # how our own closing ends, and what the order says, is no question about the payment
        (OURS, False),
        (replace(OPERATION, kind=K.SETTLE), False),
    ],
)
@pytest.mark.parametrize("age", [GIVE_UP, GIVE_UP + MOMENT])
async def test_operation_that_nobody_can_be_asked_about_is_a_persons_business_in_the_end(
    operation: Operation, asks: bool, age: timedelta
) -> None:
    world = World()
    world.error = ERRORS[-1]
    with pytest.raises(ApiError):
        await world.of_operations.check(replace(operation, create_time=NOW - age, status=E.UNKNOWN))
    about = (ReviewKind.UNKNOWN_OUTCOME, Money(OPERATION.amount, "EUR"))
    assert [one for one in world.does if isinstance(one, tuple)] == ([about] if asks and age > GIVE_UP else [])


def test_kinds_of_operations_are_all_spoken_of() -> None:
    assert set(OperationKind) == {K.START, K.CONFIRM, K.CAPTURE, K.CANCEL, K.SETTLE}
