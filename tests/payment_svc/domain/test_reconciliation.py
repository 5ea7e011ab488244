"""What a provider shows given back, held against ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mesh.money import Money
from payment_svc.contract.operator_messages import comparison_message
from payment_svc.domain.payment import Attempt, Payment, PaymentStatus
from payment_svc.domain.reconciliation import Comparison, DealtWith, Given, OurBook, ProviderRecord, compared
from payment_svc.providers.stripe import objects
from tests.support.providers.paypal_api import PAYMENT

REFUNDED_700: dict[str, Any] = {"amount": 1200, "amount_captured": 1200, "amount_refunded": 700, "currency": "eur"}


@pytest.mark.parametrize(
    ("given", "agrees"),
    [
        (Given(0, 0, 0), {0}),
        (Given(500, 0, 0), {500}),
        (Given(500, 200, 0), {500, 600, 700}),
        (Given(700, 0, 700), {0, 500, 700}),
        (Given(700, 0, 200), {500, 700}),
    ],
)
def test_what_is_under_way_or_was_written_off_may_be_shown_or_not(given: Given, agrees: set[int]) -> None:
    assert {shown for shown in range(0, 1300, 100) if given.fits(shown)} >= agrees
    assert not given.fits(min(agrees) - 1)
    assert not given.fits(max(agrees) + 1)


@pytest.mark.parametrize(
    ("charge", "refunded"),
    [
        (REFUNDED_700, Money(700, "EUR")),
        # what was let go of a hold counts as given back there
        (REFUNDED_700 | {"amount_captured": 500}, None),
        ("ch_1", None),
        (None, None),
    ],
)
def test_stripe_says_what_went_back_where_a_charge_was_captured_whole(charge: Any, refunded: Money | None) -> None:
    intent = {"id": "pi_1", "status": "succeeded", "amount": 1200, "amount_received": 1200, "currency": "eur"}
    record = objects.record_of({**intent, "created": 1, "latest_charge": charge, "metadata": {}})
    assert record.refunded == refunded


S = PaymentStatus
TIME = datetime(2026, 1, 1, tzinfo=UTC)
PRICE = Money(1200, "EUR")
OURS = str(PAYMENT.payment_id)
TRY = replace(PAYMENT.attempt, provider_reference="A")
PAID = replace(PAYMENT, status=S.SUCCESS, captured=1200, provider_reference="A", attempts=(TRY,))
OPEN = replace(PAID, status=S.PROCESSING, captured=0)
FAILED = replace(OPEN, status=S.FAILED)


def record(amount: Money | None = PRICE, reference: str = "A") -> ProviderRecord:
    return ProviderRecord(reference, OURS, S.SUCCESS, amount, TIME)


@pytest.mark.parametrize(
    ("payment", "records", "found"),
    [
        (PAID, [record()], []),
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
        (PAID, [record(), record()], ["MISSING_HERE"]),
        # what was refused first, or is beside it without money, is no money
        (PAID, [record(amount=None), record()], []),
        (PAID, [record(), record(amount=None, reference="B")], []),
        # what was paid on a page has a name of its own
        (PAID, [record(reference="B")], []),
    ],
)
def test_both_sides_are_compared_payment_by_payment(
    payment: Payment, records: list[ProviderRecord], found: list[str]
) -> None:
    differ, _ = compared(OurBook(payment), "paypal", records)
    assert [str(one.kind) for one in differ] == found
    assert all((one.payment is None) == (one.kind == "MISSING_HERE") for one in differ)
    said = comparison_message(Comparison(0, 0, differ, TIME)).discrepancies
    assert {one.claimed_payment_id for one, of in zip(said, differ, strict=True) if of.record} <= {OURS}


def tried(*, surplus: int = 0, number: int = 1, at: str = "paypal", name: str = "A") -> Attempt:
    return replace(TRY, number=number, provider=at, provider_reference=name, surplus=surplus)


ELSEWHERE = replace(PAID, provider="stripe", provider_reference="pi_1")
WENT_ON = (tried(), tried(number=2, at="stripe", name="pi_1"))
TAKEN_TWICE = replace(ELSEWHERE, attempts=(tried(surplus=1200), WENT_ON[1]))
OTHER = Money(900, "EUR")
FOREIGN = Money(900, "USD")


@pytest.mark.parametrize(
    ("payment", "given", "answers", "records", "found"),
    [
        # another amount came, and a person had it given back: on its way, and gone
        (replace(FAILED, attempts=(tried(surplus=900),)), {}, [], [(OTHER, 0)], []),
        (replace(FAILED, attempts=(tried(surplus=900),)), {1: Given(0, 900, 0)}, [], [(OTHER, 900)], []),
        (FAILED, {1: Given(900, 0, 0)}, [], [(OTHER, 900)], []),
        (FAILED, {1: Given(900, 0, 0)}, [], [(OTHER, 0)], ["REFUNDED_DIFFERS"]),
        # nobody has answered yet
        (FAILED, {}, [], [(OTHER, 0)], ["STATE_DIFFERS"]),
        # it was dealt with at the provider, or is left as it is
        (FAILED, {}, [DealtWith("A", 1, OTHER, True)], [(OTHER, 0)], []),
        (FAILED, {}, [DealtWith("A", 1, OTHER, True)], [(OTHER, 900)], []),
        (FAILED, {}, [DealtWith("", 1, OTHER, True)], [(OTHER, 0)], []),
        (FAILED, {}, [DealtWith("A", 1, FOREIGN, True)], [(FOREIGN, 0)], []),
        (FAILED, {}, [DealtWith("A", 1, FOREIGN, True)], [(OTHER, 0)], ["STATE_DIFFERS"]),
        (FAILED, {}, [DealtWith("B", 1, OTHER, True)], [(OTHER, 0)], ["STATE_DIFFERS"]),
        (FAILED, {}, [DealtWith("A", 1, OTHER, False)], [(OTHER, 0)], ["STATE_DIFFERS"]),
        # the payment went on to another provider, and was paid here after all
        (replace(ELSEWHERE, attempts=WENT_ON), {}, [], [(PRICE, 0)], ["STATE_DIFFERS"]),
        (TAKEN_TWICE, {}, [], [(PRICE, 0)], []),
        (replace(ELSEWHERE, attempts=WENT_ON), {1: Given(1200, 0, 0)}, [], [(PRICE, 1200)], []),
        # what the capture itself gave back is none of the surplus's
        (TAKEN_TWICE, {None: Given(500, 0, 0)}, [], [(PRICE, 0)], []),
        (TAKEN_TWICE, {None: Given(500, 0, 0)}, [], [(PRICE, 500)], ["REFUNDED_DIFFERS"]),
        # what could not be given back, a person has given back at the provider
        (PAID, {}, [DealtWith("A", 0, PRICE, False)], [(PRICE, 1200)], []),
        (PAID, {}, [DealtWith("A", 0, PRICE, False)], [(PRICE, 0)], []),
        (PAID, {}, [DealtWith("A", 0, PRICE, False)], [(PRICE, 1201)], ["REFUNDED_DIFFERS"]),
        (PAID, {}, [DealtWith("A", 3, PRICE, False)], [(PRICE, 1200)], ["REFUNDED_DIFFERS"]),
        # money on an object of no attempt of it
        (PAID, {}, [], [(PRICE, 0), (OTHER, 0)], ["MISSING_HERE"]),
        (PAID, {}, [DealtWith("B", 0, OTHER, True)], [(PRICE, 0), (OTHER, 0)], []),
        (PAID, {}, [DealtWith("C", 0, OTHER, True)], [(PRICE, 0), (OTHER, 0)], ["MISSING_HERE"]),
    ],
)  # fmt: skip
def test_money_beside_the_payment_is_compared_by_the_object_that_it_came_to(
    payment: Payment,
    given: dict[int | None, Given],
    answers: list[DealtWith],
    records: list[tuple[Money, int]],
    found: list[str],
) -> None:
    """An underpaid transfer that had been given back, or dealt with, differed for ever."""
    listed = [
        replace(record(amount=amount, reference=name), refunded=Money(back, amount.currency))
        for name, (amount, back) in zip("AB", records, strict=False)
    ]
    differ, matched = compared(OurBook(payment, given, answers), "paypal", listed)
    unlike = [
        one for one in matched if not one.side.given.fits(one.record.refunded.minor if one.record.refunded else 0)
    ]
    assert [str(one.kind) for one in differ] + ["REFUNDED_DIFFERS"] * len(unlike) == found
