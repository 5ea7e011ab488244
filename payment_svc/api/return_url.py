"""Where the customer's browser returns to, as merchants write it and as providers take it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx

from payment_svc.domain.payment import PLACEHOLDERS

_SCHEMES = ("http", "https")
_SOME_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}\s]")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def return_url(text: str) -> str:
    """Return a URL in ASCII: the scheme in lower case, a name of other scripts by IDNA, the rest percent-encoded.

    Raises ValueError, which says what is wrong: no http(s), no host, a port that there is not, credentials, or
    characters that stand in no URL. Placeholders stay as they are.
    """
    if not text:
        return ""
    held = text
    for number, placeholder in enumerate(PLACEHOLDERS):
        held = held.replace(placeholder, f"placeholder-{number}-x")
    if unknown := _SOME_PLACEHOLDER.search(held):
        raise ValueError(f"holds {unknown[0][:40]}, which is no placeholder; there are: {', '.join(PLACEHOLDERS)}")
    url = _url(held)
    if "placeholder-" in urlsplit(url).netloc and held != text:
        raise ValueError("must not hold a placeholder in its host")
    for number, placeholder in enumerate(PLACEHOLDERS):
        url = url.replace(f"placeholder-{number}-x", placeholder)
    return url


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
