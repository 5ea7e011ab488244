"""Merchants, API keys, and how a key is recognised without being kept. Pure: no I/O."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

KEY_PREFIX = "sk_test_"
KEY_LENGTH = len(KEY_PREFIX) + 43


@dataclass(frozen=True, slots=True)
class Merchant:
    """A business that takes payments."""

    merchant_id: UUID
    display_name: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its secret."""

    api_key_id: UUID
    merchant_id: UUID
    create_time: datetime
    revoke_time: datetime | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a valid key speaks for."""

    merchant_id: UUID
    api_key_id: UUID


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new secret: a prefix that scanners know, and 256 random bits in URL-safe base64."""
    return KEY_PREFIX + base64.urlsafe_b64encode(random_bytes(32)).decode().rstrip("=")


def digest(secret: str) -> bytes:
    """Return what is kept of a secret. Looking it up leaks nothing by its time: the digest cannot be steered."""
    return hashlib.sha256(secret.encode()).digest()


def secret_of(authorization: str) -> str | None:
    """Return the secret in an `Authorization: Bearer …` header, if it has the form of one (RFC 6750)."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    well_formed = scheme.lower() == "bearer" and token.startswith(KEY_PREFIX) and len(token) == KEY_LENGTH
    return token if well_formed else None
