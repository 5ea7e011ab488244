"""PayPal's disputes as snapshots (Customer Disputes v1, "Show dispute details")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from payment_svc.domain.dispute import DisputeSnapshot, DisputeStatus
from payment_svc.providers.paypal import amounts
from payment_svc.providers.reading import known, optional_mapping, readable

Object = Mapping[str, Any]
PATH = "/v1/customer/disputes"
_RESOLVED = "RESOLVED"
STATUSES = {
    "OPEN": DisputeStatus.NEEDS_RESPONSE,
    "WAITING_FOR_SELLER_RESPONSE": DisputeStatus.NEEDS_RESPONSE,
    "WAITING_FOR_BUYER_RESPONSE": DisputeStatus.UNDER_REVIEW,
    "UNDER_REVIEW": DisputeStatus.UNDER_REVIEW,
    "OTHER": DisputeStatus.UNDER_REVIEW,
}
OUTCOMES = {
    "RESOLVED_BUYER_FAVOUR": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.LOST,
    "RESOLVED_SELLER_FAVOUR": DisputeStatus.WON,
    # PayPal pays the customer itself: the merchant keeps the money
    "RESOLVED_WITH_PAYOUT": DisputeStatus.WON,
    "DENIED": DisputeStatus.WON,
    "CANCELED_BY_BUYER": DisputeStatus.CLOSED,
    "NONE": DisputeStatus.CLOSED,
}


def capture_of(dispute: Object) -> tuple[str, str]:
    """Return the capture that is disputed, and what the merchant wrote on it; empty where PayPal names none."""
    transactions: Sequence[Object] = dispute.get("disputed_transactions") or [{}]
    return str(transactions[0].get("seller_transaction_id") or ""), str(transactions[0].get("custom") or "")


@readable("PayPal's dispute")
def of_dispute(dispute: Object, payment_id: str) -> DisputeSnapshot:
    """Read a dispute. Raises UnreadableAnswerError for a status or an outcome that is new."""
    due = dispute.get("seller_response_due_date")
    is_resolved = dispute.get("status") == _RESOLVED
    outcome = optional_mapping(dispute, "dispute_outcome")
    status = known(OUTCOMES, outcome, "outcome_code") if is_resolved else known(STATUSES, dispute)
    return DisputeSnapshot(
        reference=str(dispute["dispute_id"]),
        payment_id=payment_id,
        amount=amounts.from_wire(dispute["dispute_amount"]),
        status=status,
        reason=str(dispute.get("reason") or ""),
        respond_before=datetime.fromisoformat(due) if due else None,
        # it holds the money before, and reverses the capture then
        withdrawn=status == DisputeStatus.LOST,
        in_refunds=True,
        create_time=datetime.fromisoformat(created) if (created := dispute.get("create_time")) else None,
    )
