"""Page tokens (AIP-158): where the last page ended, bound to the filters it was made with."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from mesh.errors import invalid

DEFAULT_SIZE = 20
ItemT = TypeVar("ItemT")
ListRequest = Any
"""A message with `page_size` and `page_token`: generated messages have no type in common that says so."""


def _binding(request: Message) -> bytes:
    """Return a digest of the filters: of everything in a list request that is not about paging."""
    filters = type(request)()
    filters.CopyFrom(request)
    for field in ("page_size", "page_token"):
        filters.ClearField(field)
    return hashlib.sha256(filters.SerializeToString(deterministic=True)).digest()[:8]


async def page(
    request: ListRequest, read: Callable[[UUID | None, int], Awaitable[Sequence[ItemT]]], id_of: Callable[[ItemT], UUID]
) -> tuple[Sequence[ItemT], str]:
    """Return the page that is asked for and the token of the next one, empty on the last page.

    `read` returns up to so many items after the one with an id: one more is read than asked, to know whether there are
    more. Raises ApiError INVALID_ARGUMENT as `decode` does.
    """
    size = request.page_size or DEFAULT_SIZE
    found = await read(decode(request, request.page_token), size + 1)
    return found[:size], encode(request, id_of(found[size - 1])) if len(found) > size else ""


def encode(request: Message, last: UUID) -> str:
    """Return the token of the page after `last`, for the same filters."""
    # 24 bytes are 32 letters, without padding
    return base64.urlsafe_b64encode(last.bytes + _binding(request)).decode()


def decode(request: Message, token: str) -> UUID | None:
    """Return the id that the token's page starts after; None for the first page.

    Raises ApiError INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, when the token is not ours or has other filters.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 24 or raw[16:] != _binding(request):
        raise invalid("page_token", "is not a token of a list with these filters", "PAGE_TOKEN_INVALID")
    return UUID(bytes=raw[:16])
