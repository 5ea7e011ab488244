"""What answers are made of: the contract's messages, with statuses as words and times as datetimes."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Self

from google.protobuf.message import Message

AS_THEY_ARE = "fusionx.type.v1.Money"
"""Messages that callers write themselves, and so read as they are."""
OTHER_NAMES: Mapping[str, Mapping[str, str]] = {
    "fusionx.notify.v1.Event": {"id": "event_id", "timestamp": "create_time"}
}
"""Fields that have a second name: a webhook's document calls them so, and programs find either in every event."""


class Word(str):
    """The name of an enum's value: `order.status == "SUCCESS"`.

    `==` takes the contract's number too. A set finds things by their hash, and so finds words by words alone:
    `order.status in {"SUCCESS"}`.
    """

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

    def __getnewargs__(self) -> tuple[str, int]:  # type: ignore[override]  # a text has one argument
        return str(self), self.number


_NEWER: OrderedDict[int, str] = OrderedDict()
_MOST_NEWER = 1000


def number_of_newer(word: str) -> int:
    """Return a number for a word that is newer than this package: a message holds it, and the word is shown again."""
    number = -(zlib.crc32(word.encode()) >> 1) - 1
    _NEWER[number] = word
    if len(_NEWER) > _MOST_NEWER:
        _NEWER.popitem(last=False)
    return number


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an answer beside its message."""

    replayed: bool = False
    request_id: str = ""

    @classmethod
    def by(cls, *metadata: Iterable[tuple[str, Any]] | None) -> Self:
        """Read it from what came along."""
        headers = {name: value for one in metadata for name, value in one or ()}
        return cls(headers.get("idempotent-replayed") == "true", str(headers.get("x-request-id", "")))


class Model:
    """An answer: a view of the contract's message. What is not set is None; `proto` is the message itself.

    Of the answer to a call, `replayed` says whether it is that of an earlier request under the same idempotency key,
    and `request_id` is what support asks for.
    """

    __slots__ = ("proto", "replayed", "request_id")
    proto: Message
    replayed: bool
    request_id: str

    def __init__(self, proto: Message, told: Told = Told()) -> None:  # it cannot change
        self.proto = proto
        self.replayed = told.replayed
        self.request_id = told.request_id

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in Model.__slots__:
            raise AttributeError(name)
        name = _also_of(self.proto).get(name, name)
        field = self.proto.DESCRIPTOR.fields_by_name.get(name)
        value = getattr(self.proto, name)
        if field is None:
            return value
        if is_map(field):
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


def is_map(field: Any) -> bool:
    """Whether a field is a map, which descriptors show as a list of pairs."""
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _also_of(proto: Message) -> Mapping[str, str]:
    return OTHER_NAMES.get(proto.DESCRIPTOR.full_name, {})


def _shown(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        # a value that is newer than this package has no name here, but for the one that its document had
        return Word(known.name if known else _NEWER.get(value, str(value)), value)
    if field.message_type is None or field.message_type.full_name == AS_THEY_ARE:
        return value
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return value.ToDatetime(UTC)
    if field.message_type.full_name == "google.protobuf.Duration":
        return value.ToTimedelta()
    return Model(value)
