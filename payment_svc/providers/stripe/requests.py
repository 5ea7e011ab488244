"""What is asked of Stripe: parameters, and the keys by which a repetition is known."""

from __future__ import annotations

import re
from typing import Any, Literal

from payment_svc.domain.payment import CaptureMethod, Payment
from payment_svc.domain.refund import Refund
from payment_svc.providers.base import ObjectNotFoundError
from payment_svc.providers.stripe import amounts

_REFERENCE = re.compile(r"\w{1,255}", re.ASCII)


def page(payment: Payment) -> Any:
    """Return the parameters of a Checkout Session."""
    item = {
        "currency": payment.amount.currency.lower(),
        "unit_amount": amounts.to_wire(payment.amount),
        "product_data": {"name": payment.description or f"Order {payment.order_id}"},
    }
    return {
        "mode": "payment",
        "client_reference_id": str(payment.payment_id),
        "line_items": [{"quantity": 1, "price_data": item}],
        "success_url": payment.returns_to,
        "cancel_url": payment.cancels_to,
        "metadata": _labels(payment),
        "payment_intent_data": {"metadata": _labels(payment), "capture_method": _capture_method(payment)},
    }


def charge(payment: Payment) -> Any:
    """Return the parameters of a PaymentIntent that is confirmed at once with the merchant's token."""
    redirects = {"allow_redirects": "always" if payment.return_url else "never"}
    # a confirmation token is not a payment method: it stands for one, and for what the customer has agreed to with it
    is_confirmation = payment.payment_method.startswith("ctoken_")
    params: dict[str, Any] = {
        "amount": amounts.to_wire(payment.amount),
        "currency": payment.amount.currency.lower(),
        "confirmation_token" if is_confirmation else "payment_method": payment.payment_method,
        "confirm": True,
        "capture_method": _capture_method(payment),
        "automatic_payment_methods": {"enabled": True, **redirects},
        "metadata": _labels(payment),
    }
    if payment.return_url:
        params["return_url"] = payment.returns_to
    if payment.description:
        params["description"] = payment.description
    return params


def refund(payment: Payment, refund: Refund, intent_id: str) -> Any:
    """Return the parameters of a Refund."""
    return {
        "payment_intent": intent_id,
        "amount": amounts.to_wire(refund.amount),
        "metadata": _labels(payment) | {"refund_id": str(refund.refund_id)},
    }


def under(key: str) -> Any:
    """Return the options of a request that has its effect once under a key, however often it is sent.

    The SDK does not repeat it: it would forget that the first request may have got through.
    """
    return {"idempotency_key": key, "max_network_retries": 0}


def in_path(reference: str) -> str:
    """Return an id of Stripe's for a path. Raises ObjectNotFoundError for what cannot be one, as events name them."""
    if not _REFERENCE.fullmatch(reference):
        raise ObjectNotFoundError("no id of Stripe's")
    return reference


def _capture_method(payment: Payment) -> Literal["automatic", "manual"]:
    return "manual" if payment.capture_method == CaptureMethod.MANUAL else "automatic"


def _labels(payment: Payment) -> dict[str, str]:
    """Our ids, by which events and objects at Stripe are known as ours."""
    return {"payment_id": str(payment.payment_id), "order_id": str(payment.order_id)}
