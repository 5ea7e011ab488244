"""Merchants, API keys, and how a key is recognised without being kept. Pure: no I/O."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Network, ip_network
from uuid import UUID

from mesh.ids import tenant_of
from mesh.urls.networks import Network, is_within

SIGNATURE_TOLERANCE = timedelta(minutes=5)
"""How far the sender's clock may be off, both ways."""
MAPPED_BITS = 96
"""Of an IPv6 address that is an IPv4 address, those in front of it (RFC 4291, section 2.5.5.2)."""
UNREADABLE = "SIGNING_SECRET_UNREADABLE"
"""Why a request is refused whose key has a signing secret that no vault key opens: that key alone is at fault."""

RandomBytes = Callable[[int], bytes]


class Mode(StrEnum):
    """Which of a merchant's two sets of data a key sees."""

    TEST = "test"
    LIVE = "live"


class Signature(StrEnum):
    """Whether requests with a key are signed."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Merchant:
    """A business that takes payments."""

    merchant_id: UUID
    display_name: str
    create_time: datetime
    disable_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a key may do, from where, and in which way."""

    mode: Mode
    scopes: tuple[str, ...]
    networks: tuple[Network, ...] = ()
    signature: Signature = Signature.NONE


def owner_of(merchant_id: UUID, api_key_id: UUID) -> str:
    """Return whom the vault seals a key's signing secret for."""
    return f"key/{merchant_id}/{api_key_id}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its secrets."""

    api_key_id: UUID
    merchant_id: UUID
    permissions: Permissions
    create_time: datetime
    expire_time: datetime | None = None
    revoke_time: datetime | None = None
    last_use_time: datetime | None = None
    lifetime: timedelta | None = None
    """Kept when it is replaced, as its end is another one then: how long it was made to live; zero: without end."""

    @property
    def vault_owner(self) -> str:
        """Whom its signing secret is sealed for."""
        return owner_of(self.merchant_id, self.api_key_id)

    def is_active(self, now: datetime) -> bool:
        """Whether it can be used, as far as the key itself goes."""
        return self.revoke_time is None and (self.expire_time is None or now < self.expire_time)

    def replaced(self, now: datetime, overlap: timedelta) -> ApiKey:
        """Return it as it is once it is replaced: it ends after the overlap, unless it would have ended before."""
        end = min(now + overlap, self.expire_time or datetime.max.replace(tzinfo=now.tzinfo))
        return replace(self, expire_time=end, lifetime=self._made_for())

    def successor(self, api_key_id: UUID, now: datetime) -> ApiKey:
        """Return the key that replaces it, the first time or again: it may do the same, and lives as long."""
        lifetime = self._made_for()
        return ApiKey(api_key_id, self.merchant_id, self.permissions, now, now + lifetime if lifetime else None)

    def _made_for(self) -> timedelta:
        if self.lifetime is not None:
            return self.lifetime
        return self.expire_time - self.create_time if self.expire_time else timedelta()


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """Whom a valid key speaks for. Compared by being the same object: what is made of it is kept along with it."""

    merchant_id: UUID
    api_key_id: UUID
    permissions: Permissions
    expire_time: datetime | None
    signing_secret: bytes | None

    @property
    def tenant_id(self) -> UUID:
        """Whose data it sees."""
        return tenant_of(self.merchant_id, self.permissions.mode)

    def may_come_from(self, address: str) -> bool:
        """Whether the key may be used from an address; without a list, from any."""
        return not self.permissions.networks or is_within(address, self.permissions.networks)


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read networks in CIDR notation, or single addresses. Raises ValueError for what is neither."""
    return tuple(map(_network, texts))


def _network(text: str) -> Network:
    if "%" in text:
        # Python takes it; but nobody comes from there, and PostgreSQL has no such network
        raise ValueError(f"{text!r} does not appear to be an IPv4 or IPv6 network: it names an interface")
    network = ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    # whoever comes from there is taken for an IPv4 address, which no IPv6 network has in it
    return ip_network((mapped, network.prefixlen - MAPPED_BITS))


def new_secret(random_bytes: RandomBytes, mode: Mode) -> str:
    """Return a new secret: a prefix that scanners know, and 256 random bits in URL-safe base64."""
    return f"sk_{mode}_{_text(random_bytes)}"


def new_signing_secret(random_bytes: RandomBytes) -> str:
    """Return a new secret for signatures: as long as the hash's output (RFC 2104, section 3)."""
    return f"sig_{_text(random_bytes)}"


def _text(random_bytes: RandomBytes) -> str:
    return base64.urlsafe_b64encode(random_bytes(32)).decode().rstrip("=")


def digest(secret: str) -> bytes:
    """Return what is kept of a secret. Looking it up leaks nothing by its time: the digest cannot be steered."""
    return hashlib.sha256(secret.encode()).digest()


_SECRET = re.compile(r"sk_(?:test|live)_[A-Za-z0-9_-]{43}")


def secret_of(authorization: str) -> str | None:
    """Return the secret in an `Authorization: Bearer …` header (RFC 6750); None where it cannot be one of ours.

    The form is no secret, so who is refused for it learns nothing, however soon that is.
    """
    scheme, _, token = authorization.partition(" ")
    secret = token.strip()
    return secret if scheme.lower() == "bearer" and _SECRET.fullmatch(secret) else None


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked of a new key, in the words of who asks."""

    merchant_id: UUID
    mode: Mode
    scopes: Sequence[str]
    allowed_ips: Sequence[str]
    signature: Signature
    expire_time: datetime | None


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What is to be changed of a key, in the words of who asks; None: as it was."""

    scopes: Sequence[str] | None
    allowed_ips: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with its secrets, which are shown once. The signing secret is empty where there is none."""

    key: ApiKey
    secret: str
    signing_secret: str
