"""The simulator's currencies are those of the adapter: what the one sends, the other takes, and the same step below."""

from __future__ import annotations

import pytest

from mesh.money import Money, MoneyError, exponent
from payment_svc.providers.stripe import amounts
from sandbox.stripe import money
from sandbox.stripe.errors import StripeError

# of old, and no longer in ISO 4217
GONE = {"ang", "bgn", "std"}


def test_none_of_stripes_currencies_is_missing() -> None:
    assert len(money.CURRENCIES) == 139


@pytest.mark.parametrize("currency", sorted(money.CURRENCIES))
def test_every_currency_has_one_wire_form(currency: str) -> None:
    try:
        units = Money(5_000 * 10 ** exponent(currency.upper()), currency.upper())
    except MoneyError:
        assert currency in GONE
        return
    wire = amounts.to_wire(units)
    assert money.check_amount(wire, currency, "amount") == wire
    assert money.shown(wire, currency).startswith("5,000")
    highest = amounts.max_wire(currency.upper())
    step = 10 if currency.upper() in amounts.THREE_DECIMAL else 100
    money.check_amount(highest - highest % step, currency, "amount")
    with pytest.raises(StripeError, match="no more than"):
        money.check_amount(highest + 1, currency, "amount")


@pytest.mark.parametrize(
    ("currency", "step"), [(c, 10) for c in ["bhd", "jod", "kwd", "omr", "tnd"]] + [("isk", 100), ("ugx", 100)]
)
def test_amounts_between_the_steps_are_refused(currency: str, step: int) -> None:
    money.check_amount(70 * step, currency, "amount")
    with pytest.raises(StripeError, match="multiple of"):
        money.check_amount(70 * step + 1, currency, "amount")
