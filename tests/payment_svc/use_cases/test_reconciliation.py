"""What a provider lists only payment by payment is asked for beside the payments that are under way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.payment import Payment, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import Given, ProviderRecord
from payment_svc.domain.refund import GivenBack, RefundSnapshot, RefundStatus
from payment_svc.providers.base import ObjectNotFoundError, UnavailableError
from payment_svc.use_cases.reconciliation import AT_ONCE, Reconciliation, _compare
from tests.support.providers.paypal_api import PAYMENT

TIME = datetime(2026, 1, 1, tzinfo=UTC)
PRICE = Money(1200, "EUR")


@dataclass
class Listing:
    """A provider that lists the refunds of one payment at a time, and says nothing of one of them."""

    silent: Payment
    lists_refunds = True
    under_way: int = 0
    most: int = 0

    async def given_back(
        self, payment: Payment, _since: datetime, _until: datetime | None = None
    ) -> Sequence[GivenBack]:
        """Return no refunds."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if payment is self.silent:
            raise UnavailableError("too many requests")
        return ()


async def test_many_payments_are_asked_for_some_at_once_and_one_that_fails_is_not_known() -> None:
    """One after another they took longer than a page waits, and one without an answer threw all away."""
    payments = [replace(PAYMENT, payment_id=uuid.uuid4()) for _ in range(3 * AT_ONCE)]
    both = [(one, ProviderRecord("A", str(one.payment_id), PaymentStatus.SUCCESS, PRICE, TIME)) for one in payments]
    told = replace(both[0][1], refunded=PRICE)
    both[0] = (payments[0], told)
    provider: Any = Listing(payments[5])
    nowhere: Any = None
    reconciliation = Reconciliation(nowhere, nowhere, nowhere, timedelta(0))
    shown = await reconciliation._shown(provider, both)
    assert shown[0] == PRICE
    assert [number for number, one in enumerate(shown) if one is None] == [5]
    assert set(shown) - {PRICE, None} == {Money(0, "EUR")}
    assert provider.most == AT_ONCE


S = PaymentStatus
PAID = replace(PAYMENT, status=S.SUCCESS, captured=1200, provider_reference="A")
OPEN = replace(PAYMENT, status=S.PROCESSING, provider_reference="A")
OURS = str(PAYMENT.payment_id)


def record(payment_id: str = OURS, amount: Money | None = PRICE, reference: str = "A") -> ProviderRecord:
    return ProviderRecord(reference, payment_id, S.SUCCESS, amount, TIME)


@pytest.mark.parametrize(
    ("payment", "records", "found"),
    [
        (PAID, [record()], []),
        # by its reference, where it carries no id of ours; an id of nobody's is not looked past
        (PAID, [record("")], []),
        (PAID, [record("no uuid")], []),
        (PAID, [record(str(uuid.UUID(int=9)))], ["MISSING_HERE", "MISSING_THERE"]),
        (PAID, [record("", reference="B")], ["MISSING_HERE", "MISSING_THERE"]),
        # what moved no money is nobody's business
        (PAID, [record("", None, "B"), record()], []),
        (PAID, [record(amount=None)], ["STATE_DIFFERS"]),
        (OPEN, [record()], ["STATE_DIFFERS"]),
        (OPEN, [record(amount=None)], []),
        (OPEN, [], []),
        (PAID, [], ["MISSING_THERE"]),
        (PAID, [record(amount=Money(1199, "EUR"))], ["AMOUNT_DIFFERS"]),
        (PAID, [record(amount=Money(1201, "EUR"))], ["AMOUNT_DIFFERS"]),
        (PAID, [record(amount=Money(1200, "USD"))], ["AMOUNT_DIFFERS"]),
        # money that came twice is here once
        (PAID, [record(), record(reference="B")], ["MISSING_HERE"]),
        (PAID, [record(amount=None), record()], ["STATE_DIFFERS"]),
        (PAID, [record(), record(amount=None, reference="B")], ["STATE_DIFFERS"]),
    ],
)
def test_both_sides_are_compared_payment_by_payment(
    payment: Payment, records: list[ProviderRecord], found: list[str]
) -> None:
    differ = _compare({payment.payment_id: payment}, records)
    assert [str(one.kind) for one in differ] == found
    assert all((one.payment is None) == (one.kind == "MISSING_HERE") for one in differ)


SINCE, UNTIL = TIME - timedelta(days=1), TIME + timedelta(days=1)
MOMENT = timedelta(microseconds=1)


class Books:
    """Both books, and how a provider answers about what its list does not have."""

    name = "paypal"
    lists_refunds = True

    def __init__(self, ours: Sequence[Payment] = (), theirs: Sequence[ProviderRecord] = ()) -> None:
        self.ours = list(ours)
        self.theirs = list(theirs)
        self.others: list[Payment] = []
        self.asked_for: list[uuid.UUID] = []
        self.given_back_here: dict[uuid.UUID, Given] = {}
        self.back: list[Sequence[GivenBack]] = []
        self.fetched: Any = ObjectNotFoundError("no such object")
        self.is_away = False
        me: Any = self
        self.reconciliation = Reconciliation(me, me, me, timedelta(hours=1), lambda: UNTIL + timedelta(hours=1))
        self.reconciliation._refunds = me

    def get(self, name: str) -> Books:
        """Return the provider."""
        assert name == "paypal"
        return self

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Lend nothing."""
        yield None

    async def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Return the provider's list."""
        assert (since, until) == (SINCE, UNTIL)
        if self.is_away:
            raise UnavailableError("away")
        for one in self.theirs:
            yield one

    async def created(self, _session: Any, provider: str, since: datetime, until: datetime) -> list[Payment]:
        """Return our payments of the time."""
        assert (provider, since, until) == ("paypal", SINCE, UNTIL)
        return self.ours

    async def by_ids(self, _session: Any, ids: Sequence[uuid.UUID]) -> list[Payment]:
        """Return our payments by name."""
        self.asked_for += ids
        return [one for one in self.others if one.payment_id in ids]

    async def given(self, _session: Any, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Given]:
        """Return what we say went back."""
        return {key: one for key, one in self.given_back_here.items() if key in ids}

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Return what the provider says went back."""
        assert (since, until) == (payment.create_time, None)
        return self.back.pop(0) if self.back else ()

    async def fetch(self, _payment: Payment) -> Snapshot:
        """Return what the provider shows."""
        if isinstance(self.fetched, Exception):
            raise self.fetched
        return cast(Snapshot, self.fetched)


async def compared(books: Books) -> list[str]:
    return [str(one.kind) for one in (await books.reconciliation.compare("paypal", SINCE, UNTIL)).discrepancies]


async def test_payments_that_the_list_names_are_compared_though_they_are_of_another_time() -> None:
    early = replace(PAID, create_time=SINCE - MOMENT)
    books = Books([], [record()])
    books.others = [early]
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert (found.provider_payments, found.our_payments, found.discrepancies) == (1, 0, [])
    assert books.asked_for == [PAID.payment_id]


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=1)])
async def test_what_is_too_young_to_be_compared_is_not_asked_for(age: timedelta) -> None:
    """PayPal refused a span that ended before it began, and with it all of a month up to now."""
    books = Books([PAID], [record()])
    books.reconciliation._clock = lambda: SINCE + age
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert (found.provider_payments, found.our_payments, found.discrepancies) == (0, 0, [])


@pytest.mark.parametrize(
    "changes", [{"provider": "a"}, {"provider": "stripe"}, {"account_id": uuid.UUID(int=7)}]
)  # fmt: skip
async def test_payment_of_another_account_is_not_of_this_list(changes: dict[str, Any]) -> None:
    books = Books([], [record()])
    books.others = [replace(PAID, **changes)]
    assert await compared(books) == ["MISSING_HERE"]


@pytest.mark.parametrize(
    ("time", "counted"), [(SINCE - MOMENT, 0), (SINCE, 1), (UNTIL - MOMENT, 1), (UNTIL, 0), (UNTIL + MOMENT, 0)]
)
async def test_only_payments_of_the_time_are_counted(time: datetime, counted: int) -> None:
    books = Books([replace(PAID, create_time=time)], [record()])
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert found.our_payments == counted
    assert books.asked_for == []


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (ObjectNotFoundError("none"), ["MISSING_THERE"]),
        (Snapshot("A", S.SUCCESS, PRICE), []),
        (Snapshot("A", S.SUCCESS, Money(1, "EUR")), ["AMOUNT_DIFFERS"]),
        (Snapshot("A", S.AUTHORIZED, PRICE), ["STATE_DIFFERS"]),
    ],
)
async def test_payment_that_is_not_listed_is_asked_for(shown: Any, found: list[str]) -> None:
    books = Books([PAID])
    books.fetched = shown
    assert await compared(books) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (Given(1200, 0, 1200), []),
        (Given(1200, 0, 1), []),
        (Given(1199, 0, 1199), ["MISSING_THERE"]),
        (Given(1200, 0, 0), ["MISSING_THERE"]),
    ],
)
async def test_capture_that_was_written_off_is_missing_in_no_book(given: Given, found: list[str]) -> None:
    books = Books([PAID])
    books.given_back_here = {PAID.payment_id: given}
    assert await compared(books) == found


async def test_capture_that_is_there_is_compared_though_it_was_written_off() -> None:
    books = Books([PAID], [record(amount=Money(1, "EUR"))])
    books.given_back_here = {PAID.payment_id: Given(1200, 0, 1200)}
    assert await compared(books) == ["AMOUNT_DIFFERS"]


def back(*amounts: int, currency: str = "EUR", status: RefundStatus = RefundStatus.SUCCESS) -> list[GivenBack]:
    return [GivenBack("", RefundSnapshot("r", status, Money(minor, currency))) for minor in amounts]


@pytest.mark.parametrize(
    ("shown", "given", "found"),
    [
        ([[]], Given(0, 0, 0), []),
        ([back(500)], Given(500, 0, 0), []),
        ([back(200, 300)], Given(500, 0, 0), []),
        ([back(500)] * 2, Given(0, 499, 0), ["REFUNDED_DIFFERS"]),
        ([back(500)], Given(0, 500, 0), []),
        ([back(500)] * 2, Given(501, 0, 0), ["REFUNDED_DIFFERS"]),
        # both have a bit in common: their sum is neither's difference
        ([back(900)] * 2, Given(300, 300, 0), ["REFUNDED_DIFFERS"]),
        ([back(500)], Given(501, 0, 1), []),
        # the second look may show what was made meanwhile
        ([back(400), back(500)], Given(500, 0, 0), []),
        ([back(500, status=RefundStatus.FAILED)] * 2, Given(500, 0, 0), ["REFUNDED_DIFFERS"]),
        ([back(500, status=RefundStatus.PENDING)], Given(500, 0, 0), []),
        ([back(500, currency="CHF")] * 2, Given(500, 0, 0), ["REFUNDED_DIFFERS"]),
        ([back(500, currency="USD")] * 2, Given(500, 0, 0), ["REFUNDED_DIFFERS"]),
        ([[GivenBack("", RefundSnapshot("r", RefundStatus.SUCCESS, None))]], Given(0, 0, 0), []),
    ],
)
async def test_what_went_back_is_compared(
    shown: list[Sequence[GivenBack]], given: Given, found: list[str]
) -> None:  # fmt: skip
    books = Books([PAID], [record()])
    books.back, books.given_back_here = list(shown), {PAID.payment_id: given}
    result = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert [str(one.kind) for one in result.discrepancies] == found
    ours = {Money(given.made + given.under_way, "EUR")}
    assert {one.given[0] for one in result.discrepancies if one.given} == (ours if found else set())


async def test_what_went_back_of_another_amount_is_not_compared() -> None:
    books = Books([PAID], [record(amount=Money(1199, "EUR"))])
    books.back = [back(5)]
    assert await compared(books) == ["AMOUNT_DIFFERS"]
    assert len(books.back) == 1


async def test_refunds_are_not_asked_for_where_the_provider_does_not_list_them() -> None:
    books = Books([PAID], [record()])
    books.lists_refunds = False
    books.back = [back(5)]
    assert await compared(books) == []
    assert len(books.back) == 1


async def test_provider_that_is_away_lists_nothing() -> None:
    books = Books([PAID])
    books.is_away = True
    with pytest.raises(ApiError) as refused:
        await compared(books)
    assert refused.value.reason == "PROVIDER_UNAVAILABLE"


async def test_discrepancies_are_told_oldest_first() -> None:
    later = replace(PAID, payment_id=uuid.UUID(int=99), provider_reference="B", create_time=TIME + MOMENT)
    books = Books([later, replace(PAID, create_time=TIME)], [])
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert [one.create_time for one in found.discrepancies] == [TIME, TIME + MOMENT]
    assert found.our_payments == 2
