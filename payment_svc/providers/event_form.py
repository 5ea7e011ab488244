"""What a webhook may say: whoever has an account at a provider signs what they like, so its words have a form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime

from payment_svc.providers.base import Loss, ProviderEvent

MAX_WORD = 255
MAX_PARTS = 10_000
"""How many objects and lists a body may have: an ordinary one has a few dozen, and each takes long to parse."""
MAX_WHOLE = 8 * 1024
"""Bytes of a body that is kept as it came. Of a longer one is kept what it says, and what may be shown of it."""
_ESSENCE = b"\0"
"""What begins with it came from `to_keep`: no JSON does."""
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


def check_parts(body: bytes) -> None:
    """Raise ValueError for a body that would take long to read for what it says."""
    if body.count(b"{") + body.count(b"[") > MAX_PARTS:
        raise ValueError(f"not an event: it has more than {MAX_PARTS} objects and lists")


def to_keep(body: bytes, event: ProviderEvent, shown: Callable[[bytes], str]) -> bytes:
    """Return what is stored of a webhook; `shown` says what of its body may be."""
    if len(body) <= MAX_WHOLE:
        return body
    said = asdict(event) | {"create_time": event.create_time.isoformat()}
    return _ESSENCE + json.dumps({"said": said, "shown": shown(body)}).encode()


def said(kept: bytes) -> ProviderEvent | None:
    """Return what a webhook says of which not all was stored; None for one that is whole."""
    if not kept.startswith(_ESSENCE):
        return None
    found = json.loads(kept[1:])["said"]
    times = {"create_time": datetime.fromisoformat(found["create_time"]), "loss": Loss(found["loss"])}
    return ProviderEvent(**(found | times))


def shown(kept: bytes, of_whole: Callable[[bytes], str]) -> str:
    """Return what may be shown of a webhook from what was stored of it."""
    return str(json.loads(kept[1:])["shown"]) if kept.startswith(_ESSENCE) else of_whole(kept)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
