"""What a provider lists only payment by payment is asked for beside the payments that are under way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mesh.money import Money
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import GivenBack
from payment_svc.providers.base import UnavailableError
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

    async def given_back(self, payment: Payment, _since: datetime) -> Sequence[GivenBack]:
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
