"""What must not be kept, taken out of free text: keys, tokens, signatures and card numbers.

A net below the rules that keep them out in the first place: a client may put a key into a path or a header of its own.
"""

from __future__ import annotations

import re
from typing import Any

from mesh.cards.numbers import without_card_numbers

MARK = "[redacted]"
_SECRETS = re.compile(
    r"\b(?:sk|rk|pk)_(?:test|live)_[\w-]+"  # API keys, ours and Stripe's
    r"|\bwhsec_[\w+/=-]+"  # secrets of webhook endpoints
    r"|\b(?i:bearer|basic)[ +]\S+"  # credentials of an Authorization header
    r"|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?"  # JSON web tokens
)


def redacted(text: str) -> str:
    """Return a text with a mark in place of each secret or card number in it."""
    # most texts are too short to hold either
    if len(text) < 8:
        return text
    return without_card_numbers(_SECRETS.sub(MARK, text), MARK)


def redacted_values(value: Any) -> Any:
    """Return what JSON can hold with every text in it, names among them, as `redacted` returns it."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {redacted(name): redacted_values(item) for name, item in value.items()}
    return [redacted_values(item) for item in value] if isinstance(value, list) else value


def redacted_bytes(raw: bytes) -> bytes:
    """Return bytes of whatever form with a mark in place of each secret or card number that can be read in them."""
    return redacted(raw.decode("latin-1")).encode("latin-1")
