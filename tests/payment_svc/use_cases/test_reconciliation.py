"""What a provider lists only payment by payment is asked for beside the payments that are under way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from mesh.errors import ApiError
from mesh.money import Money
from payment_svc.domain.payment import Payment, PaymentStatus, Snapshot
from payment_svc.domain.reconciliation import NOTHING, Given, Matched, OurBook, ProviderRecord, Side
from payment_svc.domain.refund import GivenBack, RefundSnapshot, RefundStatus
from payment_svc.providers.base import ObjectNotFoundError, UnavailableError, UnreadableAnswerError
from payment_svc.use_cases.reconciliation import AT_ONCE, PAGE, WIDEST, _some_at_once
from tests.support.providers.books import SINCE, TIME, UNTIL, Books
from tests.support.providers.paypal_api import PAYMENT

PRICE = Money(1200, "EUR")


@dataclass
class Listing:
    """A provider that lists the refunds of one payment at a time, and says nothing of one of them."""

    silent: uuid.UUID
    name = "paypal"
    lists_refunds = True
    under_way: int = 0
    most: int = 0
    asked: int = 0

    async def given_back(
        self, payment: Payment, _since: datetime, _until: datetime | None = None
    ) -> Sequence[GivenBack]:
        """Return no refunds."""
        self.under_way += 1
        self.asked += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if payment.payment_id == self.silent:
            raise UnreadableAnswerError("a new status")
        return ()


async def test_many_payments_are_asked_for_some_at_once_and_one_that_is_not_read_is_not_known() -> None:
    """One after another they took longer than a page waits, and one without an answer threw all away."""
    payments = [replace(PAID, payment_id=uuid.uuid4()) for _ in range(3 * AT_ONCE)]
    both = [(OurBook(one), Matched(SIDE, record(str(one.payment_id)))) for one in payments]
    provider: Any = Listing(payments[5].payment_id)
    books = Books(payments)
    asked = await _some_at_once(both, lambda one: books.reconciliation._went_back(provider, *one))
    assert asked == [[]] * len(payments)
    assert provider.most == AT_ONCE
    assert provider.asked == len(payments)


S = PaymentStatus
TRY = replace(PAYMENT.attempt, provider_reference="A")
PAID = replace(PAYMENT, status=S.SUCCESS, captured=1200, provider_reference="A", attempts=(TRY,))
OPEN = replace(PAID, status=S.PROCESSING, captured=0)
OTHER = Money(900, "EUR")
SIDE = Side("A", PRICE, NOTHING)
OURS = str(PAYMENT.payment_id)


def record(payment_id: str = OURS, amount: Money | None = PRICE, reference: str = "A") -> ProviderRecord:
    return ProviderRecord(reference, payment_id, S.SUCCESS, amount, TIME)


@pytest.mark.parametrize(
    ("records", "found"),
    [
        # by its reference, where it carries no id of ours; an id of nobody's is not looked past
        ([record("")], []),
        ([record("no uuid")], []),
        ([record(str(uuid.UUID(int=9)))], ["MISSING_HERE", "MISSING_THERE"]),
        ([record("", reference="B")], ["MISSING_HERE", "MISSING_THERE"]),
        # what moved no money is nobody's business
        ([record("", None, "B"), record()], []),
    ],
)
async def test_records_are_of_a_payment_by_its_id_or_its_name(records: list[ProviderRecord], found: list[str]) -> None:
    assert sorted(await compared(Books([PAID], records))) == found


@pytest.mark.parametrize(
    ("before", "listed", "after", "shown", "found"),
    [
        # paid between the provider's list and our look, or heard of since
        (PAID, None, PAID, PRICE, []),
        (OPEN, PRICE, replace(PAID, version=9), PRICE, []),
        # news of it may be on its way, and are not here yet
        (OPEN, PRICE, OPEN, PRICE, ["STATE_DIFFERS"]),
        (PAID, None, PAID, None, ["STATE_DIFFERS"]),
        (PAID, OTHER, PAID, OTHER, ["AMOUNT_DIFFERS"]),
        (PAID, OTHER, PAID, PRICE, []),
    ],
)
async def test_both_books_are_asked_once_more_about_what_differs(
    before: Payment, listed: Money | None, after: Payment, shown: Money | None, found: list[str]
) -> None:
    """A payment that was paid while its book was read was told as a difference."""
    books = Books([before], [record(amount=listed)])
    books.others = [after]
    books.fetched = Snapshot("A", S.SUCCESS if shown else S.PROCESSING, shown)
    assert await compared(books) == found


async def test_payment_that_changes_while_it_is_asked_about_is_asked_about_again() -> None:
    """The provider was asked before it was paid, and our book after that."""
    books = Books([OPEN], [record()])
    books.others = [replace(PAID, version=9)]
    books.fetched = [Snapshot("A", S.PROCESSING), Snapshot("A", S.SUCCESS, PRICE)]
    assert await compared(books) == []
    assert books.fetched == []


async def test_one_that_cannot_be_looked_at_again_is_told_as_it_was_listed() -> None:
    books = Books([OPEN], [record()])
    books.fetched = UnreadableAnswerError("a status of tomorrow")
    assert await compared(books) == ["STATE_DIFFERS"]
    books.fetched = UnavailableError("away")
    with pytest.raises(ApiError):
        await compared(books)


MOMENT = timedelta(microseconds=1)


async def compared(books: Books) -> list[str]:
    return [str(one.kind) for one in (await books.reconciliation.compare("paypal", SINCE, UNTIL)).discrepancies]


async def test_payments_that_the_list_names_are_compared_though_they_are_of_another_time() -> None:
    early = replace(PAID, create_time=SINCE - MOMENT)
    books = Books([], [record()])
    books.others = [early]
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert (found.provider_payments, found.our_payments, found.discrepancies) == (1, 0, [])
    assert books.asked_for == [PAID.payment_id]


@pytest.mark.parametrize("age", [MOMENT, timedelta(hours=1), timedelta(hours=3)])
async def test_what_is_too_young_to_be_compared_is_not_asked_for(age: timedelta) -> None:
    """PayPal refused a span that ended before it began, and with it all of a month up to now."""
    books = Books([PAID], [record()])
    books.reconciliation._clock = lambda: SINCE + age
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert (found.provider_payments, found.our_payments, found.discrepancies) == (0, 0, [])
    assert found.until == SINCE
    assert books.kept == []


@pytest.mark.parametrize("age", [timedelta(0), -timedelta(days=1)])
async def test_span_that_has_not_begun_is_refused(age: timedelta) -> None:
    """Nothing was compared with nothing, and the records agreed."""
    books = Books()
    books.reconciliation._clock = lambda: SINCE + age
    with pytest.raises(ApiError) as refused:
        await compared(books)
    assert refused.value.reason == "INVALID_ARGUMENT"


async def test_what_the_provider_may_list_late_is_left_out_unless_nothing_has_to_settle() -> None:
    books = Books()
    provider: Any = books
    now = UNTIL + timedelta(hours=3)
    assert books.reconciliation.settled(provider) == UNTIL
    books.reconciliation._settling = timedelta(hours=4)
    assert books.reconciliation.settled(provider) == UNTIL - timedelta(hours=1)
    books.reconciliation._settling = timedelta(0)
    assert books.reconciliation.settled(provider) == now


async def test_what_was_compared_is_kept_with_what_differed() -> None:
    books = Books([PAID, replace(PAID, payment_id=uuid.UUID(int=3))], [record(), record("", reference="X")])
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL + timedelta(days=1))
    assert found.until == UNTIL
    [(provider, span, sides, kept)] = books.kept
    assert (provider, span, sides) == ("paypal", (SINCE, UNTIL), (2, 2))
    assert sorted(kept) == [("MISSING_HERE", "", "X"), ("MISSING_THERE", str(uuid.UUID(int=3)), "A")]


async def test_busy_day_is_read_in_parts() -> None:
    """One statement for all of it was given up after five seconds, and its rows held everything else up."""
    at_once = [replace(PAID, payment_id=uuid.uuid4(), create_time=TIME) for _ in range(PAGE + 1)]
    books = Books(at_once)
    read = [one async for one in books.reconciliation._created("paypal", SINCE, UNTIL)]
    assert sorted(one.payment_id for one in read) == sorted(one.payment_id for one in at_once)
    assert books.spans[0][0] == SINCE
    assert books.spans[-1][1] == UNTIL
    assert all(before[1] == after[0] for before, after in pairwise(books.spans))
    assert max(until - since for since, until in books.spans) == WIDEST


@pytest.mark.parametrize(
    "changes", [{"provider": "a"}, {"provider": "stripe"}, {"account_id": uuid.UUID(int=7)}]
)  # fmt: skip
async def test_payment_of_another_account_is_not_of_this_list(changes: dict[str, Any]) -> None:
    books = Books([], [record()])
    books.others = [replace(PAID, attempts=(replace(TRY, **changes),), **changes)]
    assert await compared(books) == ["MISSING_HERE"]


@pytest.mark.parametrize(
    ("time", "counted"), [(SINCE - MOMENT, 0), (SINCE, 1), (UNTIL - MOMENT, 1), (UNTIL, 0), (UNTIL + MOMENT, 0)]
)
async def test_only_payments_of_the_time_are_counted(time: datetime, counted: int) -> None:
    books = Books([replace(PAID, create_time=time)], [record()])
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert found.our_payments == counted
    assert books.asked_for == ([] if counted else [PAID.payment_id])


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
    books.given_back_here = {PAID.payment_id: {None: given}}
    assert await compared(books) == found


async def test_capture_that_is_there_is_compared_though_it_was_written_off() -> None:
    books = Books([PAID], [record(amount=Money(1, "EUR"))])
    books.given_back_here = {PAID.payment_id: {None: Given(1200, 0, 1200)}}
    books.fetched = Snapshot("A", S.SUCCESS, Money(1, "EUR"))
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
    books.back, books.given_back_here = list(shown), {PAID.payment_id: {None: given}}
    result = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert [str(one.kind) for one in result.discrepancies] == found
    ours = {Money(given.made + given.under_way, "EUR")}
    assert {one.given[0] for one in result.discrepancies if one.given} == (ours if found else set())


async def test_what_went_back_of_another_amount_is_not_compared() -> None:
    books = Books([PAID], [record(amount=Money(1199, "EUR"))])
    books.back, books.fetched = [back(5)], Snapshot("A", S.SUCCESS, Money(1199, "EUR"))
    assert await compared(books) == ["AMOUNT_DIFFERS"]
    assert len(books.back) == 1


async def test_refunds_are_not_asked_for_where_the_provider_does_not_list_them() -> None:
    books = Books([PAID], [record()])
    books.lists_refunds = False
    books.back = [back(5)]
    assert await compared(books) == []
    assert len(books.back) == 1


@pytest.mark.parametrize(("told", "found"), [(False, []), (True, ["REFUNDED_DIFFERS"])])
async def test_payment_of_which_nobody_says_that_money_went_back_is_not_asked_for(told: bool, found: list[str]) -> None:
    """One call for each payment: a large day came to no end within its hour."""
    books = Books([PAID], [replace(record(), gave_back=told)])
    books.back = [back(5), back(5)]
    assert await compared(books) == found
    assert len(books.back) == (0 if told else 2)


async def test_provider_that_is_away_lists_nothing() -> None:
    books = Books([PAID])
    books.is_away = True
    with pytest.raises(ApiError) as refused:
        await compared(books)
    assert refused.value.reason == "PROVIDER_UNAVAILABLE"


@pytest.mark.parametrize("is_second", [False, True])
async def test_what_went_back_and_is_not_said_now_is_not_kept_as_agreed(is_second: bool) -> None:
    """An outage in the middle was kept as a day without a difference, in the place of one that had one."""
    books = Books([PAID], [record()])
    answers: list[Sequence[GivenBack] | Exception] = [back(5), UnavailableError("too many requests")]
    books.back = answers[1 - is_second :]
    books.given_back_here = {PAID.payment_id: {None: Given(500, 0, 0)}}
    with pytest.raises(ApiError) as refused:
        await compared(books)
    assert refused.value.reason == "PROVIDER_UNAVAILABLE"
    assert books.kept == []


async def test_discrepancies_are_told_oldest_first() -> None:
    later = replace(PAID, payment_id=uuid.UUID(int=99), provider_reference="B", create_time=TIME + MOMENT)
    books = Books([later, replace(PAID, create_time=TIME)], [])
    found = await books.reconciliation.compare("paypal", SINCE, UNTIL)
    assert [one.create_time for one in found.discrepancies] == [TIME, TIME + MOMENT]
    assert found.our_payments == 2
