"""What somebody who made a mistake probably meant: the part of an error that repairs the request."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection
from datetime import UTC, datetime

from mesh.cards.numbers import contains_card_number
from mesh.money import MoneyError, exponent

MAX_REPEATED = 64
"""Characters of a client's text that an answer repeats."""
FIELD_SYNONYMS = {
    "reference": "merchant_order_id",
    "order_reference": "merchant_order_id",
    "external_id": "merchant_order_id",
    "success_url": "return_url",
    "redirect_url": "return_url",
    "callback_url": "return_url",
    "currency_code": "currency",
    "token": "payment_method",
    "source": "payment_method",
    "payment_method_id": "payment_method",
    "events": "event_types",
    "enabled_events": "event_types",
    "limit": "page_size",
    "per_page": "page_size",
    "cursor": "page_token",
    "starting_after": "page_token",
    "expires_at": "expire_time",
    "created_at": "create_time",
    "notes": "description",
}
"""Names that other gateways give to what is a field here, where a request has it."""
VALUE_SYNONYMS = {
    "PAID": "SUCCESS",
    "SUCCEEDED": "SUCCESS",
    "COMPLETED": "SUCCESS",
    "CAPTURED": "SUCCESS",
    "PENDING": "PROCESSING",
    "OPEN": "NEW",
    "CREATED": "NEW",
    "DECLINED": "FAILED",
    "VOIDED": "CANCELLED",
    "AUTO": "AUTOMATIC",
}
"""Words of other gateways for what is a value of an enum here, where the enum has it."""
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "EURO": "EUR", "EUROS": "EUR", "DOLLAR": "USD", "RMB": "CNY"}
_AMOUNT = re.compile(r"([^\d.,-]*)([0-9][0-9.,]*)([^\d.,]*)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOCAL = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?:(:\d\d(?:\.\d{1,9})?)(?:(?<=\.\d{9})\d+)?)?( ?(?:Z|[+-]\d\d:?\d\d))?",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SPAN_UNITS = (604_800, 86_400, 3_600, 60, 1)
_SPAN = re.compile(
    r"(?:([0-9]{1,9})\s*w(?:eeks?)?)?\s*(?:([0-9]{1,9})\s*d(?:ays?)?)?\s*(?:([0-9]{1,9})\s*h(?:(?:ou)?rs?)?)?\s*"
    r"(?:([0-9]{1,9})\s*m(?:in(?:ute)?s?)?)?\s*(?:([0-9]{1,9})\s*s(?:ec(?:ond)?s?)?)?",
    re.IGNORECASE,
)
# ISO 8601, without months and years, which are of no length
_ISO_SPAN = re.compile(
    r"P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?", re.IGNORECASE
)


def meant(text: str) -> str:
    """Return the end of a sentence that says what was probably meant, in JSON; empty where nobody knows."""
    return f"; did you mean {text}?" if text and not contains_card_number(text) else ""


def quoted(text: str) -> str:
    """Return a text as JSON writes it; empty for one that is empty or too long to repeat."""
    return json.dumps(text, ensure_ascii=False) if 0 < len(text) <= MAX_REPEATED else ""


def near_name(name: str, known: Collection[str]) -> str:
    """Return the field that a wrong name is nearest to, by its letters or by what others call it."""
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:MAX_REPEATED]).lower().replace("-", "_").replace(" ", "_")
    if word in known:
        return word
    if FIELD_SYNONYMS.get(word, "") in known:
        return FIELD_SYNONYMS[word]
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)), "")


def near_value(text: str, known: Collection[str]) -> str:
    """Return the value of an enum that a wrong word is nearest to."""
    word = text[:MAX_REPEATED].strip().upper().replace("-", "_").replace(" ", "_")
    for candidate in (word, VALUE_SYNONYMS.get(word, "")):
        if candidate in known:
            return candidate
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)), "")


def near_text(text: str, pattern: str) -> str:
    """Return the same text in the case, or without the spaces, that a pattern wants."""
    bare = text.strip()
    fits = (one for one in (bare.lower(), bare.upper(), bare) if one and re.search(pattern, one))
    return next(fits, "")


def currency(text: str) -> str:
    """Return the ISO 4217 code that was probably meant."""
    word = text.strip().upper()
    word = _SIGNS.get(word, word)
    return word if len(word) == 3 and _is_currency(word) else ""


def _is_currency(code: str) -> bool:
    try:
        return exponent(code) >= 0
    except MoneyError:
        return False


def decimal(text: str, code: str = "") -> str:
    """Return a number as an amount's value, with the decimals of its currency where that is known."""
    found = _AMOUNT.fullmatch(text.strip())
    if not found:
        return ""
    parts = _parts(found[2])
    if not parts:
        return ""
    whole, rest = parts[0].lstrip("0") or "0", parts[1]
    places = exponent(code) if code else len(rest)
    # nothing is no amount
    if len(rest.rstrip("0")) > places or len(whole) > 12 or not (whole + rest).strip("0"):
        return ""
    rest = rest[:places].ljust(places, "0")
    return f"{whole}.{rest}" if rest else whole


def _parts(digits: str) -> tuple[str, str] | None:
    """Return what stands before and after the point; None where a sign may be the point and may group.

    A wrong guess here is a thousand times the amount.
    """
    signs = re.findall(r"[.,]", digits)
    if not signs:
        return digits, ""
    if len(signs) == 1:
        whole, _, rest = digits.partition(signs[0])
        return (whole, rest) if signs[0] == "." or len(rest) in (1, 2) else None
    if len(set(signs)) == 1:
        whole, point, rest = digits, "", ""
    else:
        whole, point, rest = digits.rpartition(signs[-1])
    first, *others = re.split(r"[.,]", whole)
    if (point and point in whole) or len(first) > 3 or {len(one) for one in others} != {3}:
        return None
    return first + "".join(others), rest


def amount(value: object, code: str = "") -> str:
    """Return an amount as JSON that was written as a bare number or text, such as `12.5` or `12.50 EUR`."""
    text = f"{value}"
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(text) > MAX_REPEATED:
        return ""
    found = _AMOUNT.fullmatch(text.strip())
    code = currency(code) or (currency(found[1]) or currency(found[3]) if found else "") or "EUR"
    shown = decimal(text, code)
    return json.dumps({"value": shown, "currency": code}) if shown else ""


def time(value: object) -> str:
    """Return a time as RFC 3339 that was written as a day, without a zone, or as seconds since 1970."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float) or (isinstance(value, str) and value.isdecimal()):
        seconds = float(value)
        seconds = seconds / 1000 if seconds > 10**11 else seconds
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}" if 10**8 < seconds < 10**10 else ""
    if not isinstance(value, str) or len(value) > MAX_REPEATED:
        return ""
    if _DAY.fullmatch(value):
        return _real(f"{value}T00:00:00Z")
    if found := _LOCAL.fullmatch(value):
        zone = (found[4] or "Z").strip().upper()
        zone = zone if zone == "Z" or ":" in zone else f"{zone[:3]}:{zone[3:]}"
        return _real(f"{found[1]}T{found[2]}{found[3] or ':00'}{zone}")
    return ""


def span(value: object) -> str:
    """Return a length of time in seconds, as the API takes it, that was written in another unit or without one."""
    text = f"{value}".strip()
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(text) > MAX_REPEATED:
        return ""
    if _NUMBER.fullmatch(text):
        return f"{text}s" if text.strip("0.") else ""
    found = _SPAN.fullmatch(text) or _ISO_SPAN.fullmatch(text)
    if not found:
        return ""
    total = sum(int(number) * unit for number, unit in zip(found.groups("0"), _SPAN_UNITS, strict=True))
    return f"{total}s" if total else ""


def _real(time: str) -> str:
    """Return a time that there is; empty for the 45th of a month."""
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return ""
    return time
