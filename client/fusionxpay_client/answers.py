"""What answers are made of: the contract's messages, with statuses as words and times as datetimes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from google.protobuf.message import Message

AS_THEY_ARE = "fusionx.type.v1.Money"
"""Messages that callers write themselves, and so read as they are."""
OTHER_NAMES: Mapping[str, Mapping[str, str]] = {
    "fusionx.notify.v1.Event": {"id": "event_id", "timestamp": "create_time"}
}
"""Fields that have a second name: a webhook's document calls them so, and programs find either in every event."""


class Word(str):
    """The name of an enum's value: `order.status == "SUCCESS"`. It equals the contract's number too."""

    __slots__ = ("number",)
    number: int

    def __new__(cls, name: str, number: int) -> Word:
        """Make the word of a value."""
        word = super().__new__(cls, name)
        word.number = number
        return word

    def __eq__(self, other: object) -> bool:
        return self.number == other if isinstance(other, int) else str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class Model:
    """An answer: a view of the contract's message. What is not set is None; `proto` is the message itself."""

    __slots__ = ("proto",)
    proto: Message

    def __init__(self, proto: Message) -> None:
        self.proto = proto

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "proto":
            raise AttributeError(name)
        name = _also_of(self.proto).get(name, name)
        field = self.proto.DESCRIPTOR.fields_by_name.get(name)
        value = getattr(self.proto, name)
        if field is None:
            return value
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return dict(value)
        if field.is_repeated:
            return [_shown(field, item) for item in value]
        if field.has_presence and not self.proto.HasField(name):
            return None
        return _shown(field, value)

    def __eq__(self, other: object) -> bool:
        return self.proto == (other.proto if isinstance(other, Model) else other)

    __hash__ = None  # type: ignore[assignment]  # as the message, which may change

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.proto).strip()!r})"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.proto.DESCRIPTOR.fields_by_name, *_also_of(self.proto)]


def _also_of(proto: Message) -> Mapping[str, str]:
    return OTHER_NAMES.get(proto.DESCRIPTOR.full_name, {})


def _shown(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        # a value that is newer than this package has no name here
        return Word(known.name if known else str(value), value)
    if field.message_type is None or field.message_type.full_name == AS_THEY_ARE:
        return value
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return value.ToDatetime(UTC)
    if field.message_type.full_name == "google.protobuf.Duration":
        return value.ToTimedelta()
    return Model(value)
