"""How events are signed: the symmetric and the asymmetric scheme of Standard Webhooks. Pure: no I/O.

Source: the specification of Standard Webhooks, "Signature scheme".
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105  # the public prefix, not a secret
PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
RandomBytes = Callable[[int], bytes]


def new_secret(random_bytes: RandomBytes) -> str:
    """Return a new secret that both sides know: `whsec_` and base64 of 24 random bytes."""
    return _written(SECRET_PREFIX, random_bytes(24))


def new_private_key(random_bytes: RandomBytes) -> str:
    """Return a new Ed25519 key that only we know: `whsk_` and base64 of its 32 bytes."""
    return _written(PRIVATE_PREFIX, random_bytes(32))


def public_key(secret: str) -> str:
    """Return what receivers verify with, `whpk_` and base64; empty for a secret that both sides know."""
    if not secret.startswith(PRIVATE_PREFIX):
        return ""
    return _written(PUBLIC_PREFIX, _private_key(secret).public_key().public_bytes_raw())


def signature(secret: str, message_id: str, body: bytes, now: datetime) -> str:
    """Return the signature of a message: `v1` and its HMAC, or for a private key `v1a` and its Ed25519 signature."""
    if secret.startswith(PRIVATE_PREFIX):
        signed = f"{message_id}.{int(now.timestamp())}.".encode() + body
        return "v1a," + base64.b64encode(_private_key(secret).sign(signed)).decode()
    return Webhook(base64.b64decode(secret.removeprefix(SECRET_PREFIX))).sign(message_id, now, body.decode())


def _private_key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret.removeprefix(PRIVATE_PREFIX)))


def _written(prefix: str, key: bytes) -> str:
    return prefix + base64.b64encode(key).decode()
