"""Requests are held against the rules written in the contract, before any of our code sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

import protovalidate
from fusionx.type.v1 import money_pb2
from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from mesh import hints
from mesh.cards.numbers import contains_card_number
from mesh.contract.descriptors import is_map
from mesh.errors import ApiError, FieldViolation, invalid_fields
from mesh.messages import money

MAX_VIOLATIONS = 100
"""How many of what is wrong a client is told at once."""
MAX_TOLD_AT_ONCE = 4 << 10
"""Bytes of a request, of which all that is wrong is told; of a longer one what is found first."""


FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
"""Of a Timestamp: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z."""
MOST_SECONDS = 315_576_000_000
"""Of a Duration, in either direction."""

MAX_WHOLE, MAX_DECIMALS = 12, 4
"""Digits of an amount, as the contract has them: before and after the point."""
_DECIMAL = re.compile(r"([1-9][0-9]*|0)(?:\.([0-9]+))?")
_PLAIN = 'must be a plain decimal such as "12.00": digits and at most one point, no sign'
_PATTERNS = {
    "currency": 'must be an ISO 4217 currency code in capitals, such as "EUR"',
    "min_amount": _PLAIN,
    "max_amount": _PLAIN,
}
"""What fields want that have a pattern, in words."""


def validate(request: Message) -> None:
    """Hold a request against its protovalidate rules, and against what no text may hold: NUL, and card numbers.

    Raises ApiError INVALID_ARGUMENT that names every wrong field at once; reason CARD_NUMBER_REFUSED for card numbers,
    and the number itself is not repeated.
    """
    # first: a rule may read a time
    if out_of_range := list(islice(_times_out_of_range(request), MAX_VIOLATIONS)):
        raise invalid_fields(out_of_range)
    if found := _found(request):
        raise invalid_fields(_all(request, found))
    if not any(fields_with(request, _is_refused)):
        return
    # PostgreSQL's texts cannot hold it
    if unstorable := [FieldViolation(path, "must not hold a NUL character") for path in fields_with(request, _has_nul)]:
        raise invalid_fields(unstorable)
    cards = [FieldViolation(path, "must not hold a card number") for path in fields_with(request, has_card_number)]
    raise invalid_fields(cards, "CARD_NUMBER_REFUSED")


def violations_of(request: Message) -> list[FieldViolation]:
    """Return what the contract's rules do not take of a request, and its amounts, with what was probably meant."""
    return _all(request, _found(request))


def _found(request: Message) -> Sequence[Any]:
    return protovalidate.collect_violations(request, fail_fast=_is_long(request))


def _is_long(request: Message) -> bool:
    return request.ByteSize() > MAX_TOLD_AT_ONCE


def _all(request: Message, found: Sequence[Any]) -> list[FieldViolation]:
    """Add what is wrong with amounts, which otherwise their readers look at: all is told at once."""
    violations = [_violation(violation) for violation in found[:MAX_VIOLATIONS]]
    if found and _is_long(request):
        return violations
    # what breaks a rule already is not read any further
    named = {violation.field.rpartition(".")[0] for violation in violations}
    return violations + list(islice(_amounts(request, named), MAX_VIOLATIONS - len(violations)))


def _amounts(message: Message, named: Collection[str], prefix: str = "") -> Iterator[FieldViolation]:
    """Yield what is wrong with the amounts that a message holds, but for those that are named already."""
    for field, value in message.ListFields():
        if field.message_type is None or is_map(field):
            continue
        items = enumerate(value) if field.is_repeated else [("", value)]
        for number, item in items:
            path = f"{prefix}{field.name}[{number}]" if field.is_repeated else prefix + field.name
            if isinstance(item, money_pb2.Money):
                if path in named:
                    continue
                try:
                    money(item, path)
                except ApiError as error:
                    yield from error.violations
            else:
                yield from _amounts(item, named, f"{path}.")


def _times_out_of_range(message: Message, prefix: str = "") -> Iterator[FieldViolation]:
    """Yield the times that no calendar has and the spans that are no span: what reads them would fail."""
    for field, value in message.ListFields():
        if field.message_type is None or is_map(field) or not _holds_times(field.message_type):
            continue
        for number, item in enumerate(value if field.is_repeated else [value]):
            path = f"{prefix}{field.name}[{number}]" if field.is_repeated else prefix + field.name
            if isinstance(item, timestamp_pb2.Timestamp):
                if not FIRST_SECOND <= item.seconds <= LAST_SECOND or not 0 <= item.nanos < 10**9:
                    yield FieldViolation(path, "must be a time from year 1 to 9999, with 0 to 999,999,999 nanos")
            elif isinstance(item, duration_pb2.Duration):
                is_mixed = item.seconds * item.nanos < 0
                if abs(item.seconds) > MOST_SECONDS or abs(item.nanos) >= 10**9 or is_mixed:
                    yield FieldViolation(path, "must be a span of 10,000 years at the most, with nanos of its sign")
            else:
                yield from _times_out_of_range(item, f"{path}.")


@cache
def _holds_times(message: Descriptor) -> bool:
    """Whether a message is a time or a span, or one may be in it: what holds none is not walked through."""
    seen, left = set[Descriptor](), [message]
    while left:
        # a message may hold others of its own kind
        if (one := left.pop()) not in seen:
            seen.add(one)
            left += [field.message_type for field in one.fields if field.message_type is not None]
    return not seen.isdisjoint((timestamp_pb2.Timestamp.DESCRIPTOR, duration_pb2.Duration.DESCRIPTOR))


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
        if is_map(field):
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
    told = violation.proto
    if told.field is not None and told.field.elements:
        path = _path(told.field)
        return FieldViolation(path, _said(violation, path) + _hint(violation, path))
    name, _, description = told.message.partition(": ")
    return FieldViolation(name, description)


def _said(violation: Any, path: str) -> str:
    """Return what a rule says, in words of ours where the validator's own are no help."""
    told, text = violation.proto, violation.field_value
    message: str = told.message
    if told.rule_id == "money.value" and (number := _DECIMAL.fullmatch(text)):
        if len(number[1]) > MAX_WHOLE:
            return f"is too large: {MAX_WHOLE} digits before the point are the most"
        if number[2] and len(number[2]) > MAX_DECIMALS:
            return f"has too many decimals: {MAX_DECIMALS} at the most"
    if told.rule_id == "string.in":
        return f"must be one of: {', '.join(map(hints.quoted, filter(None, violation.rule_value)))}"
    if told.rule_id == "field_mask.in":
        return f"names what cannot be changed; there are: {', '.join(sorted(violation.rule_value))}"
    if told.rule_id == "string.pattern":
        return _PATTERNS.get(path.rpartition(".")[2], message)
    return message


def _hint(violation: Any, path: str) -> str:
    """Return what was probably meant by a text that breaks a rule."""
    text = violation.field_value
    if not isinstance(text, str) or not text or len(text) > hints.MAX_REPEATED:
        return ""
    rule = violation.proto.rule_id
    if path.endswith("currency"):
        return hints.meant(hints.quoted(hints.currency(text)))
    if rule == "money.value":
        return hints.meant(hints.quoted(hints.decimal(text)))
    if rule == "string.pattern":
        return hints.meant(hints.quoted(hints.near_text(text, violation.rule_value)))
    if rule == "string.uuid" and path == "order_id":
        return "; it is the `order_id` of the answer to POST /v1/orders, not your merchant_order_id"
    return ""


def _path(path: Any) -> str:
    parts = []
    for element in path.elements:
        key = element.subscript
        parts.append(f"{element.field_name}[{key.value}]" if key is not None else element.field_name)
    return ".".join(parts)
