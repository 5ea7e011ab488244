"""Mailboxes and browsers: how many there are, what a subscription's keys are, and what confirms. Pure: no I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec

MAX_CHANNELS = 20
MAX_CONFIRMATIONS = 20
"""How many mailboxes a merchant may add in a day: each is a mail to somebody who did not ask for it."""

CONFIRMATIONS_SPAN = timedelta(days=1)
TOKEN_LIFE = timedelta(hours=24)
POINT_LENGTH = 65
AUTH_LENGTH = 16


class KeyRefusedError(ValueError):
    """A key that messages cannot be encrypted with."""


def check_public_key(text: str) -> str:
    """Return a browser's public key without padding. Raises KeyRefusedError when it is no point of P-256."""
    point = decoded(text)
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise KeyRefusedError("must be a point of P-256 in URL-safe base64") from None
    if len(point) != POINT_LENGTH:
        raise KeyRefusedError("must be a point of P-256 without compression")
    return encoded(point)


def check_auth(text: str) -> str:
    """Return a browser's authentication secret without padding. Raises KeyRefusedError when it has not 16 bytes."""
    secret = decoded(text)
    if len(secret) != AUTH_LENGTH:
        raise KeyRefusedError(f"must be {AUTH_LENGTH} bytes in URL-safe base64")
    return encoded(secret)


def encoded(data: bytes) -> str:
    """Return URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """Return what is stored of a token: it is long and random, so its plain digest reveals nothing."""
    return hashlib.sha256(token.encode()).digest()


def decoded(text: str) -> bytes:
    """Return what URL-safe base64 says, with padding or without. Raises KeyRefusedError."""
    try:
        # urlsafe_b64decode would pass over what is not of the alphabet
        bare = text.rstrip("=")
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise KeyRefusedError("must be URL-safe base64") from None
