"""What a provider's own list of payments says, held against ours. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mesh.money import Money
from payment_svc.domain.payment import Payment, PaymentStatus


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """A payment as the provider's own records list it. `amount` is what was captured, None while nothing is.

    `payment_id` is our own id from the object's metadata, empty when it carries none.
    """

    reference: str
    payment_id: str
    status: PaymentStatus
    amount: Money | None
    create_time: datetime


class DiscrepancyKind(StrEnum):
    """What differs; the names are the contract's."""

    MISSING_HERE = "MISSING_HERE"
    MISSING_THERE = "MISSING_THERE"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    STATE_DIFFERS = "STATE_DIFFERS"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A payment that differs between the provider's records and ours."""

    kind: DiscrepancyKind
    payment: Payment | None
    record: ProviderRecord | None

    @property
    def create_time(self) -> datetime:
        """When it was created, by the book that has it."""
        known = self.payment or self.record
        assert known  # one of the sides has it, or there would be no discrepancy
        return known.create_time


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a reconciliation found."""

    provider_payments: int
    our_payments: int
    discrepancies: list[Discrepancy]


def captured(payment: Payment) -> Money | None:
    """Return what we say was captured; None when we say that nothing was."""
    return payment.money(payment.captured) if payment.status == PaymentStatus.SUCCESS else None
