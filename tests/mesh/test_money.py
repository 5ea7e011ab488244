from __future__ import annotations

from decimal import Decimal

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import MAX_MINOR_UNITS, Money, MoneyError, exponent

CURRENCIES = sorted(currency.code for currency in iso4217.Currency if currency.exponent is not None)
amounts = st.builds(Money, st.integers(1, MAX_MINOR_UNITS), st.sampled_from(CURRENCIES))


@given(amounts)
def test_value_that_is_shown_is_read_back(amount: Money) -> None:
    assert Money.parse(amount.value, amount.currency) == amount


@given(amounts)
def test_value_has_exactly_the_decimals_of_its_currency(amount: Money) -> None:
    decimals = amount.value.partition(".")[2]
    assert len(decimals) == exponent(amount.currency)
    assert Decimal(amount.value).scaleb(exponent(amount.currency)) == amount.minor


@given(amounts, st.integers(1, 3))
def test_more_decimals_than_the_currency_has_are_refused_even_if_zero(amount: Money, extra: int) -> None:
    text = amount.value + ("" if "." in amount.value else ".") + "0" * extra
    with pytest.raises(MoneyError) as refused:
        Money.parse(text, amount.currency)
    assert refused.value.field == "value"


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [("12", "EUR", 1200), ("12.3", "EUR", 1230), ("0.01", "EUR", 1), ("5", "JPY", 5), ("1.234", "KWD", 1234)],
)
def test_decimals_may_be_left_out(value: str, currency: str, minor: int) -> None:
    assert Money.parse(value, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("value", "currency", "field"),
    [
        ("0", "EUR", "value"),
        ("-1", "EUR", "value"),
        ("0.001", "EUR", "value"),
        ("15e-3", "EUR", "value"),
        ("1.0", "JPY", "value"),
        *(
            (text, "EUR", "value")
            for text in ("1e999997", "1e999999999", "1E5", "9" * 60_000, "١٢", "1_000", " 1", "+1", "0x1")
        ),
        ("NaN", "EUR", "value"),
        ("Infinity", "EUR", "value"),
        ("", "EUR", "value"),
        ("99999999999999999", "EUR", "value"),
        ("1", "ZZZ", "currency"),
        ("1", "eur", "currency"),
        ("1", "", "currency"),
        ("1", "XAU", "currency"),
    ],
)
def test_amount_that_cannot_be_names_its_wrong_part(value: str, currency: str, field: str) -> None:
    with pytest.raises(MoneyError) as refused:
        Money.parse(value, currency)
    assert refused.value.field == field


def test_largest_amount_is_taken_and_one_more_is_not() -> None:
    assert Money.parse("1000000000000000", "JPY").minor == 10**15
    with pytest.raises(MoneyError):
        Money.parse("1000000000000001", "JPY")


@pytest.mark.parametrize(
    ("minor", "currency", "value"),
    [(1250, "EUR", "12.50"), (5, "EUR", "0.05"), (1250, "JPY", "1250"), (1250, "KWD", "1.250"), (0, "EUR", "0.00"),
     (-5, "EUR", "-0.05"), (-1250, "EUR", "-12.50")],
)  # fmt: skip
def test_value_has_the_decimals_of_its_currency(minor: int, currency: str, value: str) -> None:
    assert Money(minor, currency).value == value
