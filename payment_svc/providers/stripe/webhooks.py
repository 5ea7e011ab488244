"""Stripe's webhooks: their signature, and the object that they point at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import stripe

from payment_svc.providers.base import ProviderEvent, SignatureInvalidError

HEADER = "stripe-signature"
TOLERANCE_SECONDS = 300


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> None:
    """Check `Stripe-Signature` over the raw body against any of our secrets.

    The SDK tolerates a timestamp from any future; we tolerate 300 seconds both ways. Raises SignatureInvalidError.
    """
    header = headers.get(HEADER, "")
    if not any(_signed_with(secret, body, header) for secret in secrets):
        raise SignatureInvalidError("no signature of ours over this body")
    if abs(now.timestamp() - _timestamp(header)) > TOLERANCE_SECONDS:
        raise SignatureInvalidError("signed too long ago, or in the future")


def _signed_with(secret: str, body: bytes, header: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret.strip()))
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False


def _timestamp(header: str) -> int:
    return int(next(part[2:] for part in header.split(",") if part.startswith("t=")))


def translate(body: bytes) -> ProviderEvent:
    """Read the event's id and type, and the object to fetch. Raises ValueError when it is not an event."""
    try:
        event = json.loads(body)
        target = event["data"]["object"]
        return ProviderEvent(
            event_id=event["id"],
            type=event["type"],
            reference=target.get("payment_intent") or target["id"] if _is_charge(target) else target["id"],
            payment_id=(target.get("metadata") or {}).get("payment_id", ""),
            refund_id=(target.get("metadata") or {}).get("refund_id", ""),
            refund_reference=target["id"] if target.get("object") == "refund" else "",
            dispute_reference=target["id"] if target.get("object") == "dispute" else "",
            create_time=datetime.fromtimestamp(event["created"], UTC),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a Stripe event: {error!r}") from None


def _is_charge(target: Mapping[str, object]) -> bool:
    """Charges, refunds and disputes are not payments of their own: what they belong to is."""
    return target.get("object") in ("charge", "refund", "dispute")
