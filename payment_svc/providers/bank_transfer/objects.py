"""The bank's objects as snapshots and records: which of its statuses is which of ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mesh.money import Money
from payment_svc.domain.payment import Failure, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.providers.bank_transfer import amounts
from payment_svc.providers.reading import known, readable

Object = Mapping[str, Any]

_STATUSES = {
    "awaiting_funds": PaymentStatus.INITIATED,
    "received": PaymentStatus.PROCESSING,
    "settled": PaymentStatus.SUCCESS,
    "returned": PaymentStatus.FAILED,
    "expired": PaymentStatus.CANCELLED,
    "cancelled": PaymentStatus.CANCELLED,
}
_REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "settled": RefundStatus.SUCCESS,
    "failed": RefundStatus.FAILED,
}
_CODES = {"insufficient_funds": "insufficient_funds", "expired": "expired", "cancelled": "cancelled"}


@readable("the bank's transfer")
def of_transfer(transfer: Object) -> Snapshot:
    """Read a transfer. What counts is the amount that was received, which the customer may have mistyped."""
    status = known(_STATUSES, transfer)
    return Snapshot(
        reference=transfer["id"],
        status=status,
        amount=_received(transfer) if status == PaymentStatus.SUCCESS else None,
        redirect_url=transfer["instructions_url"] if status == PaymentStatus.INITIATED else "",
        failure=_failure(transfer),
    )


@readable("the bank's refund")
def of_refund(refund: Object) -> RefundSnapshot:
    """Read a refund. One that was settled may still come back."""
    return RefundSnapshot(
        reference=refund["id"],
        status=known(_REFUND_STATUSES, refund),
        amount=amounts.from_wire(refund["amount"], refund["currency"]),
        failure=_failure(refund),
    )


@readable("the bank's transfer")
def record_of(transfer: Object) -> ProviderRecord:
    """Read a transfer as one of the bank's records."""
    snapshot = of_transfer(transfer)
    return ProviderRecord(
        reference=snapshot.reference,
        payment_id=transfer["merchant_reference"],
        status=snapshot.status,
        amount=snapshot.amount,
        create_time=datetime.fromisoformat(transfer["created_at"]),
        refunded=amounts.from_wire(transfer["amount_refunded"], transfer["currency"]),
    )


def _received(transfer: Object) -> Money:
    return amounts.from_wire(transfer["amount_received"], transfer["currency"])


def _failure(body: Object) -> Failure | None:
    reason = body["reason"]
    if not reason:
        return None
    return Failure(_CODES.get(reason["code"], "processing_error"), reason["message"], reason["code"])
