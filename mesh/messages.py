"""Parts that the messages of every contract share, to values and back."""

from __future__ import annotations

from fusionx.type.v1 import money_pb2

from mesh import hints
from mesh.errors import invalid
from mesh.money import Money, MoneyError


def money(message: money_pb2.Money, field: str) -> Money:
    """Read an amount. Raises ApiError INVALID_ARGUMENT that names the part of `field` that is wrong."""
    try:
        return Money.parse(message.value, message.currency)
    except MoneyError as error:
        raise invalid(f"{field}.{error.field}", str(error) + _meant(message, error.field)) from None


def _meant(message: money_pb2.Money, wrong: str) -> str:
    if wrong == "currency":
        return hints.meant(hints.quoted(hints.currency(message.currency)))
    return hints.meant(hints.quoted(hints.decimal(message.value, message.currency)))


def money_message(amount: Money) -> money_pb2.Money:
    """Return the amount as contracts show it."""
    return money_pb2.Money(value=amount.value, currency=amount.currency)
