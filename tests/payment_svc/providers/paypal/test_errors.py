"""What each of PayPal's answers means for the money, by real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from mesh.money import Money
from payment_svc.domain.payment import CaptureMethod, PaymentStatus
from payment_svc.domain.refund import RefundStatus
from payment_svc.providers.base import (
    CredentialsRefusedError,
    InProgressError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    RejectedError,
    UnavailableError,
    UnreadableAnswerError,
)
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.paypal.errors import RefusedError
from payment_svc.providers.resilience import Limits, ResilientProvider
from tests.payment_svc.providers.paypal.test_adapter import REFUND
from tests.support.net.scripted import Answer, Reply, Scripted, nobody, scripted
from tests.support.providers.paypal_api import NOW, PAYMENT, order, paid, refusal

S = PaymentStatus
HELD = replace(PAYMENT, status=S.AUTHORIZED)
BY_HAND = replace(PAYMENT, capture_method=CaptureMethod.MANUAL)
TOKEN = {"/v1/oauth2/token": Answer(200, {"access_token": "token", "expires_in": 100})}
KNOWN = Answer(200, order(authorizations=[paid("CREATED")], captures=[paid("COMPLETED")]))
"""What is asked for before something is done with a part of an order."""
Call = Callable[[Provider], Awaitable[object]]
CALLS: dict[str, tuple[Call, list[Reply]]] = {
    "create": (lambda paypal: paypal.start(replace(PAYMENT, provider_reference="")), []),
    "capture order": (lambda paypal: paypal.complete(PAYMENT, "key"), []),
    "authorize order": (lambda paypal: paypal.complete(BY_HAND, "key"), []),
    "capture": (lambda paypal: paypal.capture(HELD, Money(1200, "EUR"), "key"), [KNOWN]),
    "void": (lambda paypal: paypal.cancel(HELD, "key"), [KNOWN]),
    "refund": (lambda paypal: paypal.refund(PAYMENT, REFUND), [KNOWN]),
}
"""Each write: how it is asked for, and what PayPal answers before it."""
CONFIRMS = ("capture order", "authorize order")


@asynccontextmanager
async def paypal_at(*replies: Reply) -> AsyncIterator[tuple[Scripted, PaypalProvider]]:
    """Our adapter before a server that gives these replies."""
    async with scripted(*replies, always=TOKEN) as server:
        paypal = _adapter(server.url)
        try:
            yield server, paypal
        finally:
            await paypal.close()


def _adapter(url: str, clock: Callable[[], datetime] = lambda: NOW) -> PaypalProvider:
    return PaypalProvider(Access("client", "secret", "WH-1", api_base=url), timeout=5, max_calls=10, clock=clock)


def said(status: int, issue: str, name: str = "SOMETHING") -> Answer:
    """An error of PayPal's."""
    return Answer(status, refusal(issue) | {"name": name})


MEANINGS: dict[str, tuple[Reply, type[ProviderError]]] = {
    # what was certainly not carried out
    "rate limit": (said(429, "RATE_LIMIT_REACHED"), UnavailableError),
    "rate limit of what stands before PayPal": (Answer(429, "<html>"), UnavailableError),
    "no token": (Answer(401, {"error": "invalid_token"}), UnavailableError),
    "client without the right": (said(403, "PERMISSION_DENIED", "NOT_AUTHORIZED"), CredentialsRefusedError),
    "client that is kept out": (Answer(403, "<html>"), UnavailableError),
    # what PayPal will not do
    "wrong parameter": (said(400, "MISSING_REQUIRED_PARAMETER", "INVALID_REQUEST"), RefusedError),
    "wrong state": (said(422, "TRANSACTION_REFUSED", "UNPROCESSABLE_ENTITY"), RefusedError),
    "wrong media type": (Answer(415, {"name": "UNSUPPORTED_MEDIA_TYPE"}), RefusedError),
    "issue that is new": (said(422, "SOMETHING_NEW"), RefusedError),
    # what may have been done
    "same id still running": (said(409, "PREVIOUS_REQUEST_IN_PROGRESS"), InProgressError),
    "order that completes by itself": (said(422, "ORDER_COMPLETION_IN_PROGRESS"), InProgressError),
    "another conflict": (said(409, "RESOURCE_CONFLICT"), OutcomeUnknownError),
    "id of another request": (said(422, "DUPLICATE_REQUEST_ID"), OutcomeUnknownError),
    "server error": (Answer(500, {"name": "INTERNAL_SERVER_ERROR"}), OutcomeUnknownError),
    "bad gateway": (Answer(502, "<html>"), OutcomeUnknownError),
    "unavailable": (Answer(503, {"name": "SERVICE_UNAVAILABLE"}), OutcomeUnknownError),
    "gateway time-out": (Answer(504, ""), OutcomeUnknownError),
    "request time-out": (Answer(408, {"name": "REQUEST_TIMEOUT"}), OutcomeUnknownError),
    "refusal that PayPal did not write": (Answer(400, "<html>"), OutcomeUnknownError),
    "another refusal that PayPal did not write": (Answer(422, "<html>"), OutcomeUnknownError),
    "404 that PayPal did not write": (Answer(404, "<html>"), OutcomeUnknownError),
    "404 in JSON that PayPal did not write": (Answer(404, {"message": "no route"}), OutcomeUnknownError),
    "refusal in JSON that PayPal did not write": (Answer(400, {"error": "bad request"}), OutcomeUnknownError),
    "refusal with an empty issue": (Answer(422, {"name": "", "details": [{"issue": ""}]}), OutcomeUnknownError),
    "refusal of another form": (Answer(422, {"name": {}, "details": {}}), OutcomeUnknownError),
    "redirect": (Answer(302, "", {"location": "https://elsewhere.example/"}), OutcomeUnknownError),
    "connection cut after sending": ("cut", OutcomeUnknownError),
    "answer that breaks off": ("half", OutcomeUnknownError),
    "answer that is no JSON": (Answer(200, "<html>"), UnreadableAnswerError),
    "answer that is a list": (Answer(200, []), UnreadableAnswerError),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("name", MEANINGS)
async def test_answer_means_one_thing_for_the_money(name: str, operation: str) -> None:
    reply, meaning = MEANINGS[name]
    call, before = CALLS[operation]
    async with paypal_at(*before, reply) as (_, paypal):
        with pytest.raises(ProviderError) as raised:
            await call(paypal)
    assert type(raised.value) is meaning


@pytest.mark.parametrize("operation", CALLS)
async def test_object_that_is_gone_was_not_refused(operation: str) -> None:
    """Nor ended: whether an earlier try has done it only who counts them knows."""
    call, before = CALLS[operation]
    async with paypal_at(*before, said(404, "INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND")) as (_, paypal):
        with pytest.raises(ObjectNotFoundError):
            await call(paypal)


@pytest.mark.parametrize("operation", CALLS)
async def test_connection_that_is_refused_carried_nothing(operation: str) -> None:
    paypal = _adapter(nobody())
    with pytest.raises(UnavailableError):
        await CALLS[operation][0](paypal)
    await paypal.close()


@pytest.mark.parametrize("reply", ["silence", "drip"])
@pytest.mark.parametrize("operation", CALLS)
async def test_answer_that_does_not_come_in_time_is_unknown(operation: str, reply: Reply) -> None:
    call, before = CALLS[operation]
    async with paypal_at(*before, reply) as (_, paypal):
        with pytest.raises(OutcomeUnknownError):
            await call(ResilientProvider(paypal, Limits(failures=5, open_seconds=10, max_calls=10, seconds=0.3)))


@pytest.mark.parametrize("operation", ["capture order", "authorize order", "capture", "void", "refund"])
async def test_write_is_sent_once_so_that_no_later_answer_hides_the_first(operation: str) -> None:
    call, before = CALLS[operation]
    async with paypal_at(*before, "cut", said(429, "RATE_LIMIT_REACHED")) as (server, paypal):
        with pytest.raises(OutcomeUnknownError):
            await call(paypal)
        assert len(server.asked) == len(before) + 1


@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
@pytest.mark.parametrize("reply", ["cut", Answer(500, "")])
async def test_look_that_fails_before_a_write_is_certain(operation: str, reply: Reply) -> None:
    async with paypal_at(reply) as (server, paypal):
        with pytest.raises(UnavailableError):
            await CALLS[operation][0](paypal)
        assert [one.method for one in server.asked] == ["GET"]


# PayPal's "Orders API errors" and "Payments API errors", of the calls that we make
MALFORMED = (
    "INVALID_ARRAY_MAX_ITEMS INVALID_ARRAY_MIN_ITEMS INVALID_COUNTRY_CODE INVALID_PARAMETER_SYNTAX"
    " INVALID_PARAMETER_VALUE INVALID_STRING_LENGTH INVALID_STRING_MAX_LENGTH MALFORMED_REQUEST_JSON"
    " MISSING_REQUIRED_PARAMETER NOT_SUPPORTED PAYPAL_REQUEST_ID_REQUIRED"
)
UNWANTED = (
    "AMOUNT_MISMATCH CANNOT_BE_NEGATIVE CANNOT_BE_ZERO_OR_NEGATIVE DECIMAL_PRECISION DUPLICATE_REFERENCE_ID"
    " INVALID_CURRENCY_CODE ITEM_TOTAL_MISMATCH MAX_VALUE_EXCEEDED MULTI_CURRENCY_ORDER PAYEE_ACCOUNT_INVALID"
    " PAYEE_ACCOUNT_LOCKED_OR_CLOSED PAYEE_ACCOUNT_RESTRICTED UNSUPPORTED_INTENT"
)
REFUSED_TO_CONFIRM = (
    "ACTION_DOES_NOT_MATCH_INTENT AGREEMENT_ALREADY_CANCELLED AUTHORIZATION_AMOUNT_EXCEEDED"
    " AUTHORIZATION_CURRENCY_MISMATCH AUTH_CAPTURE_NOT_ENABLED BILLING_AGREEMENT_NOT_FOUND COMPLIANCE_VIOLATION"
    " DECLINED_DUE_TO_RELATED_TXN DOMESTIC_TRANSACTION_REQUIRED DUPLICATE_INVOICE_ID"
    " MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED NOT_ENABLED_FOR_BANK_PROCESSING NOT_ENABLED_FOR_CARD_PROCESSING"
    " PAYEE_BLOCKED_TRANSACTION PAYEE_FX_RATE_ID_EXPIRED PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_ACCOUNT_RESTRICTED"
    " PAYER_CANNOT_PAY PAYMENT_SOURCE_NOT_SUPPORTED SHIPPING_ADDRESS_INVALID TRANSACTION_BLOCKED_BY_PAYEE"
    " TRANSACTION_LIMIT_EXCEEDED TRANSACTION_RECEIVING_LIMIT_EXCEEDED TRANSACTION_REFUSED"
)
ANOTHER_INSTRUMENT = "INSTRUMENT_DECLINED PAYER_ACTION_REQUIRED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"
LOOKED_AT = (
    "MAX_AUTHORIZATION_COUNT_EXCEEDED ORDER_ALREADY_AUTHORIZED ORDER_ALREADY_CAPTURED ORDER_COMPLETED_OR_VOIDED"
    " ORDER_NOT_APPROVED"
)
REFUSED_TO_CAPTURE = (
    "AUTHORIZATION_ALREADY_CAPTURED AUTHORIZATION_DENIED AUTHORIZATION_EXPIRED AUTHORIZATION_VOIDED"
    " AUTH_CAPTURE_CURRENCY_MISMATCH DECIMALS_NOT_SUPPORTED MAX_CAPTURE_AMOUNT_EXCEEDED MAX_CAPTURE_COUNT_EXCEEDED"
    " PAYEE_ACCOUNT_RESTRICTED PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_CANNOT_PAY TRANSACTION_REFUSED"
)
REFUSED_TO_VOID = "CANNOT_BE_VOIDED PREVIOUSLY_CAPTURED PREVIOUSLY_VOIDED"
REFUSED_TO_REFUND = (
    "CAPTURE_FULLY_REFUNDED CURRENCY_MISMATCH DECIMALS_NOT_SUPPORTED MAX_NUMBER_OF_REFUNDS_EXCEEDED"
    " PARTIAL_REFUND_NOT_ALLOWED PENDING_CAPTURE REFUND_AMOUNT_EXCEEDED REFUND_AMOUNT_TOO_LOW"
    " REFUND_CAPTURE_CURRENCY_MISMATCH REFUND_FAILED_INSUFFICIENT_FUNDS REFUND_IS_RESTRICTED REFUND_NOT_ALLOWED"
    " REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK REFUND_TIME_LIMIT_EXCEEDED TRANSACTION_DISPUTED"
)
REFUSALS = [
    *(("create", issue) for issue in f"{MALFORMED} {UNWANTED}".split()),
    *((call, issue) for call in CONFIRMS for issue in f"{MALFORMED} {REFUSED_TO_CONFIRM}".split()),
    *(("capture", issue) for issue in REFUSED_TO_CAPTURE.split()),
    *(("void", issue) for issue in REFUSED_TO_VOID.split()),
    *(("refund", issue) for issue in REFUSED_TO_REFUND.split()),
]


@pytest.mark.parametrize(("operation", "issue"), REFUSALS)
async def test_refusal_moved_no_money_and_keeps_paypals_word(operation: str, issue: str) -> None:
    call, before = CALLS[operation]
    async with paypal_at(*before, said(422, issue)) as (_, paypal):
        with pytest.raises(RejectedError) as refused:
            await call(paypal)
    assert refused.value.failure.provider_code == issue


@pytest.mark.parametrize("operation", CONFIRMS)
@pytest.mark.parametrize("issue", ANOTHER_INSTRUMENT.split())
async def test_refusal_of_an_instrument_leaves_the_order_to_another(issue: str, operation: str) -> None:
    async with paypal_at(said(422, issue)) as (_, paypal):
        snapshot: Any = await CALLS[operation][0](paypal)
    assert (snapshot.status, snapshot.failure.provider_code) == (S.REQUIRES_ACTION, issue)
    assert snapshot.redirect_url


@pytest.mark.parametrize("operation", CONFIRMS)
@pytest.mark.parametrize("issue", LOOKED_AT.split())
async def test_order_that_has_moved_on_is_asked_how_it_stands(issue: str, operation: str) -> None:
    async with paypal_at(said(422, issue), KNOWN) as (_, paypal):
        snapshot: Any = await CALLS[operation][0](paypal)
    assert (snapshot.status, snapshot.amount) == (S.SUCCESS, Money(1200, "EUR"))


PENDING = Answer(201, paid("PENDING"))
NOT_SHOWN: list[Reply] = [said(429, "RATE_LIMIT_REACHED"), said(404, "INVALID_RESOURCE_ID"), Answer(401, {}), "cut"]


@pytest.mark.parametrize("reply", NOT_SHOWN)
@pytest.mark.parametrize(
    ("operation", "before"),
    [
        *((operation, [said(422, "ORDER_ALREADY_CAPTURED")]) for operation in CONFIRMS),
        ("capture", [KNOWN, PENDING]),
    ],
)
async def test_look_that_fails_after_a_write_leaves_open_what_came_of_it(
    operation: str, before: list[Reply], reply: Reply
) -> None:
    async with paypal_at(*before, reply, reply) as (_, paypal):
        with pytest.raises(OutcomeUnknownError):
            await CALLS[operation][0](paypal)


WORDS = {
    "TRANSACTION_LIMIT_EXCEEDED": "amount_not_allowed",
    "MAX_CAPTURE_AMOUNT_EXCEEDED": "amount_not_allowed",
    "REFUND_AMOUNT_EXCEEDED": "amount_not_allowed",
    "INVALID_CURRENCY_CODE": "amount_not_allowed",
    "DECIMAL_PRECISION": "amount_not_allowed",
    "DECIMALS_NOT_SUPPORTED": "amount_not_allowed",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "amount_not_allowed",
    "CURRENCY_NOT_SUPPORTED": "amount_not_allowed",
    "MAX_VALUE_EXCEEDED": "amount_not_allowed",
    "TRANSACTION_REFUSED": "card_declined",
    "CARD_EXPIRED": "expired_card",
    "PAYER_CANNOT_PAY": "provider_rejected",
    "SOMETHING_NEW": "provider_rejected",
}


@pytest.mark.parametrize(("issue", "ours"), WORDS.items())
async def test_refusal_has_a_word_of_ours(issue: str, ours: str) -> None:
    async with paypal_at(said(422, issue)) as (_, paypal):
        with pytest.raises(RejectedError) as refused:
            await CALLS["capture order"][0](paypal)
    assert refused.value.failure.code == ours


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
async def test_refund_that_failed_is_an_answer(status: str) -> None:
    async with paypal_at(KNOWN, Answer(201, paid(status, "3.00"))) as (_, paypal):
        assert (await paypal.refund(PAYMENT, REFUND)).status == RefundStatus.FAILED
