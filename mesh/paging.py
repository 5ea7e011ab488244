"""Page tokens (AIP-158): where the last page ended, bound to the list and the filters it was made with."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from mesh.errors import invalid
from mesh.messages import document

DEFAULT_SIZE = 20
MAX_JSON = 512 << 10
"""What a list answers with at the most: half of what Envoy takes to translate (`max_response_body_size`)."""
WIDEST = 6
"""How many letters JSON takes for a byte at the most: text that is escaped takes six, fields with their names fewer.

A nearly empty message within another takes more; what Envoy takes has room for twice as much.
"""
_EMPTY: dict[str, int] = {}
"""How long a message without anything in it is in JSON, by its name."""
ItemT = TypeVar("ItemT")
MessageT = TypeVar("MessageT", bound=Message)
ListRequest = Any
"""A message with `page_size` and `page_token`: generated messages have no type in common that says so."""


def _binding(request: Message) -> bytes:
    """Return a digest of the list and its filters: of everything in a list request that is not about paging."""
    return _digest(f"{request.DESCRIPTOR.full_name}\0".encode() + _filters(request))


def _filters(request: Message) -> bytes:
    filters = type(request)()
    filters.CopyFrom(request)
    for field in ("page_size", "page_token"):
        filters.ClearField(field)
    return filters.SerializeToString(deterministic=True)


def _digest(of: bytes) -> bytes:
    return hashlib.sha256(of).digest()[:8]


async def page(
    request: ListRequest,
    read: Callable[[UUID | None, int], Awaitable[Sequence[ItemT]]],
    id_of: Callable[[ItemT], UUID],
    message_of: Callable[[ItemT], MessageT],
) -> tuple[list[MessageT], str]:
    """Return the messages of the page that is asked for and the token of the next one, empty on the last page.

    `read` returns up to so many items after the one with an id: one more is read than asked, to know whether there are
    more. A page that would be too large to be translated ends earlier. Raises ApiError INVALID_ARGUMENT as `decode`
    does.
    """
    size = request.page_size or DEFAULT_SIZE
    found = await read(decode(request, request.page_token), size + 1)
    shown = that_fit(map(message_of, found[:size]))
    return shown, encode(request, id_of(found[len(shown) - 1])) if len(found) > len(shown) else ""


def that_fit(messages: Iterable[MessageT]) -> list[MessageT]:
    """Return the first of messages that can be answered with together; one at the least."""
    found = list(messages)
    left, rest = MAX_JSON, sum(map(_at_most, found))
    for number, message in enumerate(found):
        # writing one takes a hundred times as long as asking for its size: only where that does not tell
        if rest <= left:
            break
        rest -= _at_most(message)
        left -= _length(message)
        if left < 0 and number:
            return found[:number]
    return found


def _at_most(message: Message) -> int:
    """Return what a message is no longer than in JSON, without writing it."""
    name = message.DESCRIPTOR.full_name
    if name not in _EMPTY:
        _EMPTY[name] = _length(type(message)())
    return _EMPTY[name] + WIDEST * message.ByteSize()


def _length(message: Message) -> int:
    """Return how long a message is in JSON, at the most: Envoy escapes what could be HTML too, by six letters."""
    text = json.dumps(document(message))
    return len(text) + 5 * sum(map(text.count, "<>&'="))


def encode(request: Message, last: UUID) -> str:
    """Return the token of the page after `last`, for the same filters."""
    # 24 bytes are 32 letters, without padding
    return base64.urlsafe_b64encode(last.bytes + _binding(request)).decode()


def decode(request: Message, token: str) -> UUID | None:
    """Return the id that the token's page starts after; None for the first page.

    Raises ApiError INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, when the token is not of this list and these filters.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    # tokens of 0.4 do not say of which list they are, and go on until 0.6
    if len(raw) != 24 or raw[16:] not in (_binding(request), _digest(_filters(request))):
        raise invalid("page_token", "is not a token of this list with these filters", "PAGE_TOKEN_INVALID")
    return UUID(bytes=raw[:16])
