"""The reference that the customer writes on the transfer: ISO 11649, `RF` and check digits by ISO 7064 mod 97-10."""

import secrets
import string

_ALPHABET = string.ascii_uppercase + string.digits
_LENGTH = 12


def new() -> str:
    """A reference nobody else has, in groups of four as it is printed."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    plain = f"RF{98 - _remainder(f'{body}RF00'):02d}{body}"
    return " ".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def is_valid(reference: str) -> bool:
    """Whether the check digits are right."""
    plain = reference.replace(" ", "")
    return _remainder(plain[4:] + plain[:4]) == 1


def _remainder(text: str) -> int:
    """Letters count as 10 to 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97
