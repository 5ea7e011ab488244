"""A payment, its states, and the one function that holds it against what the provider says. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from mesh.money import Money


class PaymentStatus(StrEnum):
    """Where a payment stands; the names are the contract's."""

    INITIATED = "INITIATED"
    PROCESSING = "PROCESSING"
    AUTHORIZED = "AUTHORIZED"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


_S = PaymentStatus
TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.INITIATED: frozenset({_S.PROCESSING, _S.CANCELLED, _S.FAILED}),
    _S.PROCESSING: frozenset({_S.AUTHORIZED, _S.SUCCESS, _S.FAILED, _S.CANCELLED, _S.NEEDS_REVIEW}),
    _S.AUTHORIZED: frozenset({_S.SUCCESS, _S.FAILED, _S.CANCELLED, _S.NEEDS_REVIEW}),
    _S.NEEDS_REVIEW: frozenset({_S.AUTHORIZED, _S.SUCCESS, _S.FAILED, _S.CANCELLED}),
    # money is the truth: a capture that the provider confirms late is never ignored
    _S.FAILED: frozenset({_S.SUCCESS}),
    _S.CANCELLED: frozenset({_S.SUCCESS}),
    _S.SUCCESS: frozenset(),
}
"""Every legal step between two statuses. A change that keeps the status is always legal."""


class CaptureMethod(StrEnum):
    """When the money that was authorized is taken; the names are the contract's."""

    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"


TERMINAL = frozenset({_S.SUCCESS, _S.FAILED, _S.CANCELLED})
LIVE = frozenset(_S) - TERMINAL


class AmountMismatchError(Exception):
    """The provider speaks of another amount or currency than ours: no state may change on its word."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a provider refused: a code that is the same for every provider, a sentence, and the provider's own code."""

    code: str
    message: str
    provider_code: str = ""


class AttemptStatus(StrEnum):
    """How one try stands; the names are the contract's."""

    OPEN = "OPEN"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider."""

    number: int
    provider: str
    provider_reference: str
    status: AttemptStatus
    failure: Failure | None
    create_time: datetime
    end_time: datetime | None


@dataclass(frozen=True, slots=True)
class Route:
    """How the provider was chosen where the request named none, and which others may still be tried, in their order."""

    rule: str
    reason: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payment:
    """An order's way to its money: one provider at a time, one live payment per order."""

    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    provider: str
    provider_reference: str
    amount: Money
    description: str
    status: PaymentStatus
    capture_method: CaptureMethod
    captured: int
    """Minor units that were captured."""
    refunded: int
    """Minor units of the refunds that succeeded."""
    payment_method: str
    return_url: str
    redirect_url: str
    failure: Failure | None
    version: int
    create_time: datetime
    update_time: datetime
    attempts: tuple[Attempt, ...]
    route: Route | None = None
    capture_before: datetime | None = None
    """Until when an AUTHORIZED payment has to be captured."""
    mode: str = ""
    """Of the key that it was made with: `test`, `live`, or empty for a call from inside the mesh."""
    account_id: UUID | None = None
    """The merchant's own account at the provider; None: the platform's."""

    @property
    def is_hosted(self) -> bool:
        """Whether the customer pays on the provider's page, rather than by a token that was confirmed directly."""
        return not self.payment_method

    def money(self, minor: int) -> Money:
        """Return an amount in the payment's currency."""
        return Money(minor, self.amount.currency)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a provider says of a payment at one moment.

    `amount` is what was authorized or captured; None while there is nothing of the kind. A `failure` beside a status
    that is not FAILED is an attempt that was refused while the customer may try again. With `approved` the customer has
    agreed to pay and the provider waits for our word to take the money.
    """

    reference: str
    status: PaymentStatus
    amount: Money | None = None
    redirect_url: str = ""
    failure: Failure | None = None
    approved: bool = False


def first_attempt(provider: str, now: datetime) -> Attempt:
    """Return the try that a payment begins with."""
    return Attempt(1, provider, "", AttemptStatus.OPEN, None, now, None)


def move_on(
    payment: Payment, provider: str, failure: Failure, now: datetime, account_id: UUID | None = None
) -> Payment:
    """Return the payment at another provider, after the one before certainly did not charge."""
    given_up = replace(payment.attempts[-1], status=AttemptStatus.FAILED, failure=failure, end_time=now)
    following = replace(first_attempt(provider, now), number=given_up.number + 1)
    return replace(
        payment,
        provider=provider,
        account_id=account_id,
        provider_reference="",
        redirect_url="",
        attempts=(*payment.attempts[:-1], given_up, following),
        version=payment.version + 1,
        update_time=now,
    )


def apply(payment: Payment, snapshot: Snapshot, now: datetime, hold: timedelta | None = None) -> list[Payment]:
    """Return the versions that the payment goes through to agree with the provider; none when it already does.

    Repeated and stale snapshots are absorbed, terminal states do not regress, and a capture always wins. `hold` is how
    long the provider keeps money authorized.
    Raises AmountMismatchError when the provider speaks of other money than ours.
    """
    if snapshot.amount is not None and not _is_ours(payment, snapshot.status, snapshot.amount):
        raise AmountMismatchError(f"the provider says {snapshot.amount}, the payment is of {payment.amount}")
    versions: list[Payment] = []
    for status in _way(payment.status, snapshot.status):
        payment = _next(payment, snapshot, status, now)
        if status == _S.AUTHORIZED and hold:
            payment = replace(payment, capture_before=now + hold)
        versions.append(payment)
    if not versions and payment.status in LIVE:
        noted = _next(payment, snapshot, payment.status, now)
        if replace(noted, version=payment.version, update_time=payment.update_time) != payment:
            versions.append(noted)
    return versions


def _is_ours(payment: Payment, status: PaymentStatus, amount: Money) -> bool:
    """Whether the provider's amount can be the payment's: the same, or a part of it that was captured by hand."""
    if payment.capture_method == CaptureMethod.MANUAL and status == _S.SUCCESS:
        return amount.currency == payment.amount.currency and amount.minor <= payment.amount.minor
    return amount == payment.amount


def _way(current: PaymentStatus, target: PaymentStatus) -> list[PaymentStatus]:
    """Return the legal steps from one status to another; none when the target is behind or out of reach."""
    if target in TRANSITIONS[current]:
        return [target]
    if current == _S.INITIATED and target in TRANSITIONS[_S.PROCESSING]:
        return [_S.PROCESSING, target]
    return []


def _next(payment: Payment, snapshot: Snapshot, status: PaymentStatus, now: datetime) -> Payment:
    return replace(
        payment,
        status=status,
        provider_reference=snapshot.reference or payment.provider_reference,
        captured=snapshot.amount.minor if status == _S.SUCCESS and snapshot.amount else payment.captured,
        redirect_url="" if status in TERMINAL else snapshot.redirect_url,
        failure=None if status == _S.SUCCESS else snapshot.failure or payment.failure,
        attempts=_attempts(payment, snapshot, status, now),
        version=payment.version + 1,
        update_time=now,
    )


def _attempts(payment: Payment, snapshot: Snapshot, status: PaymentStatus, now: datetime) -> tuple[Attempt, ...]:
    """Return the tries after a snapshot: the last one may end, and a new one may have begun at the same provider."""
    *before, last = payment.attempts
    last = replace(last, provider_reference=snapshot.reference or last.provider_reference)
    anew = Attempt(last.number + 1, last.provider, last.provider_reference, AttemptStatus.OPEN, None, now, None)
    ended = _end(last, snapshot, status, now)
    if ended is not None:
        return (*before, ended)
    if last.status == AttemptStatus.FAILED and _tried_again(last, snapshot, status):
        return (*before, last, _end(anew, snapshot, status, now) or anew)
    return (*before, last)


def _tried_again(failed: Attempt, snapshot: Snapshot, status: PaymentStatus) -> bool:
    """Whether the snapshot holds more than the try that failed: money, or another refusal."""
    if status in (_S.AUTHORIZED, _S.SUCCESS):
        return True
    return status in LIVE and snapshot.failure is not None and snapshot.failure != failed.failure


def _end(attempt: Attempt, snapshot: Snapshot, status: PaymentStatus, now: datetime) -> Attempt | None:
    """Return how an open try ended; None when it goes on, or has ended before."""
    if attempt.status != AttemptStatus.OPEN:
        return None
    if status in (_S.AUTHORIZED, _S.SUCCESS):
        return replace(attempt, status=AttemptStatus.SUCCEEDED, end_time=now)
    if status in TERMINAL or snapshot.failure:
        return replace(attempt, status=AttemptStatus.FAILED, failure=snapshot.failure, end_time=now)
    return None
