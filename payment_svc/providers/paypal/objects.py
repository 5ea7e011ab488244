"""PayPal's objects as snapshots: which of its statuses is which of ours.

An order says little by itself: COMPLETED means that a payment was made of it, not that it went well. So its captures
speak first, then its authorization, then the order. A status that PayPal has added since, or an amount that is not
there, is an UnreadableAnswerError and no outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.money import Money
from payment_svc.domain.payment import Failure, PaymentStatus, Snapshot
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.providers.paypal import amounts, errors
from payment_svc.providers.reading import known, readable

Object = Mapping[str, Any]
_S = PaymentStatus

ORDERS = {
    "CREATED": _S.INITIATED,
    "SAVED": _S.INITIATED,
    "PAYER_ACTION_REQUIRED": _S.REQUIRES_ACTION,
    "APPROVED": _S.PROCESSING,
    "VOIDED": _S.CANCELLED,
    # a payment was made of it, which is not shown yet
    "COMPLETED": _S.PROCESSING,
}
AUTHORIZATIONS = {
    "CREATED": _S.AUTHORIZED,
    "PARTIALLY_CAPTURED": _S.AUTHORIZED,
    # its captures say more, where they are shown
    "CAPTURED": _S.PROCESSING,
    "PENDING": _S.PROCESSING,
    "VOIDED": _S.CANCELLED,
    "EXPIRED": _S.CANCELLED,
    "DENIED": _S.FAILED,
}
CAPTURES = {
    "COMPLETED": _S.SUCCESS,
    "PARTIALLY_REFUNDED": _S.SUCCESS,
    "REFUNDED": _S.SUCCESS,
    "PENDING": _S.PROCESSING,
    "DECLINED": _S.FAILED,
    "FAILED": _S.FAILED,
}
REFUNDS = {
    "COMPLETED": RefundStatus.SUCCESS,
    "PENDING": RefundStatus.PENDING,
    "FAILED": RefundStatus.FAILED,
    "CANCELLED": RefundStatus.FAILED,
}
EXPIRED = Failure("expired", "the customer did not pay in time")
VOIDED = Failure("cancelled", "the authorization or the order was voided", "VOIDED")


@readable("PayPal's order")
def of_order(order: Object) -> Snapshot:
    """Read an order with the payments that were made of it."""
    reference, taken = str(order["id"]), captures(order)
    statuses = [known(CAPTURES, one) for one in taken]
    if _S.SUCCESS in statuses:
        return Snapshot(reference, _S.SUCCESS, amount=_sum(taken))
    if _S.PROCESSING in statuses:
        return Snapshot(reference, _S.PROCESSING)
    refusal = refusal_of(taken[-1]) if taken else None
    if held := payments(order, "authorizations"):
        return _of_authorization(reference, held[-1], refusal)
    if refusal:
        return Snapshot(reference, _S.FAILED, failure=refusal)
    return _of_open_order(reference, order)


@readable("PayPal's capture")
def of_capture(capture: Object) -> Snapshot:
    """Read one capture, which does not know the order's reference."""
    status = known(CAPTURES, capture)
    amount = amounts.from_wire(capture["amount"]) if status == _S.SUCCESS else None
    return Snapshot("", status, amount=amount, failure=refusal_of(capture))


@readable("PayPal's refund")
def of_refund(refund: Object) -> RefundSnapshot:
    """Read a refund. One that was COMPLETED may fail later."""
    status = known(REFUNDS, refund)
    reason = str((refund.get("status_details") or {}).get("reason") or refund["status"])
    failed = status == RefundStatus.FAILED
    return RefundSnapshot(
        reference=str(refund["id"]),
        status=status,
        amount=amounts.from_wire(refund["amount"]),
        failure=Failure("processing_error", f"the refund failed: {reason}", reason) if failed else None,
    )


def capture_of(refund: Object) -> str:
    """Return the capture that a refund gives back, which it links to; empty when it links to none."""
    links: Sequence[Object] = refund.get("links") or ()
    return next((str(link["href"]) for link in links if link.get("rel") == "up"), "").rpartition("/")[2]


def unit_of(order: Object) -> Object:
    """Return the one purchase unit that our orders have."""
    units: Sequence[Object] = order.get("purchase_units") or [{}]
    return units[0]


def payments(order: Object, kind: str) -> Sequence[Object]:
    """Return the order's `captures`, `authorizations` or `refunds`."""
    found: Sequence[Object] = (unit_of(order).get("payments") or {}).get(kind) or ()
    return found


def captures(order: Object) -> Sequence[Object]:
    """Return the order's captures, in the order in which they were made."""
    return payments(order, "captures")


def is_given_back(order: Object) -> bool:
    """Whether nothing is left of what was captured."""
    taken = [one for one in captures(order) if known(CAPTURES, one) == _S.SUCCESS]
    return bool(taken) and all(one["status"] == "REFUNDED" for one in taken)


def refusal_of(capture: Object) -> Failure | None:
    """Return why a capture was refused; None when it was not."""
    if known(CAPTURES, capture) != _S.FAILED:
        return None
    details = capture.get("status_details") or {}
    code = (capture.get("processor_response") or {}).get("response_code") or details.get("reason") or capture["status"]
    return errors.failure(str(code), f"PayPal refused the payment: {code}", "card_declined")


def _sum(taken: Sequence[Object]) -> Money:
    held = [amounts.from_wire(one["amount"]) for one in taken if known(CAPTURES, one) == _S.SUCCESS]
    return Money(sum(amount.minor for amount in held), held[0].currency)


def _of_authorization(reference: str, authorization: Object, refusal: Failure | None) -> Snapshot:
    """Read what is held. A capture of it that was refused leaves it to be captured again."""
    status = known(AUTHORIZATIONS, authorization)
    if status == _S.AUTHORIZED:
        return Snapshot(reference, status, amount=amounts.from_wire(authorization["amount"]), failure=refusal)
    denied = errors.failure("DENIED", "PayPal denied the authorization", "card_declined")
    reasons = {"VOIDED": VOIDED, "EXPIRED": EXPIRED, "DENIED": denied}
    return Snapshot(reference, status, failure=reasons.get(str(authorization["status"])))


def _of_open_order(reference: str, order: Object) -> Snapshot:
    status = known(ORDERS, order)
    approved = order["status"] == "APPROVED"
    return Snapshot(
        reference,
        status,
        amount=amounts.from_wire(unit_of(order)["amount"]) if approved else None,
        redirect_url=_page(order),
        failure=VOIDED if status == _S.CANCELLED else None,
        approved=approved,
    )


def _page(order: Object) -> str:
    """Return the page where the customer approves, which an order names as long as it is wanted."""
    links: Sequence[Object] = order.get("links") or ()
    return next((str(link["href"]) for link in links if link["rel"] in ("approve", "payer-action")), "")
