from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from payment_svc.domain.payment import Action, ActionKind, PaymentStatus
from payment_svc.providers.base import SignatureInvalidError
from payment_svc.providers.stripe import objects, webhooks

S = PaymentStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "whsec_test"


DECLINE = {
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "Insufficient funds.",
}


def _intent(status: str, **more: Any) -> dict[str, Any]:
    amount = {"amount": 1200, "amount_received": 1200, "amount_capturable": 1200, "currency": "eur"}
    return {"id": "pi_1", "status": status, "last_payment_error": None, "next_action": None, **amount, **more}


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("requires_payment_method", S.INITIATED),
        ("requires_confirmation", S.INITIATED),
        ("requires_action", S.REQUIRES_ACTION),
        ("processing", S.PROCESSING),
        ("requires_capture", S.AUTHORIZED),
        ("succeeded", S.SUCCESS),
        ("canceled", S.CANCELLED),
    ],
)
def test_status_of_an_intent_is_ours(status: str, ours: PaymentStatus) -> None:
    snapshot = objects.of_intent(_intent(status), hosted=False)
    assert snapshot.status == ours
    assert (snapshot.amount == Money(1200, "EUR")) == (ours in (S.AUTHORIZED, S.SUCCESS))


@pytest.mark.parametrize(
    ("status", "hosted", "ours"),
    [
        ("requires_payment_method", True, S.INITIATED),
        ("requires_payment_method", False, S.FAILED),
        ("canceled", True, S.CANCELLED),
        ("canceled", False, S.FAILED),
    ],
)
def test_declined_card_fails_a_payment_that_nobody_can_try_again(
    status: str, hosted: bool, ours: PaymentStatus
) -> None:
    snapshot = objects.of_intent(_intent(status, last_payment_error=DECLINE), hosted=hosted)
    assert snapshot.status == ours
    assert snapshot.failure
    assert (snapshot.failure.code, snapshot.failure.provider_code) == ("insufficient_funds", "insufficient_funds")


def test_success_forgets_the_declines_before_it() -> None:
    assert objects.of_intent(_intent("succeeded", last_payment_error=DECLINE), hosted=True).failure is None


def test_authentication_tells_where_the_customer_must_go() -> None:
    action = {"redirect_to_url": {"url": "https://bank.example/3ds"}}
    assert objects.of_intent(_intent("requires_action", next_action=action), hosted=False).redirect_url == (
        "https://bank.example/3ds"
    )


@pytest.mark.parametrize(
    ("session", "intent", "ours", "url"),
    [
        ("open", None, S.INITIATED, True),
        ("open", "requires_payment_method", S.INITIATED, True),
        ("complete", "processing", S.PROCESSING, False),
        ("complete", "succeeded", S.SUCCESS, False),
        ("expired", None, S.CANCELLED, False),
        ("expired", "requires_payment_method", S.CANCELLED, False),
        ("expired", "succeeded", S.SUCCESS, False),
    ],
)
def test_session_is_read_with_its_intent(session: str, intent: str | None, ours: PaymentStatus, url: bool) -> None:
    page = {
        "id": "cs_1",
        "status": session,
        "url": "https://pay.example/",
        "payment_intent": intent and _intent(intent),
    }
    snapshot = objects.of_session(page)
    assert (snapshot.reference, snapshot.status, bool(snapshot.redirect_url)) == ("cs_1", ours, url)


def test_debit_that_fails_after_the_page_is_closed_fails_the_payment() -> None:
    intent = _intent("requires_payment_method", last_payment_error=DECLINE)
    snapshot = objects.of_session({"id": "cs_1", "status": "complete", "url": None, "payment_intent": intent})
    assert snapshot.status == S.FAILED
    assert snapshot.failure


EVENT = {
    "id": "evt_1",
    "type": "payment_intent.succeeded",
    "created": 1_767_225_600,
    "data": {"object": {"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": "p-1"}}},
}
BODY = json.dumps(EVENT).encode()


def _header(at: datetime = NOW, secret: str = SECRET, scheme: str = "v1") -> dict[str, str]:
    timestamp = int(at.timestamp())
    signed = stripe.WebhookSignature._compute_signature(f"{timestamp}.{BODY.decode()}", secret)
    return {"stripe-signature": f"t={timestamp},{scheme}={signed}"}


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_signature_within_the_tolerance_passes(seconds: int) -> None:
    webhooks.verify(BODY, _header(NOW + timedelta(seconds=seconds)), [SECRET], NOW)


def test_signature_of_either_secret_passes_while_secrets_rotate() -> None:
    for secret in ("whsec_old", "whsec_new"):
        webhooks.verify(BODY, _header(secret=secret), ["whsec_old", " whsec_new"], NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=,v1="},
        {"stripe-signature": "v1=00"},
        _header(NOW - timedelta(seconds=301)),
        _header(NOW + timedelta(seconds=301)),
        _header(secret="whsec_other"),
        _header(scheme="v0"),
    ],
)
def test_signature_that_is_wrong_stale_or_from_the_future_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalidError):
        webhooks.verify(BODY, headers, [SECRET], NOW)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_touched_byte_is_noticed(position: int, change: int) -> None:
    touched = bytearray(BODY)
    touched[position] ^= change
    with pytest.raises(SignatureInvalidError):
        webhooks.verify(bytes(touched), _header(), [SECRET], NOW)


@pytest.mark.parametrize(
    ("target", "reference", "payment_id"),
    [
        ({"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": "p"}}, "pi_1", "p"),
        ({"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {}}, "pi_1", ""),
        ({"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1"}, "cs_1", ""),
    ],
)
def test_event_points_at_the_object_to_fetch(target: dict[str, Any], reference: str, payment_id: str) -> None:
    event = webhooks.translate(json.dumps(EVENT | {"data": {"object": target}}).encode())
    assert (event.event_id, event.reference, event.payment_id) == ("evt_1", reference, payment_id)


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_body_that_is_no_event_is_a_value_error_whatever_it_is(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any reason
        webhooks.translate(body)


@pytest.mark.parametrize(
    ("wanted", "kind", "url", "secret"),
    [
        (
            {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank"}},
            ActionKind.REDIRECT,
            "https://bank",
            "",
        ),
        ({"type": "use_stripe_sdk", "use_stripe_sdk": {}}, ActionKind.SDK, "", "secret"),
        (
            {"type": "boleto_display_details", "boleto_display_details": {"hosted_voucher_url": "https://voucher"}},
            *(ActionKind.DISPLAY, "https://voucher", ""),
        ),
    ],
)
def test_what_the_customer_has_to_do_is_read(wanted: dict[str, Any], kind: ActionKind, url: str, secret: str) -> None:
    intent = _intent("requires_action") | {"next_action": wanted, "client_secret": "secret"}
    action = objects.of_intent(intent, hosted=False).action
    assert action == Action(kind, wanted["type"], url, secret)
