"""JSON and query values held against the fields of the contract, with what was probably meant where they do not fit."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from mesh import hints
from mesh.contract.descriptors import is_map
from mesh.errors import FieldViolation
from mesh.rpc.absence import widens

MAX_DEPTH = 16
MONEY = "fusionx.type.v1.Money"
MASK = "google.protobuf.FieldMask"
_INTEGERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_LOST_PLUS = re.compile(r"([0-9-]{10}T[0-9:.]{5,20}) ([0-9]{2}:[0-9]{2})")
"""A time whose + was sent as it is: in a query it stands for a space."""
_TIMES: dict[str, type[Message]] = {
    "google.protobuf.Timestamp": Timestamp,
    "google.protobuf.Duration": Duration,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request something stands: of which verb it is, its path, and how much deeper it may go."""

    verb: str
    path: str = ""
    depth: int = MAX_DEPTH

    def at(self, path: str) -> Place:
        """Return another place of the same depth."""
        return replace(self, path=path)

    def within(self) -> Place:
        """Return the place of what an object here holds."""
        return Place(self.verb, f"{self.path}.", self.depth - 1)


def field_of(message: Descriptor, name: str) -> FieldDescriptor | None:
    """Return a field by its name or by its JSON name: both are taken (ProtoJSON)."""
    return message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)


def unknown(name: str, kind: str, message: Descriptor, known: Collection[str]) -> str:
    """Say that there is no such field, which one was probably meant, and which there are."""
    within = [f"{field}.{name}" for field, inner in _nested(message) if name in inner.fields_by_name]
    near = hints.near_name(name, known) or next(iter(within), "")
    return f"is not a {kind} here{hints.meant(hints.quoted(near))}; there are: {', '.join(sorted(known)) or 'none'}"


def _nested(message: Descriptor) -> list[tuple[str, Descriptor]]:
    fields = ((field.name, _ours(field)) for field in message.fields if not field.is_repeated)
    return [(name, inner) for name, inner in fields if inner is not None]


def _ours(field: FieldDescriptor) -> Descriptor | None:
    """Return the message of ours that a field holds, if it holds one."""
    return field.message_type if _type(field).startswith("fusionx.") else None


@cache
def most_items(field: FieldDescriptor) -> int:
    """Return how many values the contract lets a list have."""
    rules = field.GetOptions().Extensions[validate_pb2.field].repeated
    return rules.max_items if rules.HasField("max_items") else sys.maxsize


def _type(field: FieldDescriptor) -> str:
    return field.message_type.full_name if field.message_type is not None else ""


def of_parameter(field: FieldDescriptor, name: str, text: str) -> Iterator[FieldViolation]:
    """Yield what is wrong with the text of a query parameter."""
    if not text and field.name.endswith("_id") and widens("GET", field):
        yield FieldViolation(name, "is empty: leave it out, or give it a value")
        return
    if field.enum_type is not None:
        fits = text.upper() in field.enum_type.values_by_name
    elif field.cpp_type in _INTEGERS:
        fits = _INTEGER.fullmatch(text) is not None
    elif field.message_type is not None:
        fits = _is_time(field, text)
    else:
        fits = True
    if not fits and field.message_type is not None and (lost := _LOST_PLUS.fullmatch(text)):
        yield FieldViolation(name, f"in a query + stands for a space: write {lost[1]}%2B{lost[2]}")
    elif not fits:
        yield FieldViolation(name, _expectation(field, text))


def of_object(document: dict[str, Any], message: Descriptor, place: Place) -> Iterator[FieldViolation]:
    """Yield every field that the message does not have, and every one whose value is of another type, or is missing."""
    seen: set[str] = set()
    for name, value in document.items():
        field, path = field_of(message, name), place.path + name
        if field is None:
            yield FieldViolation(path, unknown(name, "field", message, message.fields_by_name))
        elif field.name in seen:
            yield FieldViolation(path, f"is another name of {field.name}, which is there as well")
        elif value is None:
            if widens(place.verb, field):
                away = ", and name it in update_mask to take it away" if "update_mask" in message.fields_by_name else ""
                yield FieldViolation(path, f"is null: leave it out{away}, or give it a value")
        elif _type(field) == MONEY and not field.is_repeated:
            yield from _of_money(value, field, place.at(path), document)
        else:
            yield from _of_value(field, value, place.at(path))
        if field is not None:
            seen.add(field.name)


def _of_money(value: Any, field: FieldDescriptor, place: Place, beside: dict[str, Any]) -> Iterator[FieldViolation]:
    if isinstance(value, dict):
        yield from _of_item(field, value, place)
    else:
        code = beside.get("currency")
        meant = hints.amount(value, code if isinstance(code, str) else "")
        unit = "; amounts are in the currency's own unit, not in cents" if isinstance(value, int) and meant else ""
        yield FieldViolation(place.path, f"must be an object of value and currency{hints.meant(meant)}{unit}")


def _of_value(field: FieldDescriptor, value: Any, place: Place) -> Iterator[FieldViolation]:
    if place.depth == 0:
        yield FieldViolation(place.path, "is nested too deep")
    elif is_map(field):
        yield from _of_map(value, place.path)
    elif not field.is_repeated:
        yield from _of_item(field, value, place)
    elif isinstance(value, list) and len(value) > most_items(field):
        # in the words of the contract's own rule, and without a look at any of them
        yield FieldViolation(place.path, f"must contain no more than {most_items(field)} item(s)")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _of_item(field, item, place.at(f"{place.path}[{number}]"))
    else:
        one = json.dumps([value]) if isinstance(value, str) and hints.quoted(value) else ""
        yield FieldViolation(place.path, f"must be a list{hints.meant(one)}")


def _of_map(value: Any, path: str) -> Iterator[FieldViolation]:
    wrong = "must be an object whose values are strings"
    if not isinstance(value, dict):
        yield FieldViolation(path, wrong)
    elif names := [name for name, item in value.items() if not isinstance(item, str)]:
        item = value[names[0]]
        text = hints.quoted(json.dumps(item)) if isinstance(item, bool | int | float) else ""
        near = f"{{{hints.quoted(names[0])}: {text}}}" if text and hints.quoted(names[0]) else ""
        yield FieldViolation(path, f"{wrong}{hints.meant(near)}")


def _of_item(field: FieldDescriptor, value: Any, place: Place) -> Iterator[FieldViolation]:
    if (message := _ours(field)) is not None:
        if isinstance(value, dict):
            yield from of_object(value, message, place.within())
        else:
            yield FieldViolation(place.path, "must be an object")
    elif not _is_value(field, value):
        yield FieldViolation(place.path, _expectation(field, value))


def _is_value(field: FieldDescriptor, value: Any) -> bool:
    """Whether a JSON value can be the scalar that the field holds; most of Google's own are left to the transcoder."""
    if field.enum_type is not None:
        return isinstance(value, str) and value.upper() in field.enum_type.values_by_name
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return isinstance(value, str)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return isinstance(value, bool)
    if field.cpp_type in _INTEGERS:
        return not isinstance(value, bool) and _INTEGER.fullmatch(str(value)) is not None
    if _type(field) == MASK:
        return isinstance(value, str)
    return field.message_type is None or _is_time(field, value)


def _is_time(field: FieldDescriptor, value: Any) -> bool:
    kind = _TIMES.get(_type(field))
    if kind is None:
        return True
    try:
        kind().FromJsonString(value)  # type: ignore[attr-defined]  # both have it
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _expectation(field: FieldDescriptor, value: Any) -> str:
    """Say what the field takes, and what the value was probably meant to be."""
    if field.enum_type is not None:
        # the first one means "not said", and nobody sends it
        names = [one.name for one in field.enum_type.values if one.number]
        near = _near_values(field, value, names) if isinstance(value, str) else ""
        return f"must be one of: {', '.join(names)}{hints.meant(near)}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return f"must be a string{hints.meant(_as_text(field, value))}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        near = str(value).lower() if str(value).lower() in ("true", "false") else ""
        return f"must be true or false{hints.meant(near)}"
    if field.message_type is None:
        return "must be a whole number"
    if _type(field) == MASK:
        names = value if isinstance(value, list) and all(isinstance(name, str) for name in value) else []
        return f"must be a string of names with commas between{hints.meant(hints.quoted(','.join(names)))}"
    if _type(field) == "google.protobuf.Duration":
        return f'must be a number of seconds such as "90s"{hints.meant(hints.quoted(hints.span(value)))}'
    example = 'must be a time in RFC 3339 with its zone, T and Z in capitals, such as "2026-12-24T18:00:00Z"'
    return f"{example}{hints.meant(hints.quoted(hints.time(value)))}"


def _near_values(field: FieldDescriptor, text: str, names: Sequence[str]) -> str:
    """Return the value that a text was probably meant to be; of a list, all that stand in one text with commas."""
    parts = text.split(",") if field.is_repeated and text.count(",") < len(names) else [text]
    near = [hints.quoted(hints.near_value(part, names)) for part in parts]
    if not all(near) or len(near) == 1:
        return near[0] if len(near) == 1 else ""
    return f"{' and '.join(near)}, each a value of its own"


def _as_text(field: FieldDescriptor, value: Any) -> str:
    """Return a number as the text that it should have been."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    is_amount = field.containing_type is not None and field.containing_type.full_name == MONEY
    return hints.quoted(f"{value:.2f}" if is_amount and isinstance(value, float) else f"{value}")
