"""What a provider's own list of payments says, held against ours. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

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
    refunded: Money | None = None
    """What went back or is on its way; None where the list does not say."""


class DiscrepancyKind(StrEnum):
    """What differs; the names are the contract's."""

    MISSING_HERE = "MISSING_HERE"
    MISSING_THERE = "MISSING_THERE"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    STATE_DIFFERS = "STATE_DIFFERS"
    REFUNDED_DIFFERS = "REFUNDED_DIFFERS"


class Given(NamedTuple):
    """What we say went back of a payment's capture, in minor units."""

    made: int
    """Refunds that succeeded."""
    under_way: int
    """Whose outcome is open: the provider may show them or not."""
    written_off: int
    """The part of `made` that the provider has taken, and need not show as a refund."""

    def fits(self, shown: int) -> bool:
        """Whether a provider that shows so much given back agrees."""
        return self.made - self.written_off <= shown <= self.made + self.under_way

    def is_lost(self, payment: Payment) -> bool:
        """Whether all of a capture was written off, or had gone back before: the provider need not show any."""
        return self.written_off > 0 and self.made >= payment.captured


NOTHING = Given(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A payment that differs between the provider's records and ours."""

    kind: DiscrepancyKind
    payment: Payment | None
    record: ProviderRecord | None
    given: tuple[Money, Money] | None = None
    """What went back by us and by the provider, where that is what differs."""

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
