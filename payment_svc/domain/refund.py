"""A refund, its states, and how much of a payment is left to give back. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import AmountMismatchError, Failure


class RefundStatus(StrEnum):
    """Where a refund stands; the names are the contract's."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


OPEN_REFUNDS = frozenset({RefundStatus.PENDING, RefundStatus.NEEDS_REVIEW})
"""Whose outcome is open: they are looked up, and their amount counts as taken."""

REFUND_TRANSITIONS: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCESS, RefundStatus.FAILED, RefundStatus.NEEDS_REVIEW}),
    RefundStatus.NEEDS_REVIEW: frozenset({RefundStatus.SUCCESS, RefundStatus.FAILED}),
    # the customer's bank may send the money back after weeks
    RefundStatus.SUCCESS: frozenset({RefundStatus.FAILED}),
    RefundStatus.FAILED: frozenset(),
}
"""Every legal step."""


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that goes back to the customer."""

    refund_id: UUID
    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    amount: Money
    status: RefundStatus
    reason: str
    provider_reference: str
    failure: Failure | None
    version: int
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """What a provider says of a refund at one moment."""

    reference: str
    status: RefundStatus
    amount: Money | None = None
    failure: Failure | None = None


def apply(refund: Refund, snapshot: RefundSnapshot, now: datetime) -> Refund | None:
    """Return the refund in agreement with the provider; None when it already is, or the snapshot is stale.

    Raises AmountMismatchError when the provider gave back another amount than ours.
    """
    if snapshot.amount is not None and snapshot.amount != refund.amount:
        raise AmountMismatchError(f"the provider says {snapshot.amount}, the refund is of {refund.amount}")
    steps = snapshot.status in REFUND_TRANSITIONS[refund.status]
    named = bool(snapshot.reference) and snapshot.reference != refund.provider_reference
    if not steps and not (named and snapshot.status == refund.status):
        return None
    return replace(
        refund,
        status=snapshot.status,
        provider_reference=snapshot.reference or refund.provider_reference,
        failure=snapshot.failure if snapshot.status == RefundStatus.FAILED else None,
        version=refund.version + 1,
        update_time=now,
    )
