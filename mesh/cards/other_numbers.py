"""Long numbers that are known to be something else than a card's, each by its own form and check digits.

Asked only about digits that a card network could have issued, so it may take its time. A number whose check digit one
card in ten would have as well, such as a GTIN-14 or a FedEx number of 15 digits, cannot be told apart and is not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from stdnum import ean, iban

# how far a number may reach beyond the digits in question
_MARGIN = 64
_EAN = re.compile(r"(?<!\d)\d{13}(?!\d)")
_WORD_BEFORE = r"(?<![A-Za-z0-9])"
_WORD_AFTER = r"(?![A-Za-z0-9])"
_TIME = r"([01]\d|2[0-4]):[0-5]\d(:[0-6]\d([.,]\d{1,9})?)?"
_TIME_SHORT = r"([01]\d|2[0-4])[:.]?[0-5]\d([:.]?[0-6]\d)?"
_DAY = r"(0[1-9]|[12]\d|3[01])"
_MONTH = r"(0[1-9]|1[0-2])"


def _iban(text: str) -> int:
    """Return how much of the beginning of a text, up to the end of one of its words, is an IBAN: length and mod 97."""
    ends = [found.start() for found in re.finditer(r"[ -]|$", text)]
    return next((end for end in ends if end >= 15 and iban.is_valid(text[:end])), 0)


def _ups(text: str) -> int:
    """Take a tracking number of UPS by its check digit: each second character counts twice, letters from A = 2."""
    values = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in text.replace(" ", "")[2:]]
    total = sum(value * (2 if place % 2 else 1) for place, value in enumerate(values[:-1]))
    return len(text) if (10 - total % 10) % 10 == values[-1] else 0


# each with what says how much of what it has found is a number of its kind
_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], int]], ...] = (
    # UUID (RFC 9562)
    (re.compile(_WORD_BEFORE + r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}" + _WORD_AFTER), len),
    # UUID without dashes, or a digest, in hex
    (re.compile(_WORD_BEFORE + r"([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})" + _WORD_AFTER), len),
    # IBAN (ISO 13616), in one or as printed
    (re.compile(_WORD_BEFORE + r"[A-Z]{2}\d{2}([ -]?[A-Z0-9]){11,30}" + _WORD_AFTER), _iban),
    # UPS
    (re.compile(_WORD_BEFORE + r"1Z( ?[0-9A-Z]){15} ?\d" + _WORD_AFTER), _ups),
    # an order number of Amazon's
    (re.compile(r"(?<![\d-])\d{3}-\d{7}-\d{7}(?![\d-])"), len),
    # dates with times: ISO 8601, and day or month first
    (re.compile(rf"(?<!\d)(19|20)\d\d-{_MONTH}-{_DAY}[T ]{_TIME}( ?[+-]{_TIME_SHORT})?(?!\d)"), len),
    (re.compile(rf"(?<!\d)(19|20)\d\d/{_MONTH}/{_DAY} {_TIME}(?!\d)"), len),
    (re.compile(rf"(?<!\d)({_DAY}[./-]{_MONTH}|{_MONTH}/{_DAY})[./-](19|20)\d\d,? {_TIME}(?!\d)"), len),
    # a decimal fraction as programs print it
    (re.compile(r"(?<![\d.,])\d{1,3}\.\d{13,17}(?!\d|[.,]\d)"), len),
)


def is_known_otherwise(text: str, start: int, end: int) -> bool:
    """Whether the digits from `start` to `end` of a plain text are all of a number of another kind, or hold one."""
    # an article's number among others, such as `4006381333931, 5 pieces`: no card's digits are grouped like it
    if any(ean.is_valid(found.group()) for found in _EAN.finditer(text, start, end)):
        return True
    area = max(0, start - _MARGIN), min(len(text), end + _MARGIN)
    for form, check in _FORMS:
        for found in form.finditer(text, *area):
            if found.start() <= start and end <= found.start() + check(found.group()):
                return True
    return False
