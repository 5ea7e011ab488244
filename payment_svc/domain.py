"""A payment, its states, and the one function that holds it against what the provider says. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Payment:
    """One try to have an order paid through one provider."""

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


def apply(payment: Payment, snapshot: Snapshot, now: datetime) -> list[Payment]:
    """Return the versions that the payment goes through to agree with the provider; none when it already does.

    Repeated and stale snapshots are absorbed, terminal states do not regress, and a capture always wins.
    Raises AmountMismatchError when the provider speaks of other money than ours.
    """
    if snapshot.amount is not None and not _is_ours(payment, snapshot.status, snapshot.amount):
        raise AmountMismatchError(f"the provider says {snapshot.amount}, the payment is of {payment.amount}")
    versions: list[Payment] = []
    for status in _way(payment.status, snapshot.status):
        payment = _next(payment, snapshot, status, now)
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
        version=payment.version + 1,
        update_time=now,
    )
