"""A dispute and its states: a customer's bank asks a captured payment back. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from mesh.money import Money


class DisputeStatus(StrEnum):
    """Where a dispute stands; the names are the contract's."""

    NEEDS_RESPONSE = "NEEDS_RESPONSE"
    UNDER_REVIEW = "UNDER_REVIEW"
    WON = "WON"
    LOST = "LOST"
    CLOSED = "CLOSED"


_S = DisputeStatus
DECIDED = frozenset({_S.WON, _S.LOST, _S.CLOSED})
DISPUTE_TRANSITIONS: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    # an inquiry that was answered may still become a chargeback, which needs a response again
    _S.NEEDS_RESPONSE: frozenset({_S.UNDER_REVIEW, *DECIDED}),
    _S.UNDER_REVIEW: frozenset({_S.NEEDS_RESPONSE, *DECIDED}),
    # banks reverse decisions, appeals follow them on the same dispute, and an inquiry that was closed may be taken up
    # again: that a look is older than what is known tells its version, and not what it shows
    _S.WON: frozenset(_S) - {_S.WON, _S.CLOSED},
    _S.LOST: frozenset(_S) - {_S.LOST, _S.CLOSED},
    _S.CLOSED: frozenset(_S) - {_S.CLOSED},
}
"""Every legal step."""
LOOK_AFTER = timedelta(days=1)
"""How often an open dispute is looked at although no event told of it."""
DEADLINE_PASSED = timedelta(minutes=5)
"""How long after the time to answer it is looked at: by then the provider has noted whether there was an answer."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """Money that a customer's bank asks back."""

    dispute_id: UUID
    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    provider: str
    provider_reference: str
    amount: Money
    status: DisputeStatus
    reason: str
    respond_before: datetime | None
    version: int
    create_time: datetime
    update_time: datetime
    merchant_order_id: str = ""
    """The merchant's own reference of the order."""
    withdrawn: int = 0
    """Minor units that the provider took for it, when it did."""
    withdraw_time: datetime | None = None
    """When it took them, as was heard; it stays, whatever comes later."""
    reinstate_time: datetime | None = None
    """When it gave them back; None while it has them."""
    in_refunds: bool = False
    """Whether what was taken is written down as a refund of the payment as well."""


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """What a provider says of a dispute at one moment; the outcome is in its status, not in an event's type."""

    reference: str
    payment_id: str
    """Our id, from the metadata of the payment that is disputed; empty when it carries none."""
    amount: Money
    status: DisputeStatus
    reason: str
    respond_before: datetime | None
    withdrawn: bool = False
    """Whether the provider has taken the money, and not given it back."""
    in_refunds: bool = False
    """Whether it also says so of the payment's capture: there it is written down as a refund."""
    create_time: datetime | None = None
    """When it was opened, as the provider says."""


def look_after(dispute: Dispute, now: datetime) -> timedelta | None:
    """Return how long it is until a dispute is looked at without an event; None when it is decided."""
    if dispute.status in DECIDED:
        return None
    due = dispute.respond_before + DEADLINE_PASSED - now if dispute.respond_before else LOOK_AFTER
    return due if timedelta(0) < due < LOOK_AFTER else LOOK_AFTER


def move_money(dispute: Dispute, snapshot: DisputeSnapshot, now: datetime) -> Dispute:
    """Return the dispute with what was taken for it, or given back, by now.

    Both of which nobody heard in time cancel each other out. What is given back and taken once more is as if it had
    stayed away.
    """
    if snapshot.withdrawn and not dispute.withdraw_time:
        taken, as_refund = snapshot.amount.minor, snapshot.in_refunds
        return replace(dispute, withdrawn=taken, withdraw_time=now, in_refunds=as_refund)
    if snapshot.withdrawn:
        return replace(dispute, reinstate_time=None)
    if dispute.withdraw_time and not dispute.reinstate_time and snapshot.status in DECIDED:
        return replace(dispute, reinstate_time=now)
    return dispute


def apply(dispute: Dispute, snapshot: DisputeSnapshot, now: datetime) -> Dispute | None:
    """Return the dispute in agreement with the provider; None when it already is, or the step is not a legal one."""
    if snapshot.status != dispute.status and snapshot.status not in DISPUTE_TRANSITIONS[dispute.status]:
        return None
    updated = replace(
        move_money(dispute, snapshot, now),
        amount=snapshot.amount,
        status=snapshot.status,
        reason=snapshot.reason,
        respond_before=snapshot.respond_before,
    )
    return None if updated == dispute else replace(updated, version=dispute.version + 1, update_time=now)
