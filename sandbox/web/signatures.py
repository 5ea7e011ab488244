"""Signatures over the time and the body."""

import hashlib
import hmac
import time


def timestamped(secret: str, body: bytes) -> str:
    """``t=…,v1=…``: HMAC-SHA256 over ``{t}.{body}``."""
    at = int(time.time())
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signature}"
