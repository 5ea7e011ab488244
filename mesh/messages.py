"""Parts that the messages of every contract share, to values and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar

from fusionx.type.v1 import money_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from mesh import hints
from mesh.errors import invalid
from mesh.money import Money, MoneyError

MOST_SHOWN = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MadeT = TypeVar("MadeT")
MessageT = TypeVar("MessageT", bound=Message)


def shown_once(show: Callable[[MadeT], MessageT]) -> Callable[[MadeT], MessageT]:
    """Have what makes the message of a value make it once: what is stored as an answer, published and answered is one.

    A value is known by its identity, so it must not change; neither must the message.
    """
    shown: dict[int, tuple[MadeT, MessageT]] = {}

    @wraps(show)
    def remembering(made: MadeT) -> MessageT:
        found = shown.get(id(made))
        if found is None:
            if len(shown) >= MOST_SHOWN:
                del shown[next(iter(shown))]
            # kept as well: as long as it is, no other value has its identity
            found = shown[id(made)] = made, show(made)
        return found[1]

    return remembering


def timestamp(moment: datetime) -> Timestamp:
    """Return a moment, of any zone, as contracts show it: `FromDatetime` takes twice as long."""
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


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


def document(message: Message) -> dict[str, Any]:
    """Return a message as the API shows it in JSON: in the contract's own names, and with what is empty."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
