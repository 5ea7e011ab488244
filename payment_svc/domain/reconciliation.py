"""What a provider's own list of payments says, held against ours. Pure: no I/O.

What is compared is money at one object of the provider's: what a payment captured by it, and what came there beside
that (`Attempt.surplus`), against what went back of both. What a person has dealt with at the provider, and has said
so, is no difference: no book of ours changes by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    gave_back: bool = False
    """Whether the list says that something went back, and not how much."""


class DiscrepancyKind(StrEnum):
    """What differs; the names are the contract's."""

    MISSING_HERE = "MISSING_HERE"
    MISSING_THERE = "MISSING_THERE"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    STATE_DIFFERS = "STATE_DIFFERS"
    REFUNDED_DIFFERS = "REFUNDED_DIFFERS"


class Given(NamedTuple):
    """What we say went back of money at a provider, in minor units."""

    made: int
    """Refunds that succeeded."""
    under_way: int
    """Whose outcome is open: the provider may show them or not."""
    written_off: int
    """The part of `made` that the provider has taken, and need not show as a refund."""
    by_hand: int = 0
    """What a person may have given back at the provider, beside our refunds."""

    def fits(self, shown: int) -> bool:
        """Whether a provider that shows so much given back agrees."""
        return self.made - self.written_off <= shown <= self.made + self.under_way + self.by_hand

    def is_lost(self, captured: int) -> bool:
        """Whether all of a capture was written off, or had gone back before: the provider need not show any."""
        return self.written_off > 0 and self.made >= captured

    def and_also(self, other: Given) -> Given:
        """Return both together."""
        return Given(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Given(0, 0, 0)


class DealtWith(NamedTuple):
    """Money that a person has dealt with at the provider, as the answer to a review says."""

    reference: str
    """The provider's object; empty: not known."""
    attempt: int
    """Whose money it is; 0: what the payment captured."""
    amount: Money
    is_capture: bool
    """Whether it was taken for nothing of ours, rather than given back beside our refunds."""


@dataclass(frozen=True, slots=True)
class OurBook:
    """A payment, and what is known of its money beside it."""

    payment: Payment
    given: Mapping[int | None, Given] = field(default_factory=dict)
    """What went back: of an attempt's surplus, and under None of what the payment captured."""
    dealt_with: Sequence[DealtWith] = ()


class Side(NamedTuple):
    """Our side of one object at a provider."""

    reference: str
    captured: Money | None
    """What was taken on it, None where nothing was."""
    given: Given


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A payment that differs between the provider's records and ours."""

    kind: DiscrepancyKind
    payment: Payment | None
    record: ProviderRecord | None
    given: tuple[Money, Money] | None = None
    """What went back by us and by the provider, where that is what differs."""
    ours: Side | None = None
    """What we say of the object; None where we know of none."""

    @property
    def create_time(self) -> datetime:
        """When it was created, by the book that has it."""
        known = self.payment or self.record
        assert known  # one of the sides has it, or there would be no discrepancy
        return known.create_time

    @property
    def reference(self) -> str:
        """The provider's object."""
        named = self.record.reference if self.record else ""
        return named or (self.ours.reference if self.ours else "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a reconciliation found."""

    provider_payments: int
    our_payments: int
    discrepancies: list[Discrepancy]
    until: datetime
    """What was created before that was compared; what is younger was left out."""


@dataclass(frozen=True, slots=True)
class Matched:
    """An object of which both sides say the same was captured: how much of it went back is the other question."""

    side: Side
    record: ProviderRecord


def is_at(payment: Payment, provider: str) -> bool:
    """Whether a payment was ever tried at the platform's account at a provider: there may be money of it."""
    return bool(objects_of(payment, provider))


def viewed_at(payment: Payment, provider: str, reference: str) -> Payment:
    """Return a payment as it was when it was at an object that it may have moved on from: to ask the provider."""
    return replace(payment, provider=provider, provider_reference=reference, account_id=None)


def compared(
    book: OurBook, provider: str, records: Iterable[ProviderRecord]
) -> tuple[list[Discrepancy], list[Matched]]:
    """Hold the records that name a payment against it: what differs, and which objects do not as to what was taken."""
    paired, strays = _paired(book.payment, provider, records)
    found = [
        Discrepancy(DiscrepancyKind.MISSING_HERE, None, one)
        for one in strays
        if not _is_dealt_with(book, one, one.reference)
    ]
    matched: list[Matched] = []
    for reference in objects_of(book.payment, provider):
        side, record = side_of(book, provider, reference), paired.get(reference)
        if record and record.amount and side.captured == record.amount:
            matched.append(Matched(side, record))
        elif kind := _difference(book, side, record):
            found.append(Discrepancy(kind, book.payment, record, ours=side))
    return found, matched


def side_of(book: OurBook, provider: str, reference: str) -> Side:
    """Return what we say of an object: what was taken on it, for the payment or beside it, and what went back."""
    payment = book.payment
    is_own = _is_own(payment, provider, reference)
    is_paid = is_own and payment.status == PaymentStatus.SUCCESS
    given = book.given.get(None, NOTHING) if is_own else NOTHING
    taken = payment.captured if is_paid else 0
    numbers = {0} if is_own else set()
    for attempt in payment.attempts:
        if (attempt.provider, attempt.account_id, attempt.provider_reference) == (provider, None, reference):
            back = book.given.get(attempt.number, NOTHING)
            # once all of a surplus went back, the attempt has none any more
            taken += max(attempt.surplus, back.made + back.under_way)
            given = given.and_also(back)
            numbers.add(attempt.number)
    by_hand = sum(
        one.amount.minor
        for one in book.dealt_with
        if not one.is_capture and one.attempt in numbers and one.amount.currency == payment.amount.currency
    )
    given = given.and_also(Given(0, 0, 0, by_hand))
    return Side(reference, payment.money(taken) if is_paid or taken else None, given)


def _is_own(payment: Payment, provider: str, reference: str) -> bool:
    where = (payment.provider, payment.account_id, payment.provider_reference)
    return where == (provider, None, reference)


def objects_of(payment: Payment, provider: str) -> list[str]:
    """Return the names of a payment's objects at the platform's account at a provider, the present one first."""
    tried = [(one.provider, one.account_id, one.provider_reference) for one in reversed(payment.attempts)]
    tried.insert(0, (payment.provider, payment.account_id, payment.provider_reference))
    here = [name for at, account_id, name in tried if at == provider and account_id is None]
    # an attempt that has no name of its own yet is at none, unless there is no other
    return list(dict.fromkeys(name for name in here if name)) or here[:1]


def _paired(
    payment: Payment, provider: str, records: Iterable[ProviderRecord]
) -> tuple[dict[str, ProviderRecord], list[ProviderRecord]]:
    """Return which record is of which object, and those with money that are of none.

    What was paid on a page may be called otherwise than the page: it is of the newest object that no other record is.
    """
    objects = objects_of(payment, provider)
    paired: dict[str, ProviderRecord] = {}
    strays: list[ProviderRecord] = []
    # a name before none, and money before none: a try that was refused is listed beside the one that was not
    for record in sorted(records, key=lambda one: (one.amount is None, one.reference not in objects)):
        free = next((name for name in objects if name not in paired), None)
        name = record.reference if record.reference in objects else free
        if name is not None and name not in paired:
            paired[name] = record
        elif record.amount:
            strays.append(record)
    return paired, strays


def _difference(book: OurBook, side: Side, record: ProviderRecord | None) -> DiscrepancyKind | None:
    """Return what differs of an object's money; None where nothing does."""
    theirs = record.amount if record else None
    if side.captured == theirs:
        return None
    if side.captured and theirs is None and side.given.is_lost(side.captured.minor):
        return None
    if record and theirs and _is_dealt_with(book, record, side.reference):
        return None
    if record is None:
        return DiscrepancyKind.MISSING_THERE
    if side.captured is None or theirs is None:
        return DiscrepancyKind.STATE_DIFFERS
    return DiscrepancyKind.AMOUNT_DIFFERS


def _is_dealt_with(book: OurBook, record: ProviderRecord, reference: str) -> bool:
    names = ("", record.reference, reference)
    return any(one.is_capture and one.amount == record.amount and one.reference in names for one in book.dealt_with)
