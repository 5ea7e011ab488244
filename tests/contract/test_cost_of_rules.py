"""What it takes to hold a request against the contract's rules grows with the request, and not faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from mesh.errors import ApiError
from mesh.rpc.headers import MAX_BODY
from mesh.validation import validate
from tests.contract.test_contracts import METHODS

SHORT = 0.02
"""Seconds of processor time that are asked no questions."""
GROWTH = 9
"""How much longer four times as long a request may take: linear is 4, squared 16."""
DEEPEST = 3

Path = tuple[FieldDescriptor, ...]


def _paths(message: Descriptor, before: Path = ()) -> Iterator[Path]:
    """Yield the way to each field of a request that can be long, but for those of maps, which are fields themselves."""
    for field in message.fields:
        here = (*before, field)
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.is_repeated or field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            yield here
        if field.message_type is not None and not is_map and len(here) < DEEPEST:
            yield from _paths(field.message_type, here)


REQUESTS = {method.input_type.full_name: method.input_type for method in METHODS}
LONG = [(message, path) for message in REQUESTS.values() for path in _paths(message)]


def _filled(message: Descriptor, path: Path, size: int, text: Callable[[int], str]) -> Message:
    """Return a request with as much in one field as makes up its size, each value as short as it can be."""
    request: Message = GetMessageClass(message)()
    at: Any = request
    for field in path[:-1]:
        at = getattr(at, field.name).add() if field.is_repeated else getattr(at, field.name)
    last = path[-1]
    held = getattr(at, last.name)
    if not last.is_repeated:
        whole = "".join(map(text, range(size)))[:size]
        setattr(at, last.name, whole.encode() if last.type == FieldDescriptor.TYPE_BYTES else whole)
        return request
    number = 0
    while number % 64 or request.ByteSize() < size:
        if last.message_type is None:
            held.append(text(number) if last.type == FieldDescriptor.TYPE_STRING else number % 7)
        elif last.message_type.GetOptions().map_entry:
            held[f"{number:x}"] = ""
        else:
            held.add()
        number += 1
    return request


def _seconds(request: Message) -> float:
    """Return the processor time that the rules take, at the best of three."""
    found = []
    for _ in range(3):
        started = time.thread_time()
        with suppress(ApiError):
            validate(request)
        found.append(time.thread_time() - started)
        if found[-1] < SHORT:
            break
    return min(found)


@pytest.mark.parametrize("message", REQUESTS.values(), ids=REQUESTS.keys())
def test_lists_and_maps_of_requests_have_an_end(message: Descriptor) -> None:
    for path in _paths(message):
        if path[-1].is_repeated and path[-1].full_name.startswith("fusionx."):
            rules = path[-1].GetOptions().Extensions[validate_pb2.field]
            assert rules.repeated.max_items or rules.map.max_pairs, [field.name for field in path]


@pytest.mark.parametrize("text", [lambda n: f"{n:x}", lambda _: "4", lambda _: "Aa."], ids=["each", "digits", "same"])
@pytest.mark.parametrize(
    ("message", "path"), LONG, ids=[f"{m.full_name}:{'.'.join(f.name for f in p)}" for m, p in LONG]
)
def test_rules_take_as_long_as_a_request_is(message: Descriptor, path: Path, text: Callable[[int], str]) -> None:
    took = _seconds(_filled(message, path, MAX_BODY, text))
    assert took < SHORT or took < GROWTH * _seconds(_filled(message, path, MAX_BODY // 4, text))
