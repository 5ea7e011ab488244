"""Where the customer's browser returns to, as merchants write it and as providers take it."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

import httpx

from mesh.errors import invalid
from mesh.urls.placeholders import PLACEHOLDERS

MAX_LENGTH = 2048
"""As providers get it: some refuse what is longer, and the payment with it."""
_FILLED_LENGTHS = (36, 36, len("CANCELLED"))
_SCHEMES = ("http", "https")
_SOME_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}\s]")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def return_url(text: str) -> str:
    """Return a URL in ASCII: the scheme in lower case, a name of other scripts by IDNA, the rest percent-encoded.

    Raises ValueError, which says what is wrong: no http(s), no host, a port that there is not, credentials, or
    characters that stand in no URL, or more of them than providers take. Placeholders stay as they are.
    """
    if not text:
        return ""
    # nobody can write what stands for them, and so have it filled in where none was
    token = secrets.token_hex(8)
    held = text
    for number, placeholder in enumerate(PLACEHOLDERS):
        held = held.replace(placeholder, f"{token}-{number}-x")
    if unknown := _SOME_PLACEHOLDER.search(held):
        raise ValueError(f"holds {unknown[0][:40]}, which is no placeholder; there are: {', '.join(PLACEHOLDERS)}")
    url = _url(held)
    if token in urlsplit(url).netloc:
        raise ValueError("must not hold a placeholder in its host")
    filled = url
    for number, (placeholder, length) in enumerate(zip(PLACEHOLDERS, _FILLED_LENGTHS, strict=True)):
        filled = filled.replace(f"{token}-{number}-x", "x" * length)
        url = url.replace(f"{token}-{number}-x", placeholder)
    if len(filled) > MAX_LENGTH:
        raise ValueError(f"must have at most {MAX_LENGTH} characters in ASCII, with its placeholders filled in")
    return url


def checked(field: str, text: str) -> str:
    """Return a URL of a request in ASCII. Raises ApiError INVALID_ARGUMENT that names the field."""
    try:
        return return_url(text)
    except ValueError as error:
        raise invalid(field, str(error)) from None


def _url(text: str) -> str:
    if _NOT_IN_URLS.search(text) or _BROKEN_ESCAPE.search(text):
        raise ValueError("must be an absolute http or https URL, with what is special in it percent-encoded")
    try:
        parts = urlsplit(text)
        port, url = parts.port, httpx.URL(text)
        host = url.host and url.raw_host.decode().rstrip(".")
    except (ValueError, httpx.InvalidURL):
        raise ValueError("must be an absolute http or https URL with a host and a port that there are") from None
    is_name = all(_LABEL.fullmatch(label) for label in host.split("."))
    if parts.scheme not in _SCHEMES or not (is_name or ":" in host) or port == 0:
        raise ValueError("must be an absolute http or https URL with a host")
    if "@" in parts.netloc:
        raise ValueError("must not carry credentials")
    # what is in ASCII stays as the merchant wrote it
    return text if text.isascii() and text.startswith(_SCHEMES) else str(url)
