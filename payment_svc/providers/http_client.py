"""The HTTP client of every adapter: nothing in the environment redirects it, and who listens hears what it says."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx

from payment_svc.providers.call_log import heard


class _Client(httpx.AsyncClient):
    """A client whose requests and answers are heard (`payment_svc/providers/call_log.py`)."""

    async def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
        """Send a request."""
        with heard(request) as answers:
            answers.append(await super().send(request, **how))
            return answers[0]


def client(*, timeout: httpx.Timeout | float, proxy: str, ca_file: str = "", **options: Any) -> httpx.AsyncClient:
    """Return an httpx client that goes through `proxy`, or through none where that is empty.

    Trusted are the certificates of `ca_file`, or httpx's own. Proxy variables of the environment, and its `.netrc`, are
    not trusted: whoever sets one would see our keys.
    """
    verify = trusted(ca_file)
    return _Client(timeout=timeout, trust_env=False, proxy=proxy or None, verify=verify, **options)


@cache
def trusted(ca_file: str = "") -> ssl.SSLContext:
    """Read trusted certificates once: every account has its own clients, and a reading holds up the whole process."""
    return ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context(trust_env=False)
