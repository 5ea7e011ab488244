"""Requests are held against the rules written in the contract, before any of our code sees them."""

from __future__ import annotations

from typing import Any

import protovalidate
from google.protobuf.message import Message

from mesh.cards import fields_with_card_numbers
from mesh.errors import FieldViolation, invalid_fields


def validate(request: Message) -> None:
    """Hold a request against its protovalidate rules, and against card numbers in any text.

    Raises ApiError INVALID_ARGUMENT that names every wrong field at once; reason CARD_NUMBER_REFUSED for the latter,
    and the number itself is not repeated.
    """
    violations = protovalidate.collect_violations(request)
    if violations:
        raise invalid_fields([_violation(violation.proto) for violation in violations])
    cards = [FieldViolation(path, "must not hold a card number") for path in fields_with_card_numbers(request)]
    if cards:
        raise invalid_fields(cards, "CARD_NUMBER_REFUSED")


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
