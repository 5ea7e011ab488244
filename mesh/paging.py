"""Page tokens (AIP-158): where the last page ended, bound to the filters it was made with."""

from __future__ import annotations

import base64
import hashlib
from uuid import UUID

from google.protobuf.message import Message

from mesh.errors import invalid

DEFAULT_SIZE = 20


def _binding(request: Message) -> bytes:
    """Return a digest of the filters: of everything in a list request that is not about paging."""
    filters = type(request)()
    filters.CopyFrom(request)
    for field in ("page_size", "page_token"):
        filters.ClearField(field)
    return hashlib.sha256(filters.SerializeToString(deterministic=True)).digest()[:8]


def encode(request: Message, last: UUID) -> str:
    """Return the token of the page after `last`, for the same filters."""
    return base64.urlsafe_b64encode(last.bytes + _binding(request)).decode().rstrip("=")


def decode(request: Message, token: str) -> UUID | None:
    """Return the id that the token's page starts after; None for the first page.

    Raises ApiError INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, when the token is not ours or has other filters.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 24 or raw[16:] != _binding(request):
        raise invalid("page_token", "is not a token of a list with these filters", "PAGE_TOKEN_INVALID")
    return UUID(bytes=raw[:16])
