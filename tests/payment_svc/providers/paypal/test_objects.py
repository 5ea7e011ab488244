"""PayPal's money, statuses and errors in our words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mesh.money import Money
from payment_svc.domain.payment import PaymentStatus
from payment_svc.domain.refund import RefundStatus
from payment_svc.providers.base import (
    CredentialsRefusedError,
    InProgressError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderError,
    RejectedError,
    UnavailableError,
    UnreadableAnswerError,
)
from payment_svc.providers.paypal import errors, objects
from tests.support.providers.paypal_api import order, paid, refusal

S = PaymentStatus


@pytest.mark.parametrize(
    ("status", "ours", "approved"),
    [
        ("CREATED", S.INITIATED, False),
        ("SAVED", S.INITIATED, False),
        ("PAYER_ACTION_REQUIRED", S.REQUIRES_ACTION, False),
        ("APPROVED", S.PROCESSING, True),
        ("VOIDED", S.CANCELLED, False),
        ("COMPLETED", S.PROCESSING, False),
    ],
)
def test_order_without_payments(status: str, ours: PaymentStatus, approved: bool) -> None:
    snapshot = objects.of_order(order(status))
    assert (snapshot.reference, snapshot.status, snapshot.approved) == ("ORDER1", ours, approved)
    assert snapshot.amount == (Money(1200, "EUR") if approved else None)
    assert bool(snapshot.redirect_url) == (status == "CREATED")


@pytest.mark.parametrize(
    ("captures", "ours", "amount"),
    [
        (["COMPLETED"], S.SUCCESS, 1200),
        (["PARTIALLY_REFUNDED"], S.SUCCESS, 1200),
        (["REFUNDED"], S.SUCCESS, 1200),
        (["PENDING"], S.PROCESSING, None),
        (["DECLINED"], S.FAILED, None),
        (["FAILED"], S.FAILED, None),
        (["DECLINED", "COMPLETED"], S.SUCCESS, 1200),
        (["COMPLETED", "REFUNDED"], S.SUCCESS, 2400),
    ],
)
def test_capture_speaks_for_its_order(captures: list[str], ours: PaymentStatus, amount: int | None) -> None:
    snapshot = objects.of_order(order(captures=[paid(status) for status in captures]))
    assert (snapshot.status, snapshot.amount and snapshot.amount.minor) == (ours, amount)
    assert bool(snapshot.failure) == (ours == S.FAILED)


@pytest.mark.parametrize(
    ("authorization", "capture", "ours", "code"),
    [
        ("CREATED", "", S.AUTHORIZED, ""),
        ("PENDING", "", S.PROCESSING, ""),
        ("VOIDED", "", S.CANCELLED, "cancelled"),
        ("EXPIRED", "", S.CANCELLED, "expired"),
        ("DENIED", "", S.FAILED, "card_declined"),
        ("CAPTURED", "COMPLETED", S.SUCCESS, ""),
        ("PARTIALLY_CAPTURED", "COMPLETED", S.SUCCESS, ""),
        ("CAPTURED", "PENDING", S.PROCESSING, ""),
        ("CREATED", "DECLINED", S.AUTHORIZED, "card_declined"),
    ],
)
def test_authorization_speaks_until_it_is_captured(
    authorization: str, capture: str, ours: PaymentStatus, code: str
) -> None:
    captures = [paid(capture)] if capture else []
    snapshot = objects.of_order(order(authorizations=[paid(authorization)], captures=captures))
    assert (snapshot.status, snapshot.failure.code if snapshot.failure else "") == (ours, code)
    assert bool(snapshot.amount) == (ours in (S.AUTHORIZED, S.SUCCESS))


@pytest.mark.parametrize(
    ("response_code", "ours"),
    [("5120", "insufficient_funds"), ("5400", "expired_card"), ("5110", "incorrect_cvc"), ("0500", "card_declined")],
)
def test_processor_says_why_a_capture_was_declined(response_code: str, ours: str) -> None:
    refused = objects.refusal_of(paid("DECLINED", processor_response={"response_code": response_code}))
    assert refused
    assert (refused.code, refused.provider_code) == (ours, response_code)


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("COMPLETED", RefundStatus.SUCCESS),
        ("PENDING", RefundStatus.PENDING),
        ("FAILED", RefundStatus.FAILED),
        ("CANCELLED", RefundStatus.FAILED),
    ],
)
def test_status_of_a_refund_is_ours(status: str, ours: RefundStatus) -> None:
    snapshot = objects.of_refund(paid(status))
    assert (snapshot.status, snapshot.amount, bool(snapshot.failure)) == (
        ours,
        Money(1200, "EUR"),
        ours == RefundStatus.FAILED,
    )


@pytest.mark.parametrize(
    ("status", "body", "ours"),
    [
        (400, refusal("MISSING_REQUIRED_PARAMETER"), RejectedError),
        (401, {"error": "invalid_token"}, UnavailableError),
        (403, {"name": "NOT_AUTHORIZED"}, CredentialsRefusedError),
        (404, refusal("INVALID_RESOURCE_ID"), ObjectNotFoundError),
        (409, refusal("PREVIOUS_REQUEST_IN_PROGRESS"), InProgressError),
        (409, refusal("RESOURCE_CONFLICT"), OutcomeUnknownError),
        (422, refusal("DUPLICATE_REQUEST_ID"), OutcomeUnknownError),
        (422, refusal("INSTRUMENT_DECLINED"), RejectedError),
        (422, None, OutcomeUnknownError),
        (404, None, OutcomeUnknownError),
        (400, None, OutcomeUnknownError),
        (429, {"name": "RATE_LIMIT_REACHED"}, UnavailableError),
        (500, {"name": "INTERNAL_SERVER_ERROR"}, OutcomeUnknownError),
        (503, None, OutcomeUnknownError),
        (302, None, OutcomeUnknownError),
    ],
)
def test_answer_that_is_no_success_is_one_of_the_few_errors(
    status: int, body: dict[str, Any] | None, ours: type[ProviderError]
) -> None:
    answer = httpx.Response(status, json=body) if body else httpx.Response(status, text="<html>")
    assert type(errors.of_answer(answer)) is (errors.RefusedError if ours is RejectedError else ours)


@pytest.mark.parametrize("junk", [[], "x", 1, None, {}, {"details": {}}, {"details": ["x"]}, {"details": None}])
def test_error_that_is_not_paypals_ends_nothing(junk: Any) -> None:
    for status in (400, 404, 422):
        assert type(errors.of_answer(httpx.Response(status, json=junk))) is OutcomeUnknownError


@pytest.mark.parametrize("junk", [{}, {"details": {}}, {"details": ["x"]}, {"links": [1]}, {"details": None}])
def test_error_of_an_unknown_shape_is_still_an_error(junk: Any) -> None:
    assert isinstance(errors.of_answer(httpx.Response(422, json={"name": "NEW"} | junk)), RejectedError)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (httpx.ConnectError("refused"), UnavailableError),
        (httpx.ConnectTimeout("slow"), UnavailableError),
        (httpx.PoolTimeout("busy"), UnavailableError),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError),
        (httpx.WriteTimeout("slow"), OutcomeUnknownError),
        (httpx.ReadError("reset"), OutcomeUnknownError),
        (httpx.RemoteProtocolError("gone"), OutcomeUnknownError),
    ],
)
def test_only_a_connection_that_was_never_made_is_certain(error: httpx.HTTPError, ours: type[ProviderError]) -> None:
    assert type(errors.of_transport(error)) is ours


STRANGE = paid("SOMETHING_NEW")
HALF = {name: value for name, value in paid("COMPLETED").items() if name != "amount"}


@pytest.mark.parametrize(
    "said",
    [
        order("SOMETHING_NEW"),
        order(captures=[STRANGE]),
        order(captures=[STRANGE, paid("COMPLETED")]),
        order(captures=[HALF]),
        order(captures=[paid("COMPLETED") | {"amount": {"currency_code": "XXX", "value": "12.00"}}]),
        order(captures=[paid("COMPLETED") | {"amount": {"currency_code": "EUR", "value": "12.005"}}]),
        order(authorizations=[STRANGE]),
        order(authorizations=[{**HALF, "status": "CREATED"}]),
        {**order("CREATED"), "status": None},
        {"id": "ORDER1"},
        {},
    ],
)
def test_order_that_cannot_be_read_is_no_outcome(said: dict[str, Any]) -> None:
    with pytest.raises(UnreadableAnswerError):
        objects.of_order(said)


@pytest.mark.parametrize("said", [STRANGE, HALF, {}])
def test_capture_or_refund_that_cannot_be_read_is_no_outcome(said: dict[str, Any]) -> None:
    for read in (objects.of_capture, objects.of_refund):
        with pytest.raises(UnreadableAnswerError):
            read(said)


@pytest.mark.parametrize("status", ["CAPTURED", "PENDING"])
def test_authorization_that_is_under_way_is_no_outcome_yet(status: str) -> None:
    assert objects.of_order(order(authorizations=[paid(status)])).status == S.PROCESSING
