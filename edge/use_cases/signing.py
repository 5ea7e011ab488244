"""Signed requests: who sends one has the signing secret, meant this request, now, and once.

`FusionXPay-Signature: t=<unix seconds>,n=<nonce>,v2=<hex>`, where `v2` is HMAC-SHA-256 (RFC 2104) under the signing
secret, over six lines: method, path with query, time, nonce, the SHA-256 of the body in hex, and the `Idempotency-Key`,
empty where there is none. `v1`, which leaves out the last, is taken for a while. How to make one is in
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
    "SIGNATURE_REQUIRED", "requests with this key must be signed: `FusionXPay-Signature: t=…,n=…,v2=…`"
)
NONCE_REPLAYED = unauthenticated("NONCE_REPLAYED", "a request with this nonce was received before")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature is made over."""

    method: str
    target: str
    body: bytes
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A signature header, read. Where both are there, `v2` counts."""

    time: int
    nonce: str
    v1: str = ""
    v2: str = ""


def read(header: str) -> Stamp:
    """Read a signature header. Raises ApiError UNAUTHENTICATED when it does not have the form of one."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    parts = {name: value for name, _, value in pairs}
    time, nonce = (parts.get(name, "") for name in ("t", "n"))
    versions = {name: parts[name] for name in ("v1", "v2") if name in parts}
    # a part that is there twice could be read one way here and another way elsewhere
    well_formed = _TIME.fullmatch(time) and _NONCE.fullmatch(nonce) and all(map(_HEX.fullmatch, versions.values()))
    if not well_formed or not versions or len(parts) != len(pairs):
        raise invalid_signature("does not have the form `t=<unix seconds>,n=<16 to 64 characters>,v2=<64 hex digits>`")
    return Stamp(int(time), nonce, **versions)


def verify(secret: bytes, request: SignedRequest, stamp: Stamp, now: float, *, accepts_v1: bool = True) -> None:
    """Raise ApiError UNAUTHENTICATED unless the signature is of this request, by this secret, and of now."""
    if not stamp.v2 and not accepts_v1:
        raise invalid_signature("is `v1`, which does not cover the Idempotency-Key; sign as `v2`")
    expected = make(secret, request, stamp.time, stamp.nonce, version=2 if stamp.v2 else 1)
    if not hmac.compare_digest(expected, stamp.v2 or stamp.v1):
        raise invalid_signature("is not that of this request")
    if abs(now - stamp.time) > SIGNATURE_TOLERANCE.total_seconds():
        raise invalid_signature(f"is older, or newer, than {SIGNATURE_TOLERANCE.total_seconds():.0f} s")


def make(secret: bytes, request: SignedRequest, time: int, nonce: str, *, version: int) -> str:
    """Return the signature of a request."""
    body = hashlib.sha256(request.body).hexdigest()
    text = f"{request.method}\n{request.target}\n{time}\n{nonce}\n{body}"
    if version > 1:
        text += f"\n{request.idempotency_key}"
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def invalid_signature(what: str) -> ApiError:
    """Return the error for a signature that does not hold."""
    return unauthenticated("SIGNATURE_INVALID", f"the signature {what}")
