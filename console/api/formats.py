"""How values look to people: filters of the templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_TONES: Mapping[str, str] = {
    "good": "SUCCESS DELIVERED WON CLOSED_CIRCUIT REPLAYED SUCCEEDED ENABLED ACTIVE",
    "wait": "PENDING PROCESSING INITIATED NEW OPEN UNDER_REVIEW HALF_OPEN",
    "act": "AUTHORIZED REQUIRES_ACTION NEEDS_REVIEW NEEDS_RESPONSE PARTIALLY_REFUNDED",
    "bad": "FAILED LOST OPEN_CIRCUIT DISABLED",
}
_TONE_OF = {status: tone for tone, statuses in _TONES.items() for status in statuses.split()}
_WORDS = {
    "SUCCESS": "Succeeded",
    "AUTHORIZED": "Uncaptured",
    "INITIATED": "Started",
    "CLOSED_CIRCUIT": "Closed",
    "OPEN_CIRCUIT": "Open",
}
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def money(amount: Mapping[str, str] | None) -> str:
    """Return an amount with the sign of its currency, and groups of three digits."""
    if not amount:
        return "–"
    whole, _, rest = amount["value"].partition(".")
    grouped = f"{int(whole):,}" + (f".{rest}" if rest else "")
    return f"{_SIGNS.get(amount['currency'], '')}{grouped} {amount['currency']}"


def tone(status: str) -> str:
    """Return how a status is coloured: `good`, `wait`, `act`, `bad` or `done`."""
    return _TONE_OF.get(status, "done")


def words(status: str) -> str:
    """Return a status, kind or reason of the contract as a person says it."""
    return _WORDS.get(status, status.replace("_", " ").capitalize())


def when(text: str) -> str:
    """Return a time of the API, in UTC, to the minute."""
    moment = parsed(text)
    return f"{moment:%d %b %Y, %H:%M}" if moment else "–"


def second(text: str) -> str:
    """Return the time of day to the second."""
    moment = parsed(text)
    return f"{moment:%H:%M:%S}" if moment else ""


def parsed(text: str) -> datetime | None:
    """Return a time of the API; None where there is none."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def brief(identity: str) -> str:
    """Return the end of an id, which is what sets it apart from others of the same moment."""
    return f"…{identity[-8:]}" if len(identity) > 12 else identity


def pretty(document: Any) -> str:
    """Return JSON for reading."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def host(url: str) -> str:
    """Return the host of an address."""
    return urlsplit(url).hostname or url


FILTERS = {
    "host": host,
    "money": money,
    "tone": tone,
    "words": words,
    "when": when,
    "second": second,
    "brief": brief,
    "pretty": pretty,
}
