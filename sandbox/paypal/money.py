"""PayPal's amounts: decimal strings, with its own idea of how many decimals a currency has."""

import re
from dataclasses import dataclass
from decimal import Decimal

from sandbox.paypal.errors import invalid, unacceptable
from sandbox.paypal.fields import Fields
from sandbox.store.documents import JSON

_WHOLE = frozenset(["HUF", "JPY", "TWD"])
_TWO_DECIMALS = frozenset([
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD",
])  # fmt: skip
_PATTERN = re.compile(r"-?[0-9]+|-?[0-9]*\.[0-9]+")
_LONGEST = 32
_HIGHEST = Decimal("999999999999999.99")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount counted in the smallest unit that PayPal knows of its currency."""

    minor: int
    currency: str

    def shown(self) -> JSON:
        """The `money` object."""
        decimals = _decimals(self.currency)
        value = f"{Decimal(self.minor).scaleb(-decimals):.{decimals}f}"
        return {"currency_code": self.currency, "value": value}

    def less(self, minor: int) -> "Amount":
        """What is left when some is taken away."""
        return Amount(self.minor - minor, self.currency)


def parse(shown: JSON) -> Amount:
    """A `money` object that this module has made."""
    currency = shown["currency_code"]
    return Amount(int(Decimal(shown["value"]).scaleb(_decimals(currency))), currency)


def read(fields: Fields) -> Amount:
    """The `money` object of a request; refuses what PayPal would not take."""
    currency, value = fields.required("currency_code"), fields.required("value", _LONGEST)
    where = fields.pointer("value")
    if currency not in _WHOLE | _TWO_DECIMALS:
        raise unacceptable("INVALID_CURRENCY_CODE", fields.pointer("currency_code"), currency)
    if not _PATTERN.fullmatch(value):
        raise invalid("INVALID_PARAMETER_SYNTAX", where, value)
    decimals = len(value.partition(".")[2])
    if decimals > _decimals(currency):
        raise unacceptable("DECIMALS_NOT_SUPPORTED" if currency in _WHOLE else "DECIMAL_PRECISION", where, value)
    if Decimal(value) > _HIGHEST:
        raise unacceptable("MAX_VALUE_EXCEEDED", where, value)
    amount = parse({"currency_code": currency, "value": value})
    if amount.minor <= 0:
        raise unacceptable("CANNOT_BE_ZERO_OR_NEGATIVE", where, value)
    return amount


def _decimals(currency: str) -> int:
    return 0 if currency in _WHOLE else 2
