"""Money on Stripe's wire: an integer of the currency's minor unit, with Stripe's own exceptions.

Source: Stripe's documentation, "Supported currencies", on zero-decimal, three-decimal and special-case currencies.
"""

from __future__ import annotations

from mesh.money import Money, exponent
from payment_svc.providers.base import AmountNotSupportedError

ZERO_DECIMAL = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# ISK and UGX have no decimals and are sent with two, so that their amounts are whole hundreds by themselves
MAX_DIGITS = 8
LONG_AMOUNTS = {"IDR": 12}
"""Currencies of which Stripe takes more digits than of the others."""


def wire_exponent(currency: str) -> int:
    """Return how many decimals Stripe's integer holds for a currency."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def max_wire(currency: str) -> int:
    """Return the greatest integer that Stripe takes of a currency."""
    return int(10 ** LONG_AMOUNTS.get(currency, MAX_DIGITS)) - 1


def to_wire(amount: Money) -> int:
    """Return Stripe's integer. Raises AmountNotSupportedError when Stripe cannot hold the amount exactly."""
    shift = wire_exponent(amount.currency) - exponent(amount.currency)
    wire: int
    wire, rest = divmod(amount.minor * 10 ** max(shift, 0), 10 ** max(-shift, 0))
    if rest:
        raise AmountNotSupportedError(f"Stripe takes fewer decimals of {amount.currency}")
    if amount.currency in THREE_DECIMAL and wire % 10:
        raise AmountNotSupportedError(f"Stripe takes {amount.currency} with 0 as the last digit")
    if wire > max_wire(amount.currency):
        digits = len(str(max_wire(amount.currency)))
        raise AmountNotSupportedError(f"Stripe takes at most {digits} digits of {amount.currency}")
    return wire


def from_wire(wire: int, currency: str) -> Money:
    """Return the amount that Stripe's integer says. Raises AmountNotSupportedError for a part that we cannot hold."""
    currency = currency.upper()
    shift = exponent(currency) - wire_exponent(currency)
    minor, rest = divmod(wire * 10 ** max(shift, 0), 10 ** max(-shift, 0))
    if rest:
        raise AmountNotSupportedError(f"Stripe says {wire} of {currency}, which is no whole minor unit")
    return Money(minor, currency)
