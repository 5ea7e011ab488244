"""The HTTP client of every adapter: nothing in the environment redirects it."""

from __future__ import annotations

from typing import Any

import httpx


def client(*, timeout: httpx.Timeout | float, proxy: str, **options: Any) -> httpx.AsyncClient:
    """Return an httpx client that goes through `proxy`, or through none where that is empty.

    Proxy variables of the environment, and its `.netrc`, are not trusted: whoever sets one would see our keys.
    """
    return httpx.AsyncClient(timeout=timeout, trust_env=False, proxy=proxy or None, **options)
