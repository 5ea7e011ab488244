"""What callers may write for a field: exact amounts, moments and spans of time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeAlias, TypeVar

from fusionx.type.v1.money_pb2 import Money
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fusionxpay_client.answers import is_map

MessageT = TypeVar("MessageT", bound=Message)


class Omitted(Enum):
    """What a field is that nobody has given, where None would be taken for "all"."""

    OMITTED = "left out"

    def __repr__(self) -> str:
        return self.name


OMITTED: Final = Omitted.OMITTED

Amount: TypeAlias = Money | tuple[str, str]
"""An exact amount: the message, or value and currency, `("12.00", "EUR")`."""

Moment: TypeAlias = datetime | Timestamp
"""A point in time; a datetime has its time zone."""

Span: TypeAlias = timedelta | Duration
"""A length of time."""


def money(amount: Amount | Omitted | None) -> Money | Omitted | None:
    """Return the message of an amount. Raises TypeError for numbers: floats cannot hold amounts exactly."""
    if amount is None or isinstance(amount, Money | Omitted):
        return amount
    match amount:
        case (str(value), str(currency)):
            return Money(value=value, currency=currency)
    raise TypeError(f'an amount is two texts, such as ("12.00", "EUR"), not {_said(amount)}')


def moment(time: Moment | Omitted | None) -> Timestamp | Omitted | None:
    """Return the message of a point in time. Raises ValueError for a datetime without a time zone."""
    if time is None or isinstance(time, Timestamp | Omitted):
        return time
    if not isinstance(time, datetime):
        raise TypeError(f"a time is a datetime with its zone, such as datetime.now(UTC), not {_said(time)}")
    if time.tzinfo is None:
        raise ValueError("a datetime needs a time zone, such as datetime.now(UTC)")
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def span(length: Span | Omitted | None) -> Duration | Omitted | None:
    """Return the message of a length of time. Raises TypeError for a number: nobody knows of what."""
    if length is None or isinstance(length, Duration | Omitted):
        return length
    if not isinstance(length, timedelta):
        raise TypeError(f"a length of time is a timedelta, such as timedelta(hours=1), not {_said(length)}")
    duration = Duration()
    duration.FromTimedelta(length)
    return duration


def mask(names: Collection[str] | Omitted | None) -> FieldMask | Omitted | None:
    """Return the message of the names of fields. Raises TypeError for one text: it would be taken for its letters."""
    if names is None or isinstance(names, Omitted):
        return names
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f'fields are a list of names, such as ["expire_time"], not {_said(names)}')
    return FieldMask(paths=names)


def made(kind: type[MessageT], widening: Collection[str] = (), /, **fields: Any) -> MessageT:
    """Return the message of fields; those that are None are not sent.

    Raises TypeError that names the field of another kind than the contract's, and what is wanted there; also for None,
    and for an id that is empty, where that would be taken for all there are: those are the `widening` ones.
    """
    known = {name: value for name, value in fields.items() if value is not None and value is not OMITTED}
    for name in widening:
        if fields[name] is None or (fields[name] == "" and name.endswith("_id")):
            away = ", and name it in update_mask to take it away" if "update_mask" in fields else ""
            raise TypeError(f"{name} is {fields[name]!r}: leave it out{away}, or give it a value")
    for name, value in known.items():
        if isinstance(value, str) and kind.DESCRIPTOR.fields_by_name[name].is_repeated:
            # a text would be taken for a list of its letters
            raise _mistaken(kind, name, value)
    try:
        return kind(**known)
    except (TypeError, ValueError, AttributeError):
        for name, value in known.items():
            if not _takes(kind, name, value):
                raise _mistaken(kind, name, value) from None
        raise


def _takes(kind: type[Message], name: str, value: object) -> bool:
    try:
        kind(**{name: value})
    except (TypeError, ValueError, AttributeError):
        return False
    return True


def _mistaken(kind: type[Message], name: str, value: object) -> TypeError:
    """Return what to raise: it names the element of a list, or the key of a dict, that is of another kind."""
    field = kind.DESCRIPTOR.fields_by_name[name]
    if isinstance(value, list | tuple) and field.is_repeated and not is_map(field):
        for number, one in enumerate(value):
            if not _takes(kind, name, [one]):
                return TypeError(f"{name}[{number}]: {_one(field)}, not {_said(one)}")
    if isinstance(value, dict) and is_map(field):
        for key, one in value.items():
            if not _takes(kind, name, {key: one}):
                whose, wrong = (f"[{key!r}]", one) if isinstance(key, str) else (", a key of it", key)
                return TypeError(f"{name}{whose}: a text, not {_said(wrong)}")
    return TypeError(f"{name}: {_wanted(field)}, not {_said(value)}")


_KINDS = {FieldDescriptor.CPPTYPE_STRING: "text", FieldDescriptor.CPPTYPE_BOOL: "True or False"}


def _wanted(field: Any) -> str:
    """Return what a field takes, in words."""
    if is_map(field):
        return 'a dict of texts, such as {"cart": "7"}'
    return f"a list, each {_one(field)}" if field.is_repeated else _one(field)


def _one(field: Any) -> str:
    """Return what a field, or each element of it, is."""
    if field.enum_type:
        names = [name for name in field.enum_type.values_by_name if not name.endswith("_UNSPECIFIED")]
        return f"one of {', '.join(names)}"
    if field.message_type:
        return f"a {field.message_type.name}"
    one = _KINDS.get(field.cpp_type, "number")
    return one if one.startswith("True") else f"a {one}"


def _said(value: object) -> str:
    """Return what was given instead: its kind, and where nothing secret can be in it the value as well."""
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return f"a tuple of {' and '.join(map(_said, value)) or 'nothing'}"
    return f"a {type(value).__name__}" if not isinstance(value, str) else "a text"
