"""Card numbers stay out: what looks like one in free text is refused before anything is stored or logged.

A payment goes by the provider's own page or token, so a primary account number in a request is always a mistake, one
that would bring this system into the scope of PCI DSS. How often it errs, both ways: `docs/security.md`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from mesh.cards.networks import LONGEST, SHORTEST, is_card_number
from mesh.cards.other_numbers import is_known_otherwise

_LEAST = SHORTEST - 1
# enough digits with whatever between them; nothing else of this module runs for a text without them
_ENOUGH = re.compile(rf"(?:\D*+\d){{{SHORTEST}}}")
_ENOUGH_ASCII = re.compile(_ENOUGH.pattern, re.ASCII)
# digits with no letter between them: whatever else is there may be a separator
_CHAIN = re.compile(rf"\d(?:[^0-9A-Za-z]{{0,8}}+\d){{{_LEAST},}}+", re.ASCII)
_GROUP = re.compile(r"\d+", re.ASCII)
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
# MMYY or MMYYYY right behind a number, and the verification code behind it
_EXPIRY = re.compile(r"(0[1-9]|1[0-2])(20)?[2-5]\d(\d{3,4})?", re.ASCII)
_WITH_EXPIRY = range(SHORTEST + 4, LONGEST + 6)
Span = tuple[int, int]


def contains_card_number(text: str) -> bool:
    """Whether a text holds a number that a card network could have issued: range, length and check digit.

    Digits of every script count, whatever stands between them but letters, and whatever is before or behind. A number
    that is known to be something else is none.
    """
    return any(True for _ in _spans(text))


def without_card_numbers(text: str, mark: str) -> str:
    """Return a text with a mark in place of each number that `contains_card_number` would find."""
    end, kept = 0, []
    for start, stop in sorted(_spans(text)):
        if stop > end:
            kept += [text[end:start], mark] if start >= end else []
            end = stop
    return "".join([*kept, text[end:]]) if kept else text


def _spans(text: str) -> Iterator[Span]:
    """Yield where numbers stand in a text; they may overlap."""
    if len(text) < SHORTEST:
        return
    if text.isascii():
        if not _ENOUGH_ASCII.match(text):
            return
        yield from _plain_spans(text)
    else:
        if not _ENOUGH.match(unicodedata.normalize("NFKC", text)):
            return
        yield from _mapped_spans(_unaccented(text))
    if "%" in text and _ENCODED.search(text):
        yield from _mapped_spans(_decoded(text))


def _plain_spans(plain: str) -> Iterator[Span]:
    """Yield where numbers stand in an ASCII text."""
    for chain in _CHAIN.finditer(plain):
        for start, end in _windows([found.span() for found in _GROUP.finditer(plain, *chain.span())], plain):
            if not is_known_otherwise(plain, start, end):
                yield start, end


def _windows(groups: list[Span], plain: str) -> Iterator[Span]:
    """Yield each span of whole groups of digits that is a card number.

    Never a part of a group, which of a merchant's long numbers one in ten would be, unless an expiry date follows.
    """
    for number, (start, end) in enumerate(groups):
        if end - start in _WITH_EXPIRY and _has_expiry(plain[start:end]):
            yield start, end
            continue
        digits = ""
        for first, last in groups[number : number + LONGEST]:
            digits += plain[first:last]
            if len(digits) > LONGEST:
                break
            if len(digits) >= SHORTEST and is_card_number(digits):
                yield start, last


def _has_expiry(digits: str) -> bool:
    return any(
        _EXPIRY.fullmatch(digits, length) is not None and is_card_number(digits[:length])
        for length in range(SHORTEST, SHORTEST + 3)
    )


Mapped = list[tuple[str, int, int]]
"""Characters of a plain text, each with where it stands in the text that it was made from."""


def _mapped_spans(characters: Mapped) -> Iterator[Span]:
    for start, end in _plain_spans("".join(character for character, *_ in characters)):
        yield characters[start][1], characters[end - 1][2]


def _unaccented(text: str) -> Mapped:
    """Return the ASCII that a text comes to: digits of every script are digits, what is invisible is gone."""
    return [
        (_ascii(part), place, place + 1)
        for place, character in enumerate(text)
        for part in unicodedata.normalize("NFKC", character)
        if unicodedata.category(part) not in ("Cf", "Mn", "Me")
    ]


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    digit = unicodedata.digit(character, None)
    return str(digit) if digit is not None else "x" if character.isalpha() else " "


def _decoded(text: str) -> Mapped:
    """Return a text as a form or URL means it, with percent-encoded bytes decoded."""
    characters, place = [], 0
    while place < len(text):
        width = 3 if _ENCODED.match(text, place) else 1
        character = chr(int(text[place + 1 : place + 3], 16)) if width == 3 else text[place]
        characters.append((_ascii(character), place, place + width))
        place += width
    return characters
