"""Money on the bank's wire, for every currency that there is."""

from __future__ import annotations

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money, exponent
from payment_svc.providers.bank_transfer import amounts
from payment_svc.providers.base import AmountNotSupportedError

CURRENCIES = sorted(currency.code for currency in iso4217.Currency if currency.exponent is not None)
# written out, so that a list of the adapter's that loses one differs from this
TAKEN = ["CHF", "EUR", "GBP", "PLN", "SEK"]
HIGHEST = 100_000_000_000


@pytest.mark.parametrize("currency", CURRENCIES)
def test_seven_units_of_every_currency(currency: str) -> None:
    amount = Money(7 * 10 ** exponent(currency), currency)
    if currency in TAKEN:
        assert amounts.to_wire(amount) == 700
        assert amounts.from_wire(700, currency) == amount
        return
    with pytest.raises(AmountNotSupportedError):
        amounts.to_wire(amount)


@pytest.mark.parametrize("currency", TAKEN)
def test_smallest_and_highest_amount_of_every_currency(currency: str) -> None:
    assert amounts.to_wire(Money(1, currency)) == 1
    assert amounts.to_wire(Money(HIGHEST, currency)) == HIGHEST
    with pytest.raises(AmountNotSupportedError):
        amounts.to_wire(Money(HIGHEST + 1, currency))


@given(st.integers(1, HIGHEST), st.sampled_from(TAKEN))
def test_amount_that_the_bank_takes_comes_back_the_same(minor: int, currency: str) -> None:
    assert amounts.from_wire(amounts.to_wire(Money(minor, currency)), currency) == Money(minor, currency)
