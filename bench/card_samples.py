"""Random card numbers in the forms that people write them, and the long numbers of honest merchants."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import Random

from stdnum import ean, iban, luhn

# beginnings of each network's numbers, and their lengths
NETWORKS: dict[str, tuple[list[str], list[int]]] = {
    "Visa": (["4"], [16, 19]),
    "Mastercard": (["51", "52", "53", "54", "55", "2221", "2299", "23", "26", "2718", "2720"], [16]),
    "American Express": (["34", "37"], [15]),
    "Diners Club": (["300", "305", "36", "38", "39"], [14, 16, 19]),
    "Discover": (["6011", "644", "649", "65"], [16, 19]),
    "JCB": (["3528", "3589", "354"], [16, 17, 18, 19]),
    "UnionPay": (["62"], [16, 17, 18, 19]),
    "Maestro": (["5018", "5020", "5038", "5893", "6304", "6759", "6761", "6763", "50", "57", "67"], [16, 18, 19]),
    "RuPay": (["60", "65", "81", "82", "508"], [16]),
    "Mir": (["2200", "2204"], [16, 19]),
}


def _digits_from(zero: int) -> dict[int, int]:
    """Return what writes digits by those of another script, which follow each other."""
    return {ord("0") + digit: zero + digit for digit in range(10)}


_ARABIC, _PERSIAN, _DEVANAGARI = _digits_from(0x660), _digits_from(0x6F0), _digits_from(0x966)
_FULL_WIDTH, _MATHEMATICAL = _digits_from(0xFF10), _digits_from(0x1D7CE)
_CIRCLED = _digits_from(0x245F) | {ord("0"): 0x24EA}


def _grouped(number: str, separator: str) -> str:
    """Return a number as it is printed on the card."""
    sizes = {14: (4, 6, 4), 15: (4, 6, 5)}.get(len(number), (4,) * (len(number) // 4) + (len(number) % 4,))
    groups, start = [], 0
    for size in sizes:
        groups.append(number[start : start + size])
        start += size
    return separator.join(filter(None, groups))


FORMS: dict[str, Callable[[str], str]] = {
    "alone": lambda n: n,
    "in a sentence": lambda n: f"my card is {n}, thanks",
    "end of a sentence": lambda n: f"charge {n}.",
    "spaces": lambda n: _grouped(n, " "),
    "two spaces": lambda n: _grouped(n, "  "),
    "no-break spaces": lambda n: _grouped(n, "\u00a0"),
    "tabs": lambda n: _grouped(n, "\t"),
    "lines": lambda n: _grouped(n, "\r\n"),
    "dashes": lambda n: _grouped(n, "-"),
    "dashes and spaces": lambda n: _grouped(n, " - "),
    "long dashes": lambda n: _grouped(n, "\u2013"),
    "dots": lambda n: _grouped(n, "."),
    "slashes": lambda n: _grouped(n, "/"),
    "commas": lambda n: _grouped(n, ", "),
    "underscores": lambda n: _grouped(n, "_"),
    "plus signs, as forms send": lambda n: _grouped(n, "+"),
    "percent-encoded spaces": lambda n: "https://shop.example/?note=" + _grouped(n, "%20"),
    "digit by digit": " ".join,
    "halves": lambda n: f"{n[: len(n) // 2]} {n[len(n) // 2 :]}",
    "a list": lambda n: '["' + _grouped(n, '","') + '"]',
    "zero-width spaces": "\u200b".join,
    "zero-width joiners": lambda n: _grouped(n, "\u200d"),
    "soft hyphens": lambda n: _grouped(n, "\u00ad"),
    "full-width digits": lambda n: n.translate(_FULL_WIDTH),
    "Arabic digits": lambda n: n.translate(_ARABIC),
    "Persian digits in groups": lambda n: _grouped(n.translate(_PERSIAN), " "),
    "Devanagari digits": lambda n: n.translate(_DEVANAGARI),
    "circled digits": lambda n: n.translate(_CIRCLED),
    "mathematical digits": lambda n: n.translate(_MATHEMATICAL),
    "letters before": lambda n: f"card{n}",
    "letters behind": lambda n: f"{n}visa",
    "label": lambda n: f"PAN:{n};",
    "underscore before": lambda n: f"pm_{n}_x",
    "digits before": lambda n: f"order 17: {n}",
    "expiry": lambda n: f"{n} 12/27",
    "verification code": lambda n: f"{n} 123",
    "expiry and code": lambda n: f"{_grouped(n, ' ')} 03/2031 1234",
    "expiry right behind": lambda n: f"{n}1227" if len(n) <= 16 else f"{n}/1227",
    "magnetic stripe": lambda n: f";{n}=27121011234567890?",
    "in an URL": lambda n: f"https://shop.example/pay/{n}/done?x=1",
}


def card_number(random: Random, network: str) -> str:
    """Return a number that the network could issue."""
    beginnings, lengths = NETWORKS[network]
    number = random.choice(beginnings)
    number += _digits(random, random.choice(lengths) - len(number) - 1)
    return number + str(luhn.calc_check_digit(number))


def _digits(random: Random, count: int) -> str:
    return "".join(random.choices("0123456789", k=count))


def _ean(random: Random) -> str:
    number = _digits(random, 12)
    return number + str(ean.calc_check_digit(number))


_PHONES = {"1": (10, 10), "49": (9, 11), "44": (9, 10), "33": (9, 9), "39": (9, 11), "36": (8, 9), "34": (9, 9)}
_PHONES |= {"370": (8, 8), "380": (9, 9), "62": (9, 12), "86": (11, 11), "91": (10, 10), "55": (10, 11), "43": (9, 13)}


def _phone(random: Random) -> str:
    country = random.choice(list(_PHONES))
    number = str(random.randint(1, 9)) + _digits(random, random.randint(*_PHONES[country]) - 1)
    area, rest = number[:3], number[3:]
    return random.choice(
        [
            f"+{country}{number}",
            f"+{country} {area} {rest}",
            f"+{country} ({area}) {rest[:3]}-{rest[3:]}",
            f"00{country}{number}",
            f"+{country} {area} {rest[:2]} {rest[2:4]} {rest[4:]}",
        ]
    )


_IBANS: dict[str, Callable[[Random], str]] = {
    "DE": lambda r: _digits(r, 18),
    "AT": lambda r: _digits(r, 16),
    "FR": lambda r: _digits(r, 10) + _digits(r, 11) + _digits(r, 2),
    "NL": lambda r: "INGB" + _digits(r, 10),
    "GB": lambda r: "NWBK" + _digits(r, 14),
    "PL": lambda r: _digits(r, 24),
    "DK": lambda r: _digits(r, 14),
    "CH": lambda r: _digits(r, 17),
    "SE": lambda r: _digits(r, 20),
    "LT": lambda r: _digits(r, 16),
}


def _iban(random: Random) -> str:
    country = random.choice(list(_IBANS))
    number = _IBANS[country](random)
    number = country + iban.calc_check_digits(f"{country}00{number}") + number
    return random.choice([number, iban.format(number)])


def _ups(random: Random) -> str:
    shipper = "".join(
        random.choices("0123456789ABCDEFGHJKLMNPRSTUVWXYZ" if random.random() < 0.5 else "0123456789", k=6)
    )
    body = shipper + _digits(random, 9)
    values = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in body]
    return f"1Z{body}{-sum(v * (2 if place % 2 else 1) for place, v in enumerate(values)) % 10}"


def _time(random: Random) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=random.random() * 3e8)


_TIMES: list[Callable[[datetime], str]] = [
    lambda t: str(int(t.timestamp() * 1000)),
    lambda t: str(int(t.timestamp() * 1e6)),
    lambda t: str(int(t.timestamp() * 1e9)),
    lambda t: t.isoformat(),
    lambda t: t.isoformat(sep=" "),
    lambda t: t.strftime("%Y%m%d%H%M%S"),
    lambda t: t.strftime("%Y%m%d%H%M%S%f"),
    lambda t: t.strftime("%d.%m.%Y %H:%M:%S"),
    lambda t: t.strftime("%m/%d/%Y, %H:%M:%S"),
    lambda t: t.strftime("%Y-%m-%d-") + f"{t.microsecond:08d}",
]
HONEST: dict[str, Callable[[Random], str]] = {
    "EAN-13": _ean,
    "EAN-13 with a quantity": lambda r: f"{_ean(r)}, {r.randint(1, 40)} pieces",
    "phone numbers": _phone,
    "IBANs of ten countries": _iban,
    "UUIDs": lambda r: str(uuid.UUID(int=r.getrandbits(128), version=4)),
    "UUIDs without dashes": lambda r: f"{r.getrandbits(128):032x}",
    "SHA-256 in hex": lambda r: f"{r.getrandbits(256):064x}",
    "random ids in base64": lambda r: base64.urlsafe_b64encode(r.randbytes(24)).decode(),
    "order numbers 302-3273249-0497893": lambda r: f"{r.randint(100, 999)}-{_digits(r, 7)}-{_digits(r, 7)}",
    "order numbers with a date": lambda r: f"{_time(r):%Y%m%d}{_digits(r, r.randint(4, 8))}",
    "order numbers ORD-2026-0012345": lambda r: f"ORD-{r.randint(2020, 2030)}-{_digits(r, 7)}",
    "timestamps": lambda r: r.choice(_TIMES)(_time(r)),
    "decimal fractions": lambda r: repr(r.random() * r.choice([1, 10, 100])),
    "UPS": _ups,
    "DHL, 00340434… of 20 digits": lambda r: "00340434" + _digits(r, 12),
    "DHL, JJD": lambda r: "JJD01" + _digits(r, 16),
    "DHL Express, 10 digits": lambda r: _digits(r, 10),
    "FedEx, 12 digits": lambda r: _digits(r, 12),
    "FedEx, 96… of 22 digits": lambda r: "96" + _digits(r, 20),
    "S10 (post), RR123456785DE": lambda r: f"RR{_digits(r, 9)}DE",
}
AMBIGUOUS: dict[str, Callable[[Random], str]] = {
    "GTIN-14": lambda r: _with_gtin_check(str(r.randint(1, 8)) + _digits(r, 12)),
    "FedEx, 15 digits": lambda r: _with_gtin_check(_digits(r, 14)),
    "16 random digits": lambda r: _digits(r, 16),
    "19 random digits": lambda r: _digits(r, 19),
}
"""What cannot be told from a card by its own check digits: one card in ten has them as well."""


def _with_gtin_check(number: str) -> str:
    return number + str(ean.calc_check_digit(number))


def missed(random: Random, form: str, network: str, count: int, sees: Callable[[str], bool]) -> int:
    """Return how many random numbers of a network are not seen in a form."""
    return _count(not sees(FORMS[form](card_number(random, network))) for _ in range(count))


def refused(random: Random, kind: Callable[[Random], str], count: int, sees: Callable[[str], bool]) -> int:
    """Return how many random numbers of an honest kind are taken for cards."""
    return _count(sees(kind(random)) for _ in range(count))


def _count(which: Iterable[bool]) -> int:
    return sum(which)
