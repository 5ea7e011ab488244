"""Stripe's objects as snapshots: which of its statuses is which of ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mesh.money import Money
from payment_svc.domain.dispute import DisputeSnapshot, DisputeStatus
from payment_svc.domain.payment import Action, ActionKind, Failure, PaymentStatus, Snapshot
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.providers.stripe import amounts
from payment_svc.providers.stripe.errors import failure

Object = Mapping[str, Any]

_STATUSES = {
    "requires_payment_method": PaymentStatus.INITIATED,
    "requires_confirmation": PaymentStatus.INITIATED,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "succeeded": PaymentStatus.SUCCESS,
    "canceled": PaymentStatus.CANCELLED,
}

_REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCESS,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}

_DISPUTE_STATUSES = {
    "warning_needs_response": DisputeStatus.NEEDS_RESPONSE,
    "warning_under_review": DisputeStatus.UNDER_REVIEW,
    "warning_closed": DisputeStatus.CLOSED,
    "needs_response": DisputeStatus.NEEDS_RESPONSE,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "prevented": DisputeStatus.CLOSED,
}


def of_intent(intent: Object, *, hosted: bool) -> Snapshot:
    """Read a PaymentIntent.

    A refused card leaves the intent open. On a hosted page the customer may try another one; a token that was confirmed
    directly has nobody who could, so there the payment has failed.
    """
    status = _STATUSES[intent["status"]]
    refusal = _refusal(intent)
    if refusal and not hosted and status in (PaymentStatus.INITIATED, PaymentStatus.CANCELLED):
        status = PaymentStatus.FAILED
    if status == PaymentStatus.CANCELLED and refusal is None:
        refusal = Failure("cancelled", "the payment was cancelled", intent.get("cancellation_reason") or "")
    return Snapshot(
        reference=intent["id"],
        status=status,
        amount=_moved(intent),
        redirect_url=_action_url(intent),
        failure=refusal,
        action=None if hosted else _action(intent),
    )


def of_session(session: Object) -> Snapshot:
    """Read a Checkout Session, expanded by its PaymentIntent once the customer has tried to pay."""
    intent = session.get("payment_intent")
    status = PaymentStatus.INITIATED
    inside = of_intent(intent, hosted=True) if isinstance(intent, Mapping) else None
    if inside:
        status = inside.status
    if session["status"] == "complete" and inside and inside.failure:
        # a bank debit that was refused days later: the page is closed, nobody can try again
        status = PaymentStatus.FAILED
    if session["status"] == "expired" and status != PaymentStatus.SUCCESS:
        expired = Failure("expired", "the customer did not pay in time", "checkout.session.expired")
        return Snapshot(session["id"], PaymentStatus.CANCELLED, failure=(inside and inside.failure) or expired)
    return Snapshot(
        reference=session["id"],
        status=status,
        amount=inside.amount if inside else None,
        redirect_url=session.get("url") or "" if session["status"] == "open" else "",
        failure=inside.failure if inside else None,
    )


def of_refund(refund: Object) -> RefundSnapshot:
    """Read a Refund. One that succeeded may fail weeks later."""
    status = _REFUND_STATUSES[refund["status"]]
    reason = refund.get("failure_reason") or refund["status"]
    failed = status == RefundStatus.FAILED
    return RefundSnapshot(
        reference=refund["id"],
        status=status,
        amount=amounts.from_wire(refund["amount"], refund["currency"]),
        failure=Failure("processing_error", f"the refund failed: {reason}", reason) if failed else None,
    )


def of_dispute(dispute: Object) -> DisputeSnapshot:
    """Read a Dispute, expanded by its PaymentIntent. An inquiry (`warning_…`) asks no money back yet."""
    due = (dispute.get("evidence_details") or {}).get("due_by")
    return DisputeSnapshot(
        reference=dispute["id"],
        payment_id=(dispute["payment_intent"].get("metadata") or {}).get("payment_id", ""),
        amount=amounts.from_wire(dispute["amount"], dispute["currency"]),
        status=_DISPUTE_STATUSES[dispute["status"]],
        reason=dispute["reason"],
        respond_before=datetime.fromtimestamp(due, UTC) if due else None,
    )


def _refusal(intent: Object) -> Failure | None:
    error = intent.get("last_payment_error")
    if not error or intent["status"] == "succeeded":
        return None
    return failure(
        error.get("code") or "", error.get("decline_code") or "", error.get("message") or "", "card_declined"
    )


def _moved(intent: Object) -> Money | None:
    """Return what is captured, or held for a capture; None while no money is committed."""
    if intent["status"] == "succeeded":
        return amounts.from_wire(intent["amount_received"], intent["currency"])
    if intent["status"] == "requires_capture":
        return amounts.from_wire(intent["amount_capturable"], intent["currency"])
    return None


def _action(intent: Object) -> Action | None:
    """Return what the customer has to do; without a URL it is Stripe's library that goes on."""
    wanted = intent.get("next_action") or {}
    kind = wanted.get("type") or ""
    if not kind:
        return None
    if url := _action_url(intent):
        return Action(ActionKind.REDIRECT, kind, url)
    shown = wanted.get(kind) or {}
    page = str(shown.get("hosted_voucher_url") or shown.get("hosted_instructions_url") or "")
    if page:
        return Action(ActionKind.DISPLAY, kind, page)
    return Action(ActionKind.SDK, kind, client_secret=intent.get("client_secret") or "")


def _action_url(intent: Object) -> str:
    action = intent.get("next_action") or {}
    return (action.get("redirect_to_url") or {}).get("url") or ""
