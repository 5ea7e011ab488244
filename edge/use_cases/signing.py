"""Signed requests: who sends one has the signing secret, meant this request, now, and once.

`FusionXPay-Signature: t=<unix seconds>,n=<nonce>,v1=<hex>`, where `v1` is HMAC-SHA-256 (RFC 2104) under the signing
secret, over five lines: method, path with query, time, nonce, and the SHA-256 of the body in hex. How to make one is in
`docs/authentication.md`. Pure: no I/O.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from edge.domain import SIGNATURE_TOLERANCE
from mesh.errors import ApiError, unauthenticated

_NONCE = re.compile(r"[A-Za-z0-9_.~+/-]{16,64}")
_TIME = re.compile(r"\d{1,12}")
_HEX = re.compile(r"[0-9a-f]{64}")

SIGNATURE_REQUIRED = unauthenticated(
    "SIGNATURE_REQUIRED", "requests with this key must be signed: `FusionXPay-Signature: t=…,n=…,v1=…`"
)
NONCE_REPLAYED = unauthenticated("NONCE_REPLAYED", "a request with this nonce was received before")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature is made over."""

    method: str
    target: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """A signature header, read."""

    time: int
    nonce: str
    v1: str


def read(header: str) -> Stamp:
    """Read a signature header. Raises ApiError UNAUTHENTICATED when it does not have the form of one."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    parts = {name: value for name, _, value in pairs}
    time, nonce, v1 = (parts.get(name, "") for name in ("t", "n", "v1"))
    # a part that is there twice could be read one way here and another way elsewhere
    well_formed = _TIME.fullmatch(time) and _NONCE.fullmatch(nonce) and _HEX.fullmatch(v1)
    if not well_formed or len(parts) != len(pairs):
        raise invalid_signature("does not have the form `t=<unix seconds>,n=<16 to 64 characters>,v1=<64 hex digits>`")
    return Stamp(int(time), nonce, v1)


def verify(secret: bytes, request: SignedRequest, stamp: Stamp, now: float) -> None:
    """Raise ApiError UNAUTHENTICATED unless the signature is of this request, by this secret, and of now."""
    expected = make(secret, request, stamp.time, stamp.nonce)
    if not hmac.compare_digest(expected, stamp.v1):
        raise invalid_signature("is not that of this request")
    if abs(now - stamp.time) > SIGNATURE_TOLERANCE.total_seconds():
        raise invalid_signature(f"is older, or newer, than {SIGNATURE_TOLERANCE.total_seconds():.0f} s")


def make(secret: bytes, request: SignedRequest, time: int, nonce: str) -> str:
    """Return the signature of a request."""
    body = hashlib.sha256(request.body).hexdigest()
    text = f"{request.method}\n{request.target}\n{time}\n{nonce}\n{body}"
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def invalid_signature(what: str) -> ApiError:
    """Return the error for a signature that does not hold."""
    return unauthenticated("SIGNATURE_INVALID", f"the signature {what}")
