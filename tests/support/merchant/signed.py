"""Signed requests, as a merchant's program makes them: apart from the gateway's own code, so that both can be wrong."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time


def signature(
    secret: str, method: str, target: str, body: bytes, *, at: int = 0, nonce: str = "", key: str = "", version: int = 2
) -> dict[str, str]:
    """Return the header of a signed request; `at` is in seconds from now, `key` its Idempotency-Key."""
    stamp, nonce = int(time.time()) + at, nonce or secrets.token_hex(16)
    lines = [method, target, str(stamp), nonce, hashlib.sha256(body).hexdigest()]
    lines += [key] if version > 1 else []
    mac = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    return {"fusionxpay-signature": f"t={stamp},n={nonce},v{version}={mac}"}
