"""Card numbers stay out: what looks like one in free text is refused before anything is stored or logged.

A payment goes by the provider's own page or token, so a primary account number (ISO/IEC 7812: 13 to 19 digits with a
Luhn check digit) in a request is always a mistake, and one that would bring this system into the scope of PCI DSS.
"""

from __future__ import annotations

import re

# digits in one run, or grouped as cards are printed, with nothing of a longer number or word around them; a plus is how
# forms and query strings write a space
_CANDIDATE = re.compile(r"(?<![\w-])\d(?:[\s+-]?\d){12,18}(?![\w-])")
_SEPARATORS = re.compile(r"[\s+-]")
# how the card networks' numbers begin, and how long they are: a merchant's own long numbers mostly do neither
_ISSUERS = re.compile(
    r"4(\d{12}|\d{15}|\d{18})"  # Visa
    r"|(5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(0[0-59]|[689]\d)\d{11,16}"  # Diners Club
    r"|35(2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|(5[06-8]|6\d)\d{11,17}"  # Discover, UnionPay, Maestro
)


def contains_card_number(text: str) -> bool:
    """Whether a text holds a number that a card network could have issued and that passes the Luhn check."""
    return any(_is_card_number(found.group()) for found in _CANDIDATE.finditer(text))


def without_card_numbers(text: str, mark: str) -> str:
    """Return a text with a mark in place of each number that `contains_card_number` would find."""
    return _CANDIDATE.sub(lambda found: mark if _is_card_number(found.group()) else found.group(), text)


def _is_card_number(digits: str) -> bool:
    number = _SEPARATORS.sub("", digits)
    return _ISSUERS.fullmatch(number) is not None and _passes_luhn(number)


def _passes_luhn(digits: str) -> bool:
    """Return whether the check digit fits (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        digit = int(character) * (2 if place % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0
