"""What an answer to an operation means, what speaks against a request, and what a merchant is told."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import grpc
import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import CaptureMethod, Fact, Failure, Payment, PaymentStatus, Snapshot, first_attempt
from payment_svc.providers.base import Capabilities
from payment_svc.use_cases import answers
from tests.support.providers.paypal_api import PAYMENT as OF_PAYPAL

S, K, E = PaymentStatus, OperationKind, OperationStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DECLINED = Failure("card_declined", "declined")
AWAY = Failure("provider_unavailable", "try again later")
FIRST = replace(first_attempt("stripe", NOW), provider_reference="pi_1")
SECOND = replace(first_attempt("paypal", NOW), number=2, provider_reference="ORDER1")
PAYMENT = replace(
    OF_PAYPAL, provider="paypal", provider_reference="ORDER1", attempts=(FIRST, SECOND), amount=Money(1200, "EUR")
)


def operation(kind: OperationKind = K.CAPTURE, attempt: int = 2, **more: Any) -> Operation:
    asked = Operation(
        uuid.UUID(int=1), PAYMENT.payment_id, attempt, kind, 1200, E.SENT, 1, Requester.MERCHANT, None, NOW, NOW
    )
    return replace(asked, **more)


def at(status: PaymentStatus, **more: Any) -> Payment:
    return replace(PAYMENT, status=status, **more)


def fact(status: PaymentStatus, failure: Failure | None = None, **more: Any) -> Fact:
    return Fact(2, Snapshot("ORDER1", status, failure=failure, **more))


@pytest.mark.parametrize(
    ("kind", "status", "said", "refusal", "stands"),
    [
        # silence leaves it open, and a refusal ends it
        *((kind, S.PROCESSING, None, None, E.UNKNOWN) for kind in (K.CONFIRM, K.CAPTURE, K.CANCEL)),
        *((kind, S.PROCESSING, None, DECLINED, E.REFUSED) for kind in (K.CONFIRM, K.CAPTURE, K.CANCEL)),
        (K.CAPTURE, S.AUTHORIZED, fact(S.AUTHORIZED), DECLINED, E.REFUSED),
        # what the payment shows decides, whatever was answered
        (K.CONFIRM, S.SUCCESS, None, DECLINED, E.DONE),
        (K.CONFIRM, S.AUTHORIZED, None, None, E.DONE),
        (K.CONFIRM, S.CANCELLED, fact(S.CANCELLED), None, E.REFUSED),
        (K.CANCEL, S.CANCELLED, None, DECLINED, E.DONE),
        (K.CANCEL, S.SUCCESS, fact(S.CANCELLED), None, E.REFUSED),
        (K.CAPTURE, S.FAILED, fact(S.SUCCESS), None, E.REFUSED),
        # then what was answered: closed or not, declined or worked on
        (K.CANCEL, S.PROCESSING, fact(S.CANCELLED), None, E.DONE),
        (K.CANCEL, S.PROCESSING, fact(S.FAILED), None, E.DONE),
        (K.CANCEL, S.AUTHORIZED, fact(S.AUTHORIZED), None, E.REFUSED),
        (K.CONFIRM, S.PROCESSING, fact(S.PROCESSING, DECLINED), None, E.REFUSED),
        (K.CONFIRM, S.PROCESSING, fact(S.PROCESSING), None, E.UNKNOWN),
        (K.CAPTURE, S.AUTHORIZED, fact(S.AUTHORIZED, DECLINED), None, E.REFUSED),
        (K.CAPTURE, S.AUTHORIZED, fact(S.PROCESSING), None, E.UNKNOWN),
    ],
)
def test_operation_stands_as_the_payment_shows_and_as_it_was_answered(
    kind: OperationKind, status: PaymentStatus, said: Fact | None, refusal: Failure | None, stands: OperationStatus
) -> None:
    assert answers.ended(operation(kind), at(status), said, refusal) == stands


@pytest.mark.parametrize(
    ("said", "refusal", "stands"),
    [
        (None, None, E.UNKNOWN),
        (None, DECLINED, E.REFUSED),
        (fact(S.CANCELLED), None, E.DONE),
        (fact(S.SUCCESS), None, E.REFUSED),
    ],
)
def test_operation_on_an_attempt_before_is_not_ended_by_the_one_under_way(
    said: Fact | None, refusal: Failure | None, stands: OperationStatus
) -> None:
    assert answers.ended(operation(K.CANCEL, attempt=1), at(S.CANCELLED), said, refusal) == stands


def test_start_is_done_by_whatever_object_it_made() -> None:
    fresh = at(S.PROCESSING, provider_reference="")
    assert answers.ended(operation(K.START), fresh, fact(S.INITIATED), None) == E.DONE


@pytest.mark.parametrize("kind", K)
@pytest.mark.parametrize("status", S)
def test_look_tells_how_an_operation_ended_once_its_object_has(kind: OperationKind, status: PaymentStatus) -> None:
    tells = kind == K.START or status in {S.SUCCESS, S.CANCELLED, S.FAILED}
    assert answers.tells(operation(kind), fact(status)) is tells


@pytest.mark.parametrize("status", S)
def test_object_that_waits_shows_that_nothing_was_done(status: PaymentStatus) -> None:
    waits = status in {S.INITIATED, S.REQUIRES_ACTION, S.AUTHORIZED}
    assert answers.shows_undone(fact(status)) is waits
    assert answers.shows_undone(fact(status, approved=True))


@pytest.mark.parametrize(
    ("number", "held", "then"),
    [
        (2, 0, ("paypal", "ORDER1", S.SUCCESS)),
        (2, 500, ("paypal", "ORDER1", S.AUTHORIZED)),
        (1, 0, ("stripe", "pi_1", S.INITIATED)),
        (1, 500, ("stripe", "pi_1", S.AUTHORIZED)),
    ],
)
def test_provider_of_an_attempt_knows_its_own_object(number: int, held: int, then: object) -> None:
    attempts = tuple(replace(a, held=held) if a.number == number else a for a in PAYMENT.attempts)
    known = answers.at_attempt(at(S.SUCCESS, attempts=attempts), number)
    assert (known.provider, known.provider_reference, known.status) == then


@pytest.mark.parametrize(
    ("requester", "was", "said", "code"),
    [
        (Requester.GATEWAY, S.AUTHORIZED, S.CANCELLED, "expired"),
        (Requester.GATEWAY, S.INITIATED, S.CANCELLED, "cancelled"),
        (Requester.GATEWAY, S.AUTHORIZED, S.FAILED, ""),
        (Requester.GATEWAY, S.AUTHORIZED, S.AUTHORIZED, ""),
        (Requester.MERCHANT, S.AUTHORIZED, S.CANCELLED, ""),
        (Requester.OPERATOR, S.INITIATED, S.CANCELLED, ""),
    ],
)
def test_what_the_gateway_closed_says_why(
    requester: Requester, was: PaymentStatus, said: PaymentStatus, code: str
) -> None:
    snapshot = answers.reworded(Snapshot("x", said), at(was), operation(K.CANCEL, requester=requester))
    assert (snapshot.failure.code if snapshot.failure else "") == code


@pytest.mark.parametrize(
    ("status", "failure", "told"),
    [
        (E.DONE, None, None),
        (E.REFUSED, AWAY, (grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")),
        (E.REFUSED, DECLINED, (grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_REFUSED")),
        (E.REFUSED, None, (grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_REFUSED")),
        (E.UNKNOWN, None, (grpc.StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN")),
        (E.SENT, AWAY, (grpc.StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN")),
    ],
)
def test_merchant_is_told_whether_to_repeat(status: OperationStatus, failure: Failure | None, told: object) -> None:
    asked = operation(status=status, failure=failure)
    if told is None:
        answers.raise_if_open(at(S.AUTHORIZED), asked)
        return
    with pytest.raises(ApiError) as refused:
        answers.raise_if_open(at(S.AUTHORIZED), asked)
    assert (refused.value.code, refused.value.reason) == told
    assert refused.value.metadata == {"payment_id": str(PAYMENT.payment_id), "status": "AUTHORIZED"}


def refused_with(check: Any, *given: Any) -> str:
    """Return the reason of a refusal; nothing when it is let through."""
    try:
        check(*given)
    except ApiError as error:
        return error.reason
    return ""


@pytest.mark.parametrize("status", S)
def test_what_may_be_done_depends_on_the_status(status: PaymentStatus) -> None:
    turn = status in {S.INITIATED, S.REQUIRES_ACTION, S.AUTHORIZED}
    assert refused_with(answers.check_capturable, at(status)) == (
        "" if status == S.AUTHORIZED else "PAYMENT_NOT_CAPTURABLE"
    )
    assert refused_with(answers.check_cancellable, at(status)) == ("" if turn else "PAYMENT_NOT_CANCELLABLE")
    assert refused_with(answers.check_cancellable, at(status, provider_reference="")) == "PAYMENT_NOT_CANCELLABLE"
    assert refused_with(answers.require_processing, at(status)) == (
        "" if status == S.PROCESSING else "PAYMENT_NOT_APPROVED"
    )


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Money(1200, "EUR"), ""),
        (Money(1, "EUR"), ""),
        (Money(1201, "EUR"), "AMOUNT_TOO_LARGE"),
        (Money(1, "USD"), "INVALID_ARGUMENT"),
        (Money(1201, "USD"), "INVALID_ARGUMENT"),
    ],
)
def test_part_is_of_the_same_currency_and_no_more(part: Money, reason: str) -> None:
    assert refused_with(answers.check_part, part, Money(1200, "EUR")) == reason


ALL = Capabilities(True, r"pm_\w+", timedelta(days=7), True, True, True, True)


class Able:
    """A provider that can do so much."""

    name = "able"

    def __init__(self, **can: Any) -> None:
        self.capabilities = replace(ALL, **can)


@pytest.mark.parametrize(
    ("can", "token", "manual", "passes"),
    [
        ({}, "", False, True),
        ({}, "pm_1", True, True),
        ({}, "pm_1 ", False, False),
        ({}, "xpm_1", False, False),
        ({"tokens": ""}, "pm_1", False, False),
        ({"tokens": ""}, "", False, True),
        ({"hosted_page": False}, "", False, False),
        ({"hosted_page": False}, "pm_1", False, True),
        ({"authorization_lifetime": None}, "", True, False),
        ({"authorization_lifetime": None}, "", False, True),
    ],
)
def test_payment_is_started_only_as_its_provider_can(can: Any, token: str, manual: bool, passes: bool) -> None:
    method = CaptureMethod.MANUAL if manual else CaptureMethod.AUTOMATIC
    reason = refused_with(answers.check_start, token, method, cast(Any, Able(**can)))
    assert reason == ("" if passes else "CAPABILITY_NOT_SUPPORTED")


async def test_settling_is_nothing_to_ask_a_provider() -> None:
    with pytest.raises(ValueError, match="SETTLE"):
        await answers.ask(cast(Any, Able()), PAYMENT, operation(K.SETTLE))


def test_payment_under_way_is_named_where_it_is_known() -> None:
    of_order = {"order_id": str(PAYMENT.order_id)}
    known = of_order | {"payment_id": str(PAYMENT.payment_id), "status": "PROCESSING"}
    for error, where in (
        (answers.in_progress(at(S.PROCESSING)), known),
        (answers.in_progress_of(PAYMENT.order_id), of_order),
    ):
        assert (error.reason, error.metadata) == ("PAYMENT_IN_PROGRESS", where)


@pytest.mark.parametrize("status", S)
def test_who_cannot_cancel_what_was_captured_is_told_to_give_it_back(status: PaymentStatus) -> None:
    try:
        answers.check_cancellable(at(status))
        told = ""
    except ApiError as error:
        told = error.message
    assert ("give the money back by a refund" in told) is (status == S.SUCCESS)
