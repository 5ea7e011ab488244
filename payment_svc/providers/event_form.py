"""What a webhook may say: whoever has an account at a provider signs what they like, so its words have a form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from payment_svc.providers.base import ProviderEvent

MAX_WORD = 255
_WORD = re.compile(rf"[\x21-\x7e]{{1,{MAX_WORD}}}")
_NEEDED = ("event_id", "type")
_OPTIONAL = ("reference", "refund_reference", "dispute_reference", "object_type")


def well_formed(event: ProviderEvent) -> ProviderEvent:
    """Return an event whose ids and type are words of at most 255 printable ASCII characters.

    Labels that are none were not given by us, and are left out. Raises ValueError for anything else, so that it is
    refused when it comes and neither breaks a statement nor fills a log later.
    """
    for name in (*_NEEDED, *_OPTIONAL):
        value = getattr(event, name)
        if not _is_word(value) and (value or name in _NEEDED):
            raise ValueError(f"not an event: its {name} is no word of at most {MAX_WORD} characters")
    if event.create_time.tzinfo is None:
        raise ValueError("not an event: its time has no zone")
    return replace(
        event,
        payment_id=event.payment_id if _is_word(event.payment_id) else "",
        refund_id=event.refund_id if _is_word(event.refund_id) else "",
    )


@contextmanager
def reading_event() -> Iterator[None]:
    """Raise ValueError for a body that no parser takes, too."""
    try:
        yield
    except (RecursionError, OverflowError) as error:
        raise ValueError(f"not an event: {type(error).__name__}") from None


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
