"""What the timeline says of the payment service's resources."""

from __future__ import annotations

from datetime import datetime

from mesh.storage.history import Change
from payment_svc.domain.dispute import Dispute
from payment_svc.domain.payment import Attempt, Failure, Payment
from payment_svc.domain.refund import Refund
from payment_svc.storage.provider_events import StoredEvent


def of_payment(payment: Payment, before: Payment | None = None) -> list[Change]:
    """Return what a new version of a payment changed: the tries that began or ended, and the payment itself."""
    known = {_gist(attempt) for attempt in before.attempts} if before else set()
    changes = [_of_attempt(payment, attempt) for attempt in payment.attempts if _gist(attempt) not in known]
    changes.append(
        Change(
            payment.order_id,
            "payment",
            str(payment.payment_id),
            payment.version,
            str(payment.status),
            payment.update_time,
            _detail(payment, before),
        )
    )
    return changes


def of_webhook(payment: Payment, event: StoredEvent, status: str, reason: str, time: datetime) -> Change:
    """Return what became of a provider's event."""
    detail = f"{event.provider} {event.type}"
    return Change(
        payment.order_id, "webhook", event.event_id, 0, status, time, f"{detail}: {reason}" if reason else detail
    )


def of_refund(refund: Refund) -> Change:
    """Return what a new version of a refund says."""
    what = f"{refund.amount.value} {refund.amount.currency}"
    return Change(
        refund.order_id,
        "refund",
        str(refund.refund_id),
        refund.version,
        str(refund.status),
        refund.update_time,
        f"{what}: {_why(refund.failure)}" if refund.failure else what,
    )


def of_dispute(dispute: Dispute) -> Change:
    """Return what a new version of a dispute says."""
    return Change(
        dispute.order_id,
        "dispute",
        str(dispute.dispute_id),
        dispute.version,
        str(dispute.status),
        dispute.update_time,
        f"{dispute.amount.value} {dispute.amount.currency}: {dispute.reason}",
    )


def _of_attempt(payment: Payment, attempt: Attempt) -> Change:
    failure = f": {_why(attempt.failure)}" if attempt.failure else ""
    return Change(
        payment.order_id,
        "attempt",
        f"{payment.payment_id}/{attempt.number}",
        0,
        str(attempt.status),
        attempt.end_time or attempt.create_time,
        attempt.provider + failure,
    )


def _detail(payment: Payment, before: Payment | None) -> str:
    if before and before.refunded != payment.refunded:
        return f"refunded {payment.money(payment.refunded)}"
    if before is None and payment.route:
        return payment.route.reason
    return _why(payment.failure) if payment.failure else ""


def _gist(attempt: Attempt) -> tuple[object, ...]:
    """What of a try is worth an entry: that the provider named its object is not."""
    return (attempt.number, attempt.status, attempt.failure)


def _why(failure: Failure) -> str:
    return f"{failure.code} ({failure.message})"
