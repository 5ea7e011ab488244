"""Money on Stripe's wire, for every currency that there is."""

from __future__ import annotations

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money, exponent
from payment_svc.providers.base import AmountNotSupportedError
from payment_svc.providers.stripe import amounts

CURRENCIES = sorted(currency.code for currency in iso4217.Currency if currency.exponent is not None)
# as Stripe documents them; written out, so that a list of the adapter's that loses one differs from this
NO_DECIMALS = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
THREE_DECIMALS = ["BHD", "JOD", "KWD", "OMR", "TND"]
WHOLE_UNITS_IN_HUNDREDTHS = ["ISK", "UGX"]
# what one unit is on the wire
UNIT = dict.fromkeys(CURRENCIES, 100) | dict.fromkeys(NO_DECIMALS, 1) | dict.fromkeys(THREE_DECIMALS, 1000)
# Stripe's smallest step of a currency whose decimals are not all of them used
STEP = dict.fromkeys(THREE_DECIMALS, 10) | dict.fromkeys(WHOLE_UNITS_IN_HUNDREDTHS, 100)
HIGHEST = dict.fromkeys(CURRENCIES, 99_999_999) | {"IDR": 999_999_999_999}


def _units(units: int, currency: str) -> Money:
    return Money(units * 10 ** exponent(currency), currency)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_seven_units_of_every_currency(currency: str) -> None:
    amount = _units(7, currency)
    assert amounts.to_wire(amount) == 7 * UNIT[currency]
    assert amounts.from_wire(7 * UNIT[currency], currency.lower()) == amount


@pytest.mark.parametrize("currency", CURRENCIES)
def test_smallest_amount_of_every_currency(currency: str) -> None:
    """The smallest that both Stripe and ISO 4217 have; what is smaller at one of them is refused."""
    step = max(STEP.get(currency, 1), UNIT[currency] // 10 ** exponent(currency), 1)
    amount = amounts.from_wire(step, currency)
    assert amounts.to_wire(amount) == step
    if amount.minor > 1:
        with pytest.raises(AmountNotSupportedError):
            amounts.to_wire(Money(1, currency))


@pytest.mark.parametrize("currency", CURRENCIES)
def test_highest_amount_of_every_currency(currency: str) -> None:
    highest = HIGHEST[currency]
    step = max(STEP.get(currency, 1), UNIT[currency] // 10 ** exponent(currency), 1)
    taken = highest - highest % step
    amount = amounts.from_wire(taken, currency)
    assert amounts.to_wire(amount) == taken
    with pytest.raises(AmountNotSupportedError):
        amounts.to_wire(amounts.from_wire(taken + step, currency))


def test_rupiah_above_a_million() -> None:
    assert amounts.to_wire(Money.parse("9999999999.99", "IDR")) == 999_999_999_999
    assert amounts.to_wire(Money.parse("1500000.00", "IDR")) == 150_000_000


@given(st.builds(Money, st.integers(1, 10**13), st.sampled_from(CURRENCIES)))
def test_amount_that_stripe_can_hold_comes_back_the_same(amount: Money) -> None:
    try:
        wire = amounts.to_wire(amount)
    except AmountNotSupportedError:
        return
    assert 0 < wire <= HIGHEST[amount.currency]
    assert amounts.from_wire(wire, amount.currency.lower()) == amount


@given(st.integers(1, 99_999), st.sampled_from(CURRENCIES))
def test_whole_units_are_always_supported(units: int, currency: str) -> None:
    amount = _units(units, currency)
    assert amounts.from_wire(amounts.to_wire(amount), currency) == amount


@pytest.mark.parametrize(
    ("value", "currency", "wire"),
    [
        ("12.00", "EUR", 1200),
        ("500", "JPY", 500),
        ("1.230", "KWD", 1230),
        ("100", "ISK", 10_000),
        ("100", "UGX", 10_000),
        ("100", "CLP", 100),
    ],
)
def test_wire_form_is_stripes_own(value: str, currency: str, wire: int) -> None:
    assert amounts.to_wire(Money.parse(value, currency)) == wire


@pytest.mark.parametrize(("value", "currency"), [("1.234", "KWD"), ("1000000.00", "EUR"), ("100000000", "JPY")])
def test_amount_that_stripe_cannot_hold_is_refused(value: str, currency: str) -> None:
    with pytest.raises(AmountNotSupportedError):
        amounts.to_wire(Money.parse(value, currency))


@pytest.mark.parametrize(("wire", "currency"), [(50, "isk"), (10_050, "ugx")])
def test_part_of_a_unit_that_iso_does_not_have_cannot_be_held(wire: int, currency: str) -> None:
    with pytest.raises(AmountNotSupportedError):
        amounts.from_wire(wire, currency)
