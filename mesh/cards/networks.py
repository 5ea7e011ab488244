"""What the card networks issue: how a primary account number begins and how long it is, by network.

From the networks' publications (issuer identification numbers, ISO/IEC 7812-1). Visa's numbers of 13 digits were not
issued for decades; a range with lengths that a network reserves and does not use would refuse honest numbers.
"""

from __future__ import annotations

import re

SHORTEST = 14
LONGEST = 19

_NETWORKS = {
    "Visa": r"4(\d{15}|\d{18})",
    "Mastercard": r"(5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}",
    "American Express": r"3[47]\d{13}",
    "Diners Club": r"3(0[0-5]|[689]\d)(\d{11}|\d{13}|\d{16})",
    "Discover, RuPay, UnionPay, Maestro": r"6[02-57]\d{14}(\d{2,3})?",
    "UnionPay, in full": r"62\d{14,17}",
    "JCB": r"35(2[89]|[3-8]\d)\d{12,15}",
    "Maestro": r"(50|5[6-8])\d{14}(\d{2,3})?",
    "Maestro, short": r"(5018|5020|5038|5893|6304|6759|676[1-3])\d{10,15}",
    "RuPay": r"(8[12]\d\d|353\d|356\d)\d{12}",
    "Mir": r"220[0-4]\d{12,15}",
    "Troy, Uzcard, Humo": r"(9792|8600|9860)\d{12}",
    "Napas": r"9704\d{12}(\d{3})?",
}
_ISSUED = re.compile("|".join(_NETWORKS.values()), re.ASCII)
# what doubling a digit and adding its digits makes of it
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_card_number(digits: str) -> bool:
    """Whether a network could have issued a number of ASCII digits: it begins and is as long as one of theirs, and its
    check digit fits.
    """
    return _ISSUED.fullmatch(digits) is not None and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Whether the check digit fits (ISO/IEC 7812-1, annex B)."""
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return (plain + doubled) % 10 == 0
