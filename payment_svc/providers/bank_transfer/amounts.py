"""Money on the bank's wire: an integer of ISO 4217's minor unit, in the few currencies that the bank takes."""

from __future__ import annotations

from mesh.money import Money
from payment_svc.providers.base import AmountNotSupportedError

CURRENCIES = frozenset(["CHF", "EUR", "GBP", "PLN", "SEK"])
HIGHEST = 10**11


def to_wire(amount: Money) -> int:
    """Return the bank's integer. Raises AmountNotSupportedError for a currency or a sum that it does not take."""
    if amount.currency not in CURRENCIES:
        raise AmountNotSupportedError(f"bank transfers are made in {', '.join(sorted(CURRENCIES))}")
    if amount.minor > HIGHEST:
        raise AmountNotSupportedError(f"a bank transfer is of at most {Money(HIGHEST, amount.currency)}")
    return amount.minor


def from_wire(wire: int, currency: str) -> Money:
    """Return the amount that the bank's integer says."""
    return Money(wire, currency)
