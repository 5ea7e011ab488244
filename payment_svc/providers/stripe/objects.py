"""Stripe's objects as snapshots: which of its statuses is which of ours.

Only fields that are needed are read, and what is needed must be there: a status that Stripe has added since, or an
amount that is not there, is an UnreadableAnswerError and no outcome. What only explains may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from mesh.money import Money
from payment_svc.domain.dispute import DisputeSnapshot, DisputeStatus
from payment_svc.domain.payment import Action, ActionKind, Failure, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.providers.base import UnreadableAnswerError
from payment_svc.providers.reading import (
    Object,
    integer,
    known,
    mapping,
    optional_mapping,
    optional_text,
    readable,
    text,
)
from payment_svc.providers.stripe import amounts
from payment_svc.providers.stripe.errors import failure

_STATUSES = {
    "requires_payment_method": PaymentStatus.INITIATED,
    "requires_confirmation": PaymentStatus.INITIATED,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "succeeded": PaymentStatus.SUCCESS,
    "canceled": PaymentStatus.CANCELLED,
}

_SESSION_STATUSES = frozenset({"open", "complete", "expired"})

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
_WITHDRAWN = frozenset({"needs_response", "under_review", "lost"})
"""Of a chargeback the money is taken when it begins, and given back when it is won."""


@readable("Stripe's PaymentIntent")
def of_intent(intent: Object, *, hosted: bool) -> Snapshot:
    """Read a PaymentIntent.

    A refused card leaves the intent open. On a hosted page the customer may try another one. A token that was confirmed
    directly has nobody who should, but only once the intent is closed has the payment failed (`is_refused`).
    """
    status = known(_STATUSES, intent)
    refusal = _refusal(intent)
    if refusal and not hosted:
        status = {PaymentStatus.INITIATED: PaymentStatus.PROCESSING, PaymentStatus.CANCELLED: PaymentStatus.FAILED}.get(
            status, status
        )
    if status == PaymentStatus.CANCELLED and refusal is None:
        refusal = Failure("cancelled", "the payment was cancelled", optional_text(intent, "cancellation_reason"))
    return Snapshot(
        reference=text(intent, "id"),
        status=status,
        amount=_moved(intent),
        redirect_url=_action_url(intent),
        failure=refusal,
        action=None if hosted else _action(intent),
    )


def is_refused(intent: Object) -> bool:
    """Whether the last attempt to pay was refused, and the intent waits for another one."""
    waits = intent.get("status") in ("requires_payment_method", "requires_confirmation")
    return waits and bool(intent.get("last_payment_error"))


@readable("Stripe's Checkout Session")
def of_session(session: Object) -> Snapshot:
    """Read a Checkout Session, expanded by its PaymentIntent once the customer has tried to pay."""
    intent, stands = session.get("payment_intent"), text(session, "status")
    if stands not in _SESSION_STATUSES or (stands == "complete" and not isinstance(intent, Mapping)):
        raise UnreadableAnswerError(f"a Checkout Session that is {stands!r} with the PaymentIntent {intent!r}")
    inside = of_intent(intent, hosted=True) if isinstance(intent, Mapping) else None
    status = inside.status if inside else PaymentStatus.INITIATED
    if stands == "complete" and inside and inside.failure and status == PaymentStatus.INITIATED:
        # a bank debit that was refused days later: the page is closed, nobody can try again
        status = PaymentStatus.FAILED
    if stands == "expired" and status != PaymentStatus.SUCCESS:
        expired = Failure("expired", "the customer did not pay in time", "checkout.session.expired")
        failed = inside.failure if inside else None
        return Snapshot(text(session, "id"), PaymentStatus.CANCELLED, failure=failed or expired)
    return Snapshot(
        reference=text(session, "id"),
        status=status,
        amount=inside.amount if inside else None,
        redirect_url=optional_text(session, "url") if stands == "open" else "",
        failure=inside.failure if inside else None,
    )


@readable("Stripe's Refund")
def of_refund(refund: Object) -> RefundSnapshot:
    """Read a Refund. One that succeeded may fail weeks later."""
    status = known(_REFUND_STATUSES, refund)
    reason = optional_text(refund, "failure_reason") or text(refund, "status")
    failed = status == RefundStatus.FAILED
    return RefundSnapshot(
        reference=text(refund, "id"),
        status=status,
        amount=amounts.from_wire(integer(refund, "amount"), text(refund, "currency")),
        failure=Failure("processing_error", f"the refund failed: {reason}", reason) if failed else None,
    )


@readable("Stripe's Dispute")
def of_dispute(dispute: Object) -> DisputeSnapshot:
    """Read a Dispute, expanded by its PaymentIntent and its Charge. An inquiry (`warning_…`) asks no money back yet.

    A charge that was made without a PaymentIntent carries its own metadata.
    """
    due = optional_mapping(dispute, "evidence_details").get("due_by")
    created = dispute.get("created")
    belongs_to = "charge" if dispute.get("payment_intent") is None else "payment_intent"
    return DisputeSnapshot(
        reference=text(dispute, "id"),
        payment_id=label(mapping(dispute, belongs_to), "payment_id"),
        amount=amounts.from_wire(integer(dispute, "amount"), text(dispute, "currency")),
        status=known(_DISPUTE_STATUSES, dispute),
        reason=optional_text(dispute, "reason"),
        respond_before=datetime.fromtimestamp(due, UTC) if due else None,
        withdrawn=text(dispute, "status") in _WITHDRAWN,
        create_time=datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None,
    )


@readable("Stripe's PaymentIntent")
def record_of(intent: Object) -> ProviderRecord:
    """Read a PaymentIntent as a line of Stripe's books."""
    said = of_intent(intent, hosted=True)
    captured = said.amount if said.status == PaymentStatus.SUCCESS else None
    return ProviderRecord(
        reference=said.reference,
        payment_id=label(intent, "payment_id"),
        status=said.status,
        amount=captured,
        create_time=datetime.fromtimestamp(integer(intent, "created"), UTC),
        refunded=_refunded(intent.get("latest_charge")),
        gave_back=_gave_back(intent.get("latest_charge")),
    )


def _refunded(charge: object) -> Money | None:
    """Read what went back of a charge; of one that was captured in part that counts what was let go as well."""
    if not isinstance(charge, Mapping) or charge.get("amount_captured") != charge.get("amount"):
        return None
    return amounts.from_wire(integer(charge, "amount_refunded"), text(charge, "currency"))


def _gave_back(charge: object) -> bool:
    """Whether more of a charge went back than what was let go when it was captured in part."""
    if not isinstance(charge, Mapping) or not isinstance(charge.get("amount_captured"), int):
        return False
    let_go = integer(charge, "amount") - integer(charge, "amount_captured")
    return integer(charge, "amount_refunded") > let_go


def label(body: Object, name: str) -> str:
    """Return an id of ours from an object's metadata; empty when it carries none."""
    metadata = body.get("metadata")
    value = metadata.get(name) if isinstance(metadata, Mapping) else None
    return value if isinstance(value, str) else ""


def _refusal(intent: Object) -> Failure | None:
    error = optional_mapping(intent, "last_payment_error")
    if not error or intent["status"] == "succeeded":
        return None
    code, decline_code = optional_text(error, "code"), optional_text(error, "decline_code")
    return failure(code, decline_code, optional_text(error, "message"), "card_declined")


def _moved(intent: Object) -> Money | None:
    """Return what is captured, or held for a capture; None while no money is committed."""
    names = {"succeeded": "amount_received", "requires_capture": "amount_capturable"}
    name = names.get(intent["status"])
    return amounts.from_wire(integer(intent, name), text(intent, "currency")) if name else None


def _action(intent: Object) -> Action | None:
    """Return what the customer has to do; without a URL it is Stripe's library that goes on."""
    wanted = optional_mapping(intent, "next_action")
    kind = optional_text(wanted, "type")
    if not kind:
        return None
    if url := _action_url(intent):
        return Action(ActionKind.REDIRECT, kind, url)
    shown = optional_mapping(wanted, kind)
    page = optional_text(shown, "hosted_voucher_url") or optional_text(shown, "hosted_instructions_url")
    if page:
        return Action(ActionKind.DISPLAY, kind, page)
    return Action(ActionKind.SDK, kind, client_secret=optional_text(intent, "client_secret"))


def _action_url(intent: Object) -> str:
    return optional_text(optional_mapping(optional_mapping(intent, "next_action"), "redirect_to_url"), "url")
