"""An operation: one thing that is asked of a provider, under a key of its own, until its answer is known. Pure: no I/O.

Starting, confirming, capturing and cancelling are operations, and so is the question to the order whether a late
capture settles it. A refund is an operation with a resource of its own (`domain/refund.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from payment_svc.domain.payment import Failure, Payment, PaymentStatus, is_current

LEASE_MARGIN = timedelta(seconds=15)
"""How much longer a lease lasts than the call that it is for."""


class OperationKind(StrEnum):
    """What is asked."""

    START = "START"
    """Create the provider's object: a hosted page, or a charge of a token."""
    CONFIRM = "CONFIRM"
    """Take or hold what the customer has approved."""
    CAPTURE = "CAPTURE"
    CANCEL = "CANCEL"
    """Close the hosted page, void the authorization."""
    SETTLE = "SETTLE"
    """Ask the order service whether a late capture settles the order."""


class OperationStatus(StrEnum):
    """How it stands."""

    SENT = "SENT"
    """Asked, or about to be: from here on it may have happened."""
    DONE = "DONE"
    REFUSED = "REFUSED"
    """Certainly not done: refused, or never sent."""
    UNKNOWN = "UNKNOWN"
    """Without an answer: it is asked again, under the same key."""


OPEN = frozenset({OperationStatus.SENT, OperationStatus.UNKNOWN})
"""Whose answer is not known."""


class Requester(StrEnum):
    """Who wanted it."""

    MERCHANT = "MERCHANT"
    GATEWAY = "GATEWAY"
    OPERATOR = "OPERATOR"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request to a provider. It is stored before the first byte is sent, and ends only by an answer or a fact."""

    operation_id: UUID
    payment_id: UUID
    attempt: int
    kind: OperationKind
    amount: int
    """Minor units to be moved."""
    status: OperationStatus
    sends: int
    """How often it was sent, counted before each try; 0: certainly never. Only the answer to the first try can say that
    nothing was done."""
    requester: Requester
    failure: Failure | None
    create_time: datetime
    update_time: datetime

    @property
    def key(self) -> str:
        """The idempotency key: of this operation on this attempt, and of no other call."""
        return f"{self.payment_id}:{self.attempt}:{self.kind.lower()}:{self.operation_id.hex[-12:]}"

    @property
    def is_unsent(self) -> bool:
        """Whether nobody can have asked the provider."""
        return self.is_open and self.sends == 0

    @property
    def is_open(self) -> bool:
        """Whether its answer is not known."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one call may take, how long one that repeats, and how long somebody waits for the lease."""

    call: timedelta
    patient: timedelta
    wait_seconds: float = 5.0

    @property
    def lease(self) -> timedelta:
        """How long a payment is kept for one call."""
        return self.call + LEASE_MARGIN

    @property
    def patient_lease(self) -> timedelta:
        """How long it is kept for one that repeats."""
        return self.patient + LEASE_MARGIN


@dataclass(slots=True)
class Lease:
    """The lease of who makes calls about a payment."""

    driver: UUID
    is_left: bool = False
    """Whether it was given back, together with what was learned."""


def end(operation: Operation, status: OperationStatus, now: datetime, failure: Failure | None = None) -> Operation:
    """Return the operation as it ended, or as it stays open; what has ended stays as it ended."""
    if not operation.is_open:
        return operation
    return replace(operation, status=status, failure=failure, update_time=now)


def outcome(operation: Operation, payment: Payment, failure: Failure | None = None) -> OperationStatus | None:
    """Return how an open operation ended by what is known of its payment; None when that does not tell.

    An operation is done when the provider did what was asked, whoever asked it; a payment that ended otherwise shows
    that it was not. With `failure` the provider refused it.
    """
    done = _is_done(operation, payment)
    if done is None:
        return OperationStatus.REFUSED if failure else None
    return OperationStatus.DONE if done else OperationStatus.REFUSED


def _is_done(operation: Operation, payment: Payment) -> bool | None:
    ended = {PaymentStatus.SUCCESS, PaymentStatus.FAILED, PaymentStatus.CANCELLED}
    match operation.kind:
        case OperationKind.CAPTURE if payment.status in ended:
            return payment.status == PaymentStatus.SUCCESS and payment.captured == operation.amount
        case OperationKind.CANCEL if (operation.requester, payment.status) == (Requester.GATEWAY, PaymentStatus.FAILED):
            # a person may have ended the payment: whether its object is closed only that shows
            return None
        case OperationKind.CANCEL if is_current(payment, operation.attempt) and payment.status in ended:
            return payment.status == PaymentStatus.CANCELLED
        case OperationKind.START if payment.provider_reference or payment.status in ended:
            return payment.status not in (PaymentStatus.FAILED, PaymentStatus.CANCELLED) or bool(
                payment.provider_reference
            )
        case OperationKind.CONFIRM if payment.status in {*ended, PaymentStatus.AUTHORIZED}:
            return payment.status in (PaymentStatus.SUCCESS, PaymentStatus.AUTHORIZED)
    return None
