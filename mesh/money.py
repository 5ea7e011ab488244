"""Exact amounts. No float ever holds money here.

The contract's form is a decimal string and an ISO 4217 code; the form for sums, comparisons and rows is an integer of
the currency's minor unit. How many decimals a provider wants on its own wire is the adapter's business, not ISO's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import iso4217

MAX_MINOR_UNITS = 10**15
_PLAIN = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")


class MoneyError(ValueError):
    """An amount that cannot be. `field` names the part of Money that is wrong: `value` or `currency`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@cache
def exponent(currency: str) -> int:
    """Return how many decimals the currency has by ISO 4217. Raises MoneyError for a code that is no currency."""
    try:
        entry = iso4217.Currency(currency)
    except ValueError:
        raise MoneyError("currency", f"{currency!r} is not an ISO 4217 currency code") from None
    if entry.exponent is None:
        raise MoneyError("currency", f"{currency} is not a currency that payments can be made in")
    return int(entry.exponent)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents for EUR, yen for JPY) of an ISO 4217 currency."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, value: str, currency: str) -> Money:
        """Read the contract's decimal string. Raises MoneyError when it has too many decimals or is not positive."""
        digits = exponent(currency)
        # looked at before it is computed with: a short exponent is a number of a million digits
        if not _PLAIN.fullmatch(value):
            raise MoneyError("value", "must be a plain decimal number")
        scaled = Decimal(value).scaleb(digits)
        minor = int(scaled)
        if minor != scaled or len(value.partition(".")[2]) > digits:
            raise MoneyError("value", f"{currency} has at most {digits} decimals")
        if not 0 < minor <= MAX_MINOR_UNITS:
            raise MoneyError("value", "must be more than zero and at most 10^15 minor units")
        return cls(minor, currency)

    @property
    def value(self) -> str:
        """The decimal string, with exactly the decimals of the currency."""
        digits = exponent(self.currency)
        if not digits:
            return str(self.minor)
        whole, rest = divmod(abs(self.minor), 10**digits)
        return f"{'-' if self.minor < 0 else ''}{whole}.{rest:0{digits}}"

    def __str__(self) -> str:
        return f"{self.value} {self.currency}"
