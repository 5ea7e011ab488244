"""Signatures over the time and the body, `t=…,v1=…`, as the providers that have them make them."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

import stripe


def of_stripe(body: bytes, at: datetime, secret: str, scheme: str = "v1") -> dict[str, str]:
    """Return the header by Stripe's own library."""
    seconds = int(at.timestamp())
    signed = stripe.WebhookSignature._compute_signature(f"{seconds}.{body.decode()}", secret)
    return {"stripe-signature": f"t={seconds},{scheme}={signed}"}


def of_the_bank(body: bytes, at: datetime, secret: str, scheme: str = "v1") -> dict[str, str]:
    """Return the bank's header."""
    seconds = int(at.timestamp())
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return {"bank-signature": f"t={seconds},{scheme}={signed}"}
