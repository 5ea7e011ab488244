"""Money on PayPal's wire: a decimal string, with PayPal's own idea of a currency's decimals.

Source: PayPal's "Currency codes" reference page, on supported currencies and on those that take no decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from mesh.money import Money, exponent
from payment_svc.providers.base import AmountNotSupportedError

WHOLE_UNITS = frozenset({"HUF", "JPY", "TWD"})
TWO_DECIMALS = frozenset([
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD",
])  # fmt: skip
SUPPORTED = WHOLE_UNITS | TWO_DECIMALS


def wire_exponent(currency: str) -> int:
    """Return how many decimals PayPal takes. Raises AmountNotSupportedError for a currency that it does not."""
    if currency not in SUPPORTED:
        raise AmountNotSupportedError(f"PayPal does not take {currency}")
    return 0 if currency in WHOLE_UNITS else 2


def to_wire(amount: Money) -> dict[str, str]:
    """Return PayPal's `money` object. Raises AmountNotSupportedError when it cannot hold the amount exactly."""
    decimals = wire_exponent(amount.currency)
    units, rest = divmod(amount.minor, 10 ** (exponent(amount.currency) - decimals))
    if rest:
        raise AmountNotSupportedError(f"PayPal takes {amount.currency} in whole units")
    return {"currency_code": amount.currency, "value": f"{Decimal(units).scaleb(-decimals):f}"}


def from_wire(wire: Mapping[str, Any]) -> Money:
    """Return the amount that PayPal's `money` object says. Raises AmountNotSupportedError when we cannot hold it."""
    currency = str(wire["currency_code"])
    wire_exponent(currency)
    try:
        scaled = Decimal(str(wire["value"])).scaleb(exponent(currency))
        minor = int(scaled)
    except (InvalidOperation, ValueError, OverflowError):
        raise AmountNotSupportedError(f"PayPal says {wire['value']!r}, which is no amount") from None
    if minor != scaled:
        raise AmountNotSupportedError(f"PayPal says {wire['value']} {currency}, which is no whole minor unit")
    return Money(minor, currency)
