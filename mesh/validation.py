"""Requests are held against the rules written in the contract, before any of our code sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from mesh.cards.numbers import contains_card_number
from mesh.errors import FieldViolation, invalid_fields


def validate(request: Message) -> None:
    """Hold a request against its protovalidate rules, and against what no text may hold: NUL, and card numbers.

    Raises ApiError INVALID_ARGUMENT that names every wrong field at once; reason CARD_NUMBER_REFUSED for card numbers,
    and the number itself is not repeated.
    """
    violations = protovalidate.collect_violations(request)
    if violations:
        raise invalid_fields([_violation(violation.proto) for violation in violations])
    if not any(fields_with(request, _is_refused)):
        return
    # PostgreSQL's texts cannot hold it
    if unstorable := [FieldViolation(path, "must not hold a NUL character") for path in fields_with(request, _has_nul)]:
        raise invalid_fields(unstorable)
    cards = [FieldViolation(path, "must not hold a card number") for path in fields_with(request, has_card_number)]
    raise invalid_fields(cards, "CARD_NUMBER_REFUSED")


def _has_nul(text: str) -> bool:
    return "\0" in text


def has_card_number(text: str) -> bool:
    """Whether a text of a request holds a card number."""
    return contains_card_number(text)


def _is_refused(text: str) -> bool:
    return _has_nul(text) or has_card_number(text)


def fields_with(message: Message, wrong: Callable[[str], bool], prefix: str = "") -> Iterator[str]:
    """Yield the path of each text in a message that is wrong; never the text itself."""
    for field, value in message.ListFields():
        path = prefix + field.name
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            yield from _pairs_with(value, wrong, path)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and field.is_repeated:
            for number, item in enumerate(value):
                yield from fields_with(item, wrong, f"{path}[{number}].")
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            yield from fields_with(value, wrong, f"{path}.")
        elif field.type == FieldDescriptor.TYPE_STRING and any(map(wrong, value if field.is_repeated else [value])):
            yield path


def _pairs_with(pairs: Any, wrong: Callable[[str], bool], path: str) -> Iterator[str]:
    for key, value in pairs.items():
        if isinstance(key, str) and wrong(key):
            yield path
        elif isinstance(value, str) and wrong(value):
            yield f"{path}[{key}]"


def _violation(violation: Any) -> FieldViolation:
    """Name the field. A rule of the whole message names it at the start of its text, `field: what is wrong`."""
    if violation.field is not None and violation.field.elements:
        return FieldViolation(_path(violation.field), violation.message)
    name, _, description = violation.message.partition(": ")
    return FieldViolation(name, description)


def _path(path: Any) -> str:
    parts = []
    for element in path.elements:
        key = element.subscript
        parts.append(f"{element.field_name}[{key.value}]" if key is not None else element.field_name)
    return ".".join(parts)
