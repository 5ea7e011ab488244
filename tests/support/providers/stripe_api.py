"""Stripe's objects and errors as its API writes them, and our adapter before whatever answers with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.refund import Refund, RefundStatus
from payment_svc.providers.stripe.adapter import StripeProvider
from tests.support.net.scripted import Answer
from tests.support.providers.payments import NOW as NOW
from tests.support.providers.payments import payment_at

Json = dict[str, Any]
PAYMENT = payment_at("stripe", "pi_1", payment_method="pm_card_visa")
HOSTED = replace(PAYMENT, payment_method="", provider_reference="cs_1")
REFUND = Refund(
    refund_id=UUID(int=4),
    payment_id=PAYMENT.payment_id,
    merchant_id=PAYMENT.merchant_id,
    order_id=PAYMENT.order_id,
    amount=Money(300, "EUR"),
    status=RefundStatus.PENDING,
    reason="",
    provider_reference="",
    failure=None,
    version=1,
    create_time=NOW,
    update_time=NOW,
)
DECLINE: Json = {"type": "card_error", "code": "card_declined", "decline_code": "generic_decline", "message": "No."}


def intent(status: str | None = "succeeded", **more: Any) -> Json:
    """Return a PaymentIntent."""
    amounts = {"amount": 1200, "amount_received": 1200, "amount_capturable": 1200, "currency": "eur"}
    labels = {"metadata": {"payment_id": str(PAYMENT.payment_id)}, "created": int(NOW.timestamp())}
    common = {"id": "pi_1", "object": "payment_intent", "last_payment_error": None, "next_action": None}
    return {"status": status, **common, **amounts, **labels, **more}


def refused(**error: Any) -> Json:
    """Return a PaymentIntent whose last attempt was refused."""
    return intent("requires_payment_method", last_payment_error=DECLINE | error)


def session(status: str | None = "open", inside: Json | None = None, **more: Any) -> Json:
    """Return a Checkout Session."""
    common = {"id": "cs_1", "object": "checkout.session", "client_reference_id": str(PAYMENT.payment_id)}
    return {"status": status, "payment_intent": inside, "url": "https://pay.example/", **common, **more}


def refund(status: str | None = "succeeded", **more: Any) -> Json:
    """Return a Refund."""
    labels = {"metadata": {"refund_id": str(REFUND.refund_id), "payment_id": str(PAYMENT.payment_id)}}
    common = {"id": "re_1", "object": "refund", "amount": 300, "currency": "eur", "payment_intent": "pi_1"}
    return {"status": status, **common, **labels, **more}


def dispute(status: str | None = "needs_response", **more: Any) -> Json:
    """Return a Dispute, expanded by its PaymentIntent."""
    common = {"id": "du_1", "object": "dispute", "amount": 1200, "currency": "eur", "reason": "fraudulent"}
    return {"status": status, "payment_intent": intent(), "charge": None, **common, **more}


def listed(*found: Json) -> Json:
    """Return a list."""
    return {"object": "list", "data": list(found), "has_more": False, "url": "/v1/things"}


def error(status: int, headers: Mapping[str, str] | None = None, /, **body: Any) -> Answer:
    """Return an error of Stripe's."""
    return Answer(status, {"error": {"type": "invalid_request_error", "message": "No.", **body}}, headers or {})


def declined(**body: Any) -> Answer:
    """Return a decline, with its PaymentIntent."""
    return error(402, **DECLINE | {"payment_intent": refused(**body)} | body)


@asynccontextmanager
async def adapter(url: str, seconds: float = 5.0, proxy: str = "") -> AsyncIterator[StripeProvider]:
    """Our adapter, with its API at an address."""
    provider = StripeProvider("sk_test_x", ["whsec_x"], url, timeout=seconds, max_calls=10, proxy=proxy)
    try:
        yield provider
    finally:
        await provider.close()
