"""What an address of a mailbox is. Pure: no I/O."""

from __future__ import annotations

import re

MAX_ADDRESS_LENGTH = 254
MAX_LOCAL_LENGTH = 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# the last label is no number, so that this is no IP address
_DOMAIN = re.compile(rf"({_LABEL}\.)+(?=[A-Za-z]){_LABEL}")


class AddressRefusedError(ValueError):
    """An address that mail cannot be sent to."""


def check_address(address: str) -> str:
    """Return a mailbox's address with its domain in small letters.

    Taken are the plain forms of RFC 5321, section 4.1.2: no quotes, no comments, no literals, ASCII. Whatever could end
    a header or a command of SMTP is none of them.

    Raises:
        AddressRefusedError: it says what is wrong.
    """
    if len(address) > MAX_ADDRESS_LENGTH:
        raise AddressRefusedError(f"must have at most {MAX_ADDRESS_LENGTH} characters")
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise AddressRefusedError("must be an address such as till@shop.example")
    if len(local) > MAX_LOCAL_LENGTH:
        raise AddressRefusedError(f"must have at most {MAX_LOCAL_LENGTH} characters before the @")
    return f"{local}@{domain.lower()}"
