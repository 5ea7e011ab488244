"""Money on PayPal's wire, for every currency that there is."""

from __future__ import annotations

import json

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import MAX_MINOR_UNITS, Money, exponent
from payment_svc.providers.base import AmountNotSupportedError
from payment_svc.providers.paypal import amounts

CURRENCIES = sorted(currency.code for currency in iso4217.Currency if currency.exponent is not None)
# as PayPal documents them; written out, so that a list of the adapter's that loses one differs from this
WITHOUT_DECIMALS = "HUF JPY TWD"
WITH_DECIMALS = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD"
SEVEN_UNITS = dict.fromkeys(WITHOUT_DECIMALS.split(), "7") | dict.fromkeys(WITH_DECIMALS.split(), "7.00")


@pytest.mark.parametrize("currency", CURRENCIES)
def test_seven_units_of_every_currency(currency: str) -> None:
    amount = Money(7 * 10 ** exponent(currency), currency)
    if currency in SEVEN_UNITS:
        wire = {"currency_code": currency, "value": SEVEN_UNITS[currency]}
        assert amounts.to_wire(amount) == wire
        assert amounts.from_wire(wire) == amount
        return
    with pytest.raises(AmountNotSupportedError):
        amounts.to_wire(amount)
    with pytest.raises(AmountNotSupportedError):
        amounts.from_wire({"currency_code": currency, "value": "7"})


@pytest.mark.parametrize(("currency", "wire"), sorted(SEVEN_UNITS.items()))
def test_smallest_amount_of_every_currency(currency: str, wire: str) -> None:
    takes_parts = "." in wire
    smallest = Money(1 if takes_parts else 10 ** exponent(currency), currency)
    assert amounts.to_wire(smallest)["value"] == ("0.01" if takes_parts else "1")
    if smallest.minor > 1:
        with pytest.raises(AmountNotSupportedError):
            amounts.to_wire(Money(1, currency))


@given(st.builds(Money, st.integers(1, MAX_MINOR_UNITS), st.sampled_from(CURRENCIES)))
def test_amount_that_paypal_can_hold_comes_back_the_same(amount: Money) -> None:
    try:
        wire = amounts.to_wire(amount)
    except AmountNotSupportedError:
        assert amount.currency not in SEVEN_UNITS or amount.minor % 10 ** exponent(amount.currency)
        return
    assert amounts.from_wire(json.loads(json.dumps(wire))) == amount


@given(st.integers(1, 10**12), st.sampled_from(sorted(SEVEN_UNITS)))
def test_whole_units_are_always_supported(units: int, currency: str) -> None:
    amount = Money(units * 10 ** exponent(currency), currency)
    assert amounts.from_wire(amounts.to_wire(amount)) == amount


@pytest.mark.parametrize(
    ("value", "currency", "wire"),
    [("12.00", "EUR", "12.00"), ("0.01", "USD", "0.01"), ("500", "JPY", "500"), ("10.00", "HUF", "10")],
)
def test_wire_form_is_paypals_own(value: str, currency: str, wire: str) -> None:
    assert amounts.to_wire(Money.parse(value, currency)) == {"currency_code": currency, "value": wire}


@pytest.mark.parametrize(("value", "currency"), [("10.50", "HUF"), ("0.10", "TWD"), ("1.000", "KWD"), ("1", "KRW")])
def test_amount_that_paypal_cannot_take_is_refused(value: str, currency: str) -> None:
    with pytest.raises(AmountNotSupportedError):
        amounts.to_wire(Money.parse(value, currency))


@pytest.mark.parametrize("value", ["12.001", "NaN", "Infinity", "twelve", ""])
def test_amount_that_we_cannot_hold_is_no_amount(value: str) -> None:
    with pytest.raises(AmountNotSupportedError):
        amounts.from_wire({"currency_code": "EUR", "value": value})
