"""How values look to people: filters of the templates."""

from __future__ import annotations

import json
import re
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
_BRANDS = {"stripe": "Stripe", "paypal": "PayPal"}
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox")),
    *(("Chrom", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari")),
)
"""A word that only this one says, of those that are left."""
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android")),
    *(("Windows", "Windows"), ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)
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


def brand(provider: str) -> str:
    """Return a provider's name as people know it; the contract's word for it is for programs."""
    return _BRANDS.get(provider) or words(provider) if provider else "–"


def cause(text: str) -> str:
    """Return what has caused an entry of a timeline: an RPC, an event, or a provider's webhook."""
    kind, _, rest = text.partition(":")
    if kind == "webhook":
        provider, _, name = rest.partition(":")
        return f"{brand(provider)} said {name}"
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.rpartition(".")[2]).lower()
    return f"after: {name}" if kind == "event" else name


def answer(text: str | None) -> str:
    """Return what a delivery was answered, if it was, without the name that programs have for why it failed."""
    return re.sub(r"^[A-Z_]+: ", "", text or "")


def browser(text: str | None) -> str:
    """Return what a browser is, of what it says of itself: all of them say that they are several."""
    text = text or ""
    name = next((name for word, name in _BROWSERS if word in text), "")
    system = next((name for word, name in _SYSTEMS if word in text), "")
    return f"{name} on {system}" if name and system else name or text[:40] or "unknown"


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


def readable(text: str) -> str:
    """Return a text that is JSON for reading; any other as it is."""
    try:
        return pretty(json.loads(text))
    except ValueError:
        return text


def host(url: str) -> str:
    """Return the host of an address."""
    return urlsplit(url).hostname or url


FILTERS = {
    "answer": answer,
    "brand": brand,
    "browser": browser,
    "cause": cause,
    "host": host,
    "money": money,
    "tone": tone,
    "words": words,
    "when": when,
    "second": second,
    "brief": brief,
    "pretty": pretty,
}
