"""The address of a proxy, as settings have it."""

from __future__ import annotations

from typing import Annotated

import httpx
from pydantic import AfterValidator, SecretStr


def _is_proxy(value: SecretStr) -> SecretStr:
    if text := value.get_secret_value():
        words = "must be http://host:port or https://host:port, with user:password@ if it asks for them"
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            raise ValueError(words) from None
        is_port = url.port is None or 0 < url.port < 1 << 16
        if url.scheme not in ("http", "https") or not url.host or url.path not in ("", "/") or not is_port:
            raise ValueError(words)
    return value


ProxyUrl = Annotated[SecretStr, AfterValidator(_is_proxy)]
"""A setting: an http(s) proxy, whose password may stand in it; empty: none."""
