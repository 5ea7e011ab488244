from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from payment_svc.domain.payment import CaptureMethod, Payment, PaymentStatus, first_attempt
from payment_svc.domain.refund import RefundStatus
from payment_svc.providers.bank_transfer import errors, objects, webhooks
from payment_svc.providers.bank_transfer.adapter import BankTransferProvider, announcement
from payment_svc.providers.base import (
    CredentialsRefusedError,
    InProgressError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderError,
    RejectedError,
    SignatureInvalidError,
    UnavailableError,
)
from tests.support.providers.timestamped import of_the_bank

S = PaymentStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "bank_secret"
TOKENS = webhooks.Tokens(["token_secret"])
PAGE = "https://bank.example/pay/btr_1"


def _transfer(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "btr_1",
        "merchant_reference": "p-1",
        "amount": 1200,
        "amount_received": 1200,
        "currency": "EUR",
        "status": status,
        "reason": None,
        "instructions_url": PAGE,
        "created_at": "2026-01-01T00:00:00Z",
        **more,
    }


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("awaiting_funds", S.INITIATED),
        ("received", S.PROCESSING),
        ("settled", S.SUCCESS),
        ("returned", S.FAILED),
        ("expired", S.CANCELLED),
        ("cancelled", S.CANCELLED),
    ],
)
def test_status_of_a_transfer_is_ours(status: str, ours: PaymentStatus) -> None:
    snapshot = objects.of_transfer(_transfer(status))
    assert snapshot.status == ours
    assert (snapshot.amount == Money(1200, "EUR")) == (ours == S.SUCCESS)
    assert snapshot.redirect_url == (PAGE if ours == S.INITIATED else "")


def test_what_was_received_counts_not_what_was_asked_for() -> None:
    assert objects.of_transfer(_transfer("settled", amount_received=1100)).amount == Money(1100, "EUR")


def test_reason_of_a_return_is_told_in_our_codes_and_the_banks() -> None:
    reasons = [{"code": code, "message": "why"} for code in ("insufficient_funds", "account_blocked")]
    failures = [objects.of_transfer(_transfer("returned", reason=reason)).failure for reason in reasons]
    assert [(one.code, one.provider_code) for one in failures if one] == [
        ("insufficient_funds", "insufficient_funds"),
        ("processing_error", "account_blocked"),
    ]


@pytest.mark.parametrize(
    ("status", "ours"),
    [("pending", RefundStatus.PENDING), ("settled", RefundStatus.SUCCESS), ("failed", RefundStatus.FAILED)],
)
def test_status_of_a_refund_is_ours(status: str, ours: RefundStatus) -> None:
    snapshot = objects.of_refund({"id": "brf_1", "status": status, "amount": 5, "currency": "EUR", "reason": None})
    assert (snapshot.reference, snapshot.status, snapshot.amount) == ("brf_1", ours, Money(5, "EUR"))


REQUEST = httpx.Request("POST", "https://bank.example/v1/transfers")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", RejectedError),
        (422, "refund_too_large", RejectedError),
        (422, "idempotency_key_reused", OutcomeUnknownError),
        (409, "idempotency_key_in_use", InProgressError),
        (409, None, OutcomeUnknownError),
        (403, "forbidden", CredentialsRefusedError),
        (404, "something_new", OutcomeUnknownError),
        (408, None, OutcomeUnknownError),
        (422, None, OutcomeUnknownError),
        (502, None, OutcomeUnknownError),
        (504, None, OutcomeUnknownError),
        (302, None, OutcomeUnknownError),
        (422, "idempotency_key_in_use", OutcomeUnknownError),
        (401, "unauthorized", CredentialsRefusedError),
        (429, "rate_limited", UnavailableError),
        (404, "not_found", ObjectNotFoundError),
        (404, None, OutcomeUnknownError),
        (400, None, OutcomeUnknownError),
        (500, "internal_error", OutcomeUnknownError),
        (503, None, OutcomeUnknownError),
    ],
)
def test_answer_that_is_no_success_means_one_of_our_errors(
    status: int, code: str | None, kind: type[ProviderError]
) -> None:
    """Without the bank's own error in it, an answer may come from anything on the way and proves nothing."""
    body = {"error": {"code": code, "message": "why"}} if code else "<html>"
    answer = httpx.Response(status, request=REQUEST, json=body)
    assert type(errors.of_answer(answer)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError, UnavailableError),
        (httpx.ConnectTimeout, UnavailableError),
        (httpx.PoolTimeout, UnavailableError),
        (httpx.ReadTimeout, OutcomeUnknownError),
        (httpx.ReadError, OutcomeUnknownError),
        (httpx.RemoteProtocolError, OutcomeUnknownError),
    ],
)
def test_only_a_call_that_never_left_has_certainly_done_nothing(
    error: type[httpx.TransportError], kind: type[ProviderError]
) -> None:
    assert type(errors.of_transport(error("lost"))) is kind


EVENT = {
    "event_id": "bev_1",
    "type": "transfer.settled",
    "transfer_id": "btr_1",
    "merchant_reference": "p-1",
    "callback_token": TOKENS.of("p-1"),
    "time": "2026-01-01T00:00:00Z",
}
BODY = json.dumps(EVENT).encode()


def _provider() -> BankTransferProvider:
    return BankTransferProvider("key", "https://bank.example", [SECRET], ["new", "token_secret"], timeout=1)


async def test_token_of_an_older_secret_passes_and_another_transfers_does_not() -> None:
    provider = _provider()
    await provider.verify(BODY, of_the_bank(BODY, NOW, SECRET), NOW)
    for token in ("", TOKENS.of("p-2"), TOKENS.of("p-1")[:-1]):
        forged = json.dumps(EVENT | {"callback_token": token}).encode()
        with pytest.raises(SignatureInvalidError, match="token"):
            await provider.verify(forged, of_the_bank(forged, NOW, SECRET), NOW)
    await provider.close()


async def test_signed_body_that_is_no_event_is_left_to_translate() -> None:
    provider = _provider()
    await provider.verify(b"{}", of_the_bank(b"{}", NOW, SECRET), NOW)
    with pytest.raises(ValueError, match="not a callback"):
        provider.translate(b"{}")
    await provider.close()


def test_event_points_at_the_transfer_or_the_refund_to_fetch() -> None:
    event = webhooks.translate(BODY)
    assert (event.event_id, event.reference, event.payment_id, event.refund_reference) == ("bev_1", "btr_1", "p-1", "")
    of_refund = json.dumps(EVENT | {"refund_id": "brf_1", "refund_reference": "r-1"}).encode()
    event = webhooks.translate(of_refund)
    assert (event.refund_reference, event.refund_id) == ("brf_1", "r-1")


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
    | st.sampled_from(sorted(EVENT)).map(lambda name: json.dumps(EVENT | {name: 1}).encode())
)
def test_body_that_is_no_event_is_a_value_error_whatever_it_is(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any reason
        webhooks.translate(body)


PAYMENT = Payment(
    payment_id=UUID(int=1),
    merchant_id=UUID(int=2),
    order_id=UUID(int=3),
    provider="bank_transfer",
    provider_reference="",
    amount=Money(1200, "EUR"),
    description="",
    status=S.INITIATED,
    capture_method=CaptureMethod.AUTOMATIC,
    captured=0,
    refunded=0,
    payment_method="",
    return_url="https://shop.example/",
    redirect_url="",
    failure=None,
    version=1,
    create_time=NOW,
    update_time=NOW,
    attempts=(first_attempt("bank_transfer", NOW),),
)


def test_transfer_that_the_version_before_announced_is_repeated_as_it_was() -> None:
    """The bank refuses another body under a key that it knows, and then nobody knows what became of the first."""
    assert announcement(PAYMENT, "token") == {
        "merchant_reference": str(UUID(int=1)),
        "amount": 1200,
        "currency": "EUR",
        "description": "",
        "callback_token": "token",
        "return_url": "https://shop.example/",
        "metadata": {"order_id": str(UUID(int=3))},
    }


@pytest.mark.parametrize(
    ("payment", "cancel_url"),
    [
        (replace(PAYMENT, cancel_url="https://shop.example/cart"), "https://shop.example/cart"),
        (replace(PAYMENT, return_url="https://shop.example/{STATUS}"), "https://shop.example/CANCELLED"),
    ],
)
def test_where_a_customer_goes_who_turns_back_is_told(payment: Payment, cancel_url: str) -> None:
    assert announcement(payment, "token")["cancel_url"] == cancel_url
