"""Endpoints, deliveries, and when a delivery is tried again. Pure: no I/O."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

SECRET_PREFIX = "whsec_"  # noqa: S105  # the public prefix, not a secret
MAX_URL_LENGTH = 2048

RETRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 2 * 60, 15 * 60, 3600, 4 * 3600, 8 * 3600, 14 * 3600))
"""The wait before each further attempt: nine attempts over about 28 hours. Published in `docs/webhooks.md`."""


class UrlRefusedError(ValueError):
    """A URL that events may not be posted to."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL of a merchant's, and the secret that deliveries to it are signed with."""

    endpoint_id: UUID
    merchant_id: UUID
    url: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    url: str
    secret: bytes
    """The signing secret, encrypted."""
    payload: bytes
    event_type: str
    order_id: str
    trace_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try to deliver: the HTTP status (0 without an answer), how long it took, and the first words."""

    status: int
    duration_ms: float
    answer: str

    @property
    def succeeded(self) -> bool:
        """Whether the merchant's server took the event: any 2xx."""
        return 200 <= self.status < 300


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new signing secret as Standard Webhooks writes it: `whsec_` and base64 of 24 random bytes."""
    return SECRET_PREFIX + base64.b64encode(random_bytes(24)).decode()


def check_url(url: str, *, allow_http: bool) -> None:
    """Refuse a URL that must not be called: no https, credentials inside, or an address that is not public.

    With `allow_http`, for development, http and local addresses are taken. Raises UrlRefusedError.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise UrlRefusedError("must be an https URL")
    if not parts.hostname:
        raise UrlRefusedError("must name a host")
    if parts.username or parts.password:
        raise UrlRefusedError("must not carry credentials")
    if not allow_http and _is_local(parts.hostname):
        raise UrlRefusedError("must be a public address")


def _is_local(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """Return when to try again after `attempts` failed tries; None when all are used up."""
    return now + RETRIES[attempts - 1] if attempts <= len(RETRIES) else None
