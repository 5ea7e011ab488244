"""What callers may write for a field: exact amounts, moments and spans of time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeAlias

from fusionx.type.v1.money_pb2 import Money
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

Amount: TypeAlias = Money | tuple[str, str]
"""An exact amount: the message, or value and currency, `("12.00", "EUR")`."""

Moment: TypeAlias = datetime | Timestamp
"""A point in time; a datetime has its time zone."""

Span: TypeAlias = timedelta | Duration
"""A length of time."""


def money(amount: Amount | None) -> Money | None:
    """Return the message of an amount. Raises TypeError for numbers: floats cannot hold amounts exactly."""
    if amount is None or isinstance(amount, Money):
        return amount
    value, currency = amount
    if not isinstance(value, str) or not isinstance(currency, str):
        raise TypeError('an amount is two texts, such as ("12.00", "EUR")')
    return Money(value=value, currency=currency)


def moment(time: Moment | None) -> Timestamp | None:
    """Return the message of a point in time. Raises ValueError for a datetime without a time zone."""
    if time is None or isinstance(time, Timestamp):
        return time
    if time.tzinfo is None:
        raise ValueError("a datetime needs a time zone, such as datetime.now(UTC)")
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def span(length: Span | None) -> Duration | None:
    """Return the message of a length of time."""
    if length is None or isinstance(length, Duration):
        return length
    duration = Duration()
    duration.FromTimedelta(length)
    return duration


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None: what is left out is not sent."""
    return {name: value for name, value in fields.items() if value is not None}
