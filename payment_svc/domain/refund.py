"""A refund, its states, and how much of a payment is left to give back. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import AmountMismatchError, Failure


class RefundStatus(StrEnum):
    """Where a refund stands; the names are the contract's."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


SURPLUS = "surplus: the order was paid otherwise, cancelled or expired"
"""What merchants read as the reason of a refund that the gateway itself owes. Theirs may say the same."""
OTHER_AMOUNT = "given back: another amount than the payment's was received"
DECIDED = "given back: what became of the payment was not known in time"
TAKEN_BACK = "taken back: "
"""What the reason begins with of a refund that nobody asked for: the provider has the money."""

OPEN_REFUNDS = frozenset({RefundStatus.PENDING, RefundStatus.NEEDS_REVIEW})
"""Whose outcome is open: they are looked up, and their amount counts as taken."""

ENDED_REFUNDS = frozenset(RefundStatus) - OPEN_REFUNDS

REFUND_TRANSITIONS: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCESS, RefundStatus.FAILED, RefundStatus.NEEDS_REVIEW}),
    RefundStatus.NEEDS_REVIEW: frozenset({RefundStatus.SUCCESS, RefundStatus.FAILED}),
    # the customer's bank may send the money back after weeks
    RefundStatus.SUCCESS: frozenset({RefundStatus.FAILED}),
    # it was said not to be, and is: what is given back is given back
    RefundStatus.FAILED: frozenset({RefundStatus.SUCCESS}),
}
"""Every legal step between two statuses, by what a provider says of its refund."""


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
    sends: int = 1
    """How often the provider was asked for it. Only the answer to the first try can say that nothing was done."""
    send_time: datetime | None = None
    """Since when the provider may know of it, where that is later than since it was made."""
    attempt: int | None = None
    """The attempt whose surplus it gives back; None: it gives back what the payment captured."""
    is_owed: bool = False
    """Whether the gateway owes it, rather than a merchant having asked: nobody would ask for it again."""
    merchant_order_id: str = ""
    """The merchant's own reference of the order."""
    success_time: datetime | None = None
    """When the money went back, as was heard; it stays, whatever comes later."""
    reverse_time: datetime | None = None
    """When it came back: the refund had succeeded, and failed then."""

    def may_be_sent(self, now: datetime, repeatable_for: timedelta) -> bool:
        """Whether asking for it gives money back at the most once, however often: never yet, or under a key that lives.

        Its provider knows the key for as long as it is `repeatable_for`.
        """
        return self.sends == 0 or now - (self.send_time or self.create_time) < repeatable_for

    @property
    def is_found(self) -> bool:
        """Whether nobody here asked the provider for it: it was shown by the provider, which has a name for it."""
        return self.sends == 0 and bool(self.provider_reference)


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """What a provider says of a refund at one moment."""

    reference: str
    status: RefundStatus
    amount: Money | None = None
    failure: Failure | None = None


Change = Callable[[Refund, datetime], Refund | None]
"""What becomes of a refund, and when; None when it stays as it is."""


class RefundAmountError(AmountMismatchError):
    """The provider shows another amount of a refund than ours."""

    def __init__(self, refund: Refund, snapshot: RefundSnapshot) -> None:
        super().__init__(f"the provider says {snapshot.amount}, the refund is of {refund.amount}")
        self.shown = snapshot.amount or refund.amount


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A refund as the payment's provider lists it, with our id where it carries one."""

    refund_id: str
    snapshot: RefundSnapshot


def _next(refund: Refund, now: datetime, **changes: Any) -> Refund:
    """Return the next version, with the times at which its money moves."""
    after = replace(refund, **changes, version=refund.version + 1, update_time=now)
    if after.status == RefundStatus.SUCCESS:
        # who says after all that it was made says that it never came back
        return replace(after, success_time=after.success_time or now, reverse_time=None)
    if after.status == RefundStatus.FAILED and after.success_time:
        return replace(after, reverse_time=after.reverse_time or now)
    return after


def apply(refund: Refund, snapshot: RefundSnapshot, now: datetime) -> Refund | None:
    """Return the refund in agreement with its object at the provider; None when it already is, or that is stale.

    Raises AmountMismatchError when the provider gives back another amount than ours; of one that failed none went back.
    """
    if refund.status == RefundStatus.FAILED and refund.provider_reference:
        # its own object had said so: news of before are late
        return None
    steps = snapshot.status in REFUND_TRANSITIONS[refund.status]
    moves = snapshot.status != RefundStatus.FAILED and (steps or refund.status != RefundStatus.FAILED)
    if moves and snapshot.amount is not None and snapshot.amount != refund.amount:
        raise RefundAmountError(refund, snapshot)
    named = bool(snapshot.reference) and snapshot.reference != refund.provider_reference
    if not steps and not (named and snapshot.status == refund.status):
        return None
    return _next(
        refund,
        now,
        status=snapshot.status,
        provider_reference=snapshot.reference or refund.provider_reference,
        failure=snapshot.failure if snapshot.status == RefundStatus.FAILED else None,
    )


def take_amount(refund: Refund, amount: Money, now: datetime) -> Refund | None:
    """Return the refund with the amount that a person says its provider shows; None when it has that.

    Whether it was made the provider says still; of one that was held to have failed it is said by that.
    """
    if amount == refund.amount:
        return None
    failed = refund.status == RefundStatus.FAILED
    return _next(
        refund,
        now,
        amount=amount,
        status=RefundStatus.SUCCESS if failed else refund.status,
        failure=None,
    )


GIVEN_BEFORE = Failure("given_back", "it had gone back before, as the provider shows")


def reduce(refund: Refund, left: int, now: datetime) -> Refund | None:
    """Return what was not sent yet, of no more than is left to give back; None when all of it is."""
    if left >= refund.amount.minor:
        return None
    if left > 0:
        return _next(refund, now, amount=replace(refund.amount, minor=left))
    return _next(refund, now, status=RefundStatus.FAILED, failure=GIVEN_BEFORE)


def turn_down(refund: Refund, reference: str, failure: Failure, now: datetime) -> Refund | None:
    """Return the refund that a person says was not made; None when it has failed. `reference` names what is no news."""
    if refund.status == RefundStatus.FAILED:
        return None
    return _next(
        refund,
        now,
        status=RefundStatus.FAILED,
        provider_reference=reference or refund.provider_reference,
        failure=failure,
    )


def refuse(refund: Refund, failure: Failure, now: datetime) -> Refund | None:
    """Return the refund that a provider will not make; None when its outcome is known already.

    An answer to a call ends the call. It takes back nothing that the provider's own object has shown.
    """
    if refund.status not in OPEN_REFUNDS or refund.provider_reference:
        return None
    return _next(refund, now, status=RefundStatus.FAILED, failure=failure)


def not_sent(refund: Refund, version: int, failure: Failure, now: datetime) -> Refund | None:
    """Return the refund that never reached its provider; None when an earlier try, or later news, leaves that open.

    One that the gateway owes stays to be tried again: that its provider is out of reach now is no refusal.
    """
    if refund.version != version or refund.sends > 1 or refund.is_owed:
        return None
    return refuse(refund, failure, now)
