"""What is asked of PayPal: bodies, and the ids by which a repetition is known."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from payment_svc.domain.payment import CaptureMethod, Payment
from payment_svc.domain.refund import Refund
from payment_svc.providers.base import ObjectNotFoundError
from payment_svc.providers.paypal import amounts

ORDERS = "/v2/checkout/orders"
MAX_DESCRIPTION = 127
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_SEPARATOR = "."
_SEPARATORS = re.compile(r"[./]")
"""The version before wrote a slash, which PayPal's search and the form of its answers do not allow."""


def order(payment: Payment) -> dict[str, Any]:
    """Return the order to create.

    Without a `payment_source`: with one, an order that nobody has looked at is PAYER_ACTION_REQUIRED already. The
    addresses to come back to then stand in `application_context`.
    """
    unit = {
        "reference_id": str(payment.order_id),
        "custom_id": str(payment.payment_id),
        "description": (payment.description or f"Order {payment.order_id}")[:MAX_DESCRIPTION],
        "amount": amounts.to_wire(payment.amount),
    }
    context = {
        "return_url": payment.returns_to,
        "cancel_url": payment.cancels_to,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }
    intent = "AUTHORIZE" if is_held(payment) else "CAPTURE"
    return {"intent": intent, "purchase_units": [unit], "application_context": context}


def is_held(payment: Payment) -> bool:
    """Whether the money is authorized first and captured by hand."""
    return payment.capture_method == CaptureMethod.MANUAL


def order_id(payment: Payment) -> str:
    """Return the request id under which an order is created; for six hours it leads to the same order."""
    return f"{payment.payment_id}-create"


def refund(payment: Payment, refund: Refund) -> dict[str, Any]:
    """Return the refund to make. Events of refunds name no order, so its `custom_id` says whose it is."""
    return {"amount": amounts.to_wire(refund.amount), "custom_id": refund_label(payment.payment_id, refund.refund_id)}


def refund_label(payment_id: UUID, refund_id: UUID) -> str:
    """Return the `custom_id` of a refund: both of our ids."""
    return f"{payment_id}{_SEPARATOR}{refund_id}"


def labels_of(custom_id: object) -> tuple[str, str]:
    """Return the payment's id and the refund's; a refund that was made elsewhere repeats the payment's `custom_id`."""
    payment_id, *more = _SEPARATORS.split(str(custom_id or ""), maxsplit=1)
    return payment_id, more[0] if more else ""


def in_path(reference: str) -> str:
    """Return an id of PayPal's for a path. Raises ObjectNotFoundError for what cannot be one, as events name them."""
    if not _REFERENCE.fullmatch(reference):
        raise ObjectNotFoundError("no id of PayPal's")
    return reference
