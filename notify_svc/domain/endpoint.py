"""Endpoints of every kind: their URLs, and the types of events that they get. Pure: no I/O."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from mesh import hints
from notify_svc.domain import addresses
from notify_svc.domain.addresses import Network

MAX_URL_LENGTH = 2048
MAX_ENDPOINTS = 20
ALL = "*"
OVERLAP = timedelta(hours=24)
"""How long an old secret signs beside the new one when nobody says otherwise."""

_LOCAL_NAMES = (".localhost", ".local", ".internal")


class UrlRefusedError(ValueError):
    """A URL that events may not be posted to."""


class Kind(StrEnum):
    """What an endpoint is, and so how an event is brought to it."""

    WEBHOOK = "WEBHOOK"
    EMAIL = "EMAIL"
    PUSH = "PUSH"

    @property
    def resource(self) -> str:
        """What merchants know it as."""
        return "webhook endpoint" if self is Kind.WEBHOOK else "notification channel"


WEBHOOKS = frozenset({Kind.WEBHOOK})
CHANNELS = frozenset({Kind.EMAIL, Kind.PUSH})


class DisableReason(StrEnum):
    """Why an endpoint gets nothing."""

    NONE = ""
    MERCHANT = "MERCHANT"
    GONE = "GONE"
    FAILING = "FAILING"
    UNCONFIRMED = "UNCONFIRMED"


def owner_of(merchant_id: UUID, endpoint_id: UUID) -> str:
    """Return whom the vault seals an endpoint's secrets for."""
    return f"endpoint/{merchant_id}/{endpoint_id}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a merchant's events are delivered, and which. Its secrets stay in the database."""

    endpoint_id: UUID
    merchant_id: UUID
    destination: str
    """The URL of a webhook or of a browser's subscription, the address of a mailbox."""
    event_types: tuple[str, ...]
    description: str
    disable_reason: DisableReason
    create_time: datetime
    update_time: datetime
    public_key: str = ""
    """What its events are verified with; empty when they are signed with a secret that both sides know."""
    old_secret_expire_time: datetime | None = None
    kind: Kind = Kind.WEBHOOK
    language: str = "EN"

    @property
    def vault_owner(self) -> str:
        """Whom its secrets are sealed for."""
        return owner_of(self.merchant_id, self.endpoint_id)

    @property
    def enabled(self) -> bool:
        """Whether events are sent to it."""
        return self.disable_reason is DisableReason.NONE


def check_url(url: str, *, allow_http: bool, allowed: Sequence[Network] = ()) -> None:
    """Refuse a URL that must not be called: no https, credentials inside, or a host that cannot be public.

    Names are not looked up: what they lead to counts at each connection (`notify_svc.channels.guarded_http`).

    Raises:
        UrlRefusedError: it says what is wrong.
    """
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefusedError(f"must have at most {MAX_URL_LENGTH} characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UrlRefusedError("must be a URL") from None
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        near = "" if "://" in url else hints.quoted(f"{'http' if allow_http else 'https'}://{url}")
        raise UrlRefusedError(f"must be an https URL{hints.meant(near)}")
    if not host or port == 0:
        raise UrlRefusedError("must name a host")
    if parts.username is not None or parts.password is not None:
        raise UrlRefusedError("must not carry credentials")
    _check_host(host.rstrip("."), allowed)


def _check_host(host: str, allowed: Sequence[Network]) -> None:
    if host == "localhost" or host.endswith(_LOCAL_NAMES):
        if not allowed:
            raise UrlRefusedError("must be a public address")
        return
    try:
        address = addresses.literal(host)
    except ValueError as error:
        raise UrlRefusedError(str(error)) from None
    if address is not None and (why := addresses.refusal(address, tuple(allowed))):
        raise UrlRefusedError(f"must be a public address, not {why}")


MAX_FILTER = 64
_SYNONYMS = (
    ("order.paid", "order.succeeded"),
    ("order.completed", "order.succeeded"),
    ("order.success", "order.succeeded"),
    ("checkout.session.completed", "order.succeeded"),
    ("payment.paid", "payment.succeeded"),
    ("payment.captured", "payment.succeeded"),
    ("payment.success", "payment.succeeded"),
    ("payment.declined", "payment.failed"),
    ("payment_intent.succeeded", "payment.succeeded"),
    ("payment_intent.payment_failed", "payment.failed"),
    ("charge.succeeded", "payment.succeeded"),
    ("charge.failed", "payment.failed"),
    ("charge.refunded", "payment.refunded"),
    ("charge.dispute.created", "dispute.opened"),
    ("dispute.created", "dispute.opened"),
    ("refund.completed", "refund.succeeded"),
)
"""What others call an event, and its type here."""


def takes(event_types: Collection[str], event_type: str) -> bool:
    """Whether filters let an event type through: its name, its family `order.*`, or `*`."""
    return ALL in event_types or event_type in event_types or family_of(event_type) in event_types


def takes_some_of(event_types: Collection[str], event_type: str) -> bool:
    """Whether filters let any event through that is of the same kind of resource as one of a type."""
    return ALL in event_types or family_of(event_type) in map(family_of, event_types)


def family_of(event_type: str) -> str:
    """Return the filter for all events of the same kind of resource."""
    return event_type.partition(".")[0] + ".*"


def types_of(event_filter: str, known: Collection[str]) -> list[str]:
    """Return the known types that one filter lets through; none when it is no filter at all."""
    return [name for name in known if takes((event_filter,), name)]


def nearest(event_filter: str, known: Collection[str]) -> list[str]:
    """Return what somebody who wrote an unknown filter may have meant."""
    text = event_filter.strip().lower().replace("_", ".")[:MAX_FILTER]
    for said, name in _SYNONYMS:
        if text in (said, said.replace("_", ".")) and name in known:
            return [name]
    names = [*known, *sorted({family_of(name) for name in known if "." in name})]
    return difflib.get_close_matches(text, names, n=3, cutoff=0.5)


def is_at(url: str, hosts: Collection[str]) -> bool:
    """Whether a URL's host is one of those named, where `*.` before a name is for all below it."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in hosts)


@dataclass(frozen=True, slots=True)
class UrlRules:
    """Which URLs the operator allows beside public https ones."""

    allow_http: bool = False
    allow_networks: Sequence[Network] = ()

    def check(self, url: str) -> None:
        """Raise UrlRefusedError when a URL must not be called."""
        check_url(url, allow_http=self.allow_http, allowed=self.allow_networks)
