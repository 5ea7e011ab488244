"""People, what their roles let them do, and their sessions. Pure: no I/O."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

EVERYTHING = "*"
_READ = frozenset(
    {
        *("orders:read", "payments:read", "links:read", "refunds:read", "disputes:read"),
        *("events:read", "webhooks:read", "routing:read"),
    }
)
MAX_FAILURES = 10
"""Wrong passwords in a row, or codes, after which an account is locked for a while."""
MAX_FORGIVEN = 10
"""How often a password of another login of the same address counts as no wrong one, until its own one came again."""
LOCK, MAX_LOCK = timedelta(minutes=15), timedelta(hours=4)
"""For how long: twice as long each time, while nobody gets in."""


class AccountError(Exception):
    """What a person is told that was refused; `field` names the input."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class Role(StrEnum):
    """What a person is there for."""

    VIEWER = "viewer"
    SUPPORT = "support"
    FINANCE = "finance"
    DEVELOPER = "developer"
    OWNER = "owner"
    OPERATOR = "operator"


SCOPES: Mapping[Role, frozenset[str]] = {
    Role.VIEWER: _READ,
    Role.SUPPORT: _READ | {"orders:write", "links:write", "events:write"},
    Role.FINANCE: _READ | {"payments:write", "links:write", "refunds:write"},
    Role.DEVELOPER: _READ
    | {
        "orders:write",
        "links:write",
        "webhooks:write",
        "events:write",
        "routing:write",
        "accounts:read",
        "keys:read",
        "keys:write",
    },
    Role.OWNER: frozenset({EVERYTHING}),
    Role.OPERATOR: frozenset({"platform"}),
}
"""Those of the API, and beside them what only the console has: keys and users of the merchant, and the platform."""
CONSOLE_SCOPES = frozenset({"keys:read", "keys:write", "users:read", "users:write", "platform"})


@dataclass(frozen=True, slots=True)
class User:
    """A person who may log in."""

    user_id: UUID
    email: str
    display_name: str
    role: str
    merchant_id: UUID | None
    password_hash: str
    totp_secret: bytes | None
    totp_step: int
    failures: int
    locked_until: datetime | None
    create_time: datetime
    disable_time: datetime | None = None
    forgiven: int = 0

    @property
    def is_operator(self) -> bool:
        """Whether the person looks after the platform, and not after one merchant."""
        return self.role == Role.OPERATOR

    def may(self, scope: str) -> bool:
        """Whether the person's role has a scope; no merchant's role reaches the platform. An empty one all have."""
        scopes = SCOPES[Role(self.role)]
        return not scope or scope in scopes or (EVERYTHING in scopes and scope != "platform")

    @property
    def api_scopes(self) -> list[str]:
        """What the API key of the person's session may do."""
        return sorted(SCOPES[Role(self.role)] - CONSOLE_SCOPES)


@dataclass(frozen=True, slots=True)
class Session:
    """A login, as the browser's token finds it."""

    token_sha256: bytes
    user_id: UUID
    mode: str
    api_key_id: UUID | None
    api_key: bytes | None
    user_agent: str
    create_time: datetime
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class View:
    """Filters of a list that somebody keeps."""

    view_id: UUID
    user_id: UUID
    list: str
    name: str
    filters: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A link that lets somebody in once: a new person, or one who has lost the password or the second factor."""

    token_sha256: bytes
    kind: str
    email: str
    display_name: str
    role: str
    merchant_id: UUID | None
    made_by: UUID
    create_time: datetime
    expire_time: datetime

    def may_come_from(self, maker: User) -> bool:
        """Whether somebody may let people in by such a link, as things are now."""
        if maker.disable_time:
            return False
        return maker.is_operator or (maker.merchant_id == self.merchant_id and maker.may("users:write"))


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The API key of a session."""

    api_key_id: UUID
    secret: str


def lock_after(failures: int) -> timedelta | None:
    """Return for how long an account is locked after so many wrong attempts in a row; None: not yet."""
    rounds, over = divmod(failures, MAX_FAILURES)
    return None if over or not rounds else min(LOCK * 2 ** min(rounds - 1, 10), MAX_LOCK)


def digest(token: str) -> bytes:
    """Return what is kept of a session's token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


class Signer:
    """Signs what pages carry, with keys of the server: nobody makes up what a page would have given.

    Of several keys the first signs and all are known, so they can be changed one by one.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Take secrets; what signs is made of them, and tells nothing of them."""
        self._keys = [hmac.digest(key.encode(), b"console pages", "sha256") for key in keys]

    def form_token(self, token: str, place: str) -> str:
        """Return what the forms of a place carry in the browser that has this cookie."""
        return _signed(self._keys[0], "form", place, token)

    def is_form_token(self, given: str, token: str, place: str) -> bool:
        """Whether a form carries the token of its place and browser."""
        made = [_signed(key, "form", place, token) for key in self._keys]
        return any(hmac.compare_digest(given.encode(), one.encode()) for one in made)

    def source(self, address: str, place: str) -> str:
        """Return a name for the network that an address is in, which tells no address; empty for what is none."""
        network = networks_of(address)[0]
        return _signed(self._keys[0], "source", place, network) if network else ""


WIDTHS = {4: (32, 24, 16), 6: (64, 48, 32)}
"""Of the networks that an address is in, by its version: a customer's, a site's, a provider's."""


def networks_of(address: str) -> tuple[str, ...]:
    """Return the networks that an address is in, the narrowest first; of what is none one without a name.

    Of IPv6, a customer has a /64 at least.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return ("",)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    return tuple(str(ip_network((int(found), width), strict=False)) for width in WIDTHS[found.version])


def _signed(key: bytes, *parts: str) -> str:
    mac = hmac.digest(key, "\0".join(parts).encode(), "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def normalized(email: str) -> str:
    """Return an address as it is stored."""
    return email.strip().lower()
