"""Stripe's webhooks: their signature, and the object that they point at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import stripe

from payment_svc.providers.base import ProviderEvent, SignatureInvalidError

HEADER = "stripe-signature"
TOLERANCE_SECONDS = 300


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> None:
    """Check `Stripe-Signature` over the raw body against any of our secrets.

    The SDK tolerates a timestamp from any future; we tolerate 300 seconds both ways. Raises SignatureInvalidError.
    """
    header = headers.get(HEADER, "")
    # the SDK compares signatures as text, which fails where one is not ASCII
    if not header.isascii() or not any(_signed_with(secret, body, header) for secret in secrets):
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
    """Read the event's id and type, and the object to fetch. Raises ValueError when it is not an event.

    An event is what has an id, a type and a time. Some are about objects that have no id (a balance, tax settings):
    those point at nothing. A thin event (`v2.core.event`) names its object without showing it.
    """
    event = _read(body)
    if event.get("object") == "v2.core.event":
        return _of_thin(event)
    data = event.get("data")
    target = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(target, Mapping):
        raise ValueError("not a Stripe event: it shows no object")
    return _about(_bare(event), _word(target, "object"), target)


def resolved(event: ProviderEvent, target: Mapping[str, Any]) -> ProviderEvent:
    """Return a thin event with what its object shows."""
    bare = replace(event, reference="", refund_reference="", dispute_reference="", object_type="")
    return _about(bare, event.object_type, target)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except RecursionError:
        raise ValueError("not a Stripe event: nested too deeply") from None
    if not isinstance(event, Mapping):
        raise ValueError("not a Stripe event: not an object")
    return event


def _bare(event: Mapping[str, Any]) -> ProviderEvent:
    """Return an event that points at nothing yet."""
    event_id, kind, created = _word(event, "id"), _word(event, "type"), event.get("created")
    if not event_id or not kind:
        raise ValueError("not a Stripe event: without an id or a type")
    return ProviderEvent(event_id, kind, reference="", payment_id="", create_time=_time(created))


def _of_thin(event: Mapping[str, Any]) -> ProviderEvent:
    """Read a thin event. Only disputes need nothing more: they are fetched by their own id."""
    bare, related = _bare(event), event.get("related_object")
    if not isinstance(related, Mapping):
        return bare
    kind, reference = _word(related, "type"), _word(related, "id")
    if kind == "dispute":
        return replace(bare, dispute_reference=reference)
    if kind not in _FETCHED or not reference:
        return bare
    refund = reference if kind == "refund" else ""
    return replace(bare, reference=reference, refund_reference=refund, object_type=kind)


def _about(event: ProviderEvent, kind: str, target: Mapping[str, Any]) -> ProviderEvent:
    """Return an event that points at an object. What a charge, a refund or a dispute belongs to is the payment."""
    reference = _word(target, "id")
    metadata = target.get("metadata")
    labels = metadata if isinstance(metadata, Mapping) else {}
    return replace(
        event,
        reference=(_id(target.get("payment_intent")) or reference) if kind in _OF_A_PAYMENT else reference,
        payment_id=_word(labels, "payment_id"),
        refund_id=_word(labels, "refund_id"),
        refund_reference=reference if kind == "refund" else "",
        dispute_reference=reference if kind == "dispute" else "",
    )


_OF_A_PAYMENT = frozenset({"charge", "refund", "dispute"})
_FETCHED = frozenset({"charge", "checkout.session", "payment_intent", "refund"})


def _time(created: object) -> datetime:
    """Return the time of an event: in seconds, or as text in thin ones. Raises ValueError."""
    try:
        if isinstance(created, str):
            return datetime.fromisoformat(created).astimezone(UTC)
        if isinstance(created, int):
            return datetime.fromtimestamp(created, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"not a Stripe event: {error}") from None
    raise ValueError("not a Stripe event: without a time")


def _id(value: object) -> str:
    """Return the id of an object that may stand there in full."""
    return _word(value, "id") if isinstance(value, Mapping) else value if isinstance(value, str) else ""


def _word(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""
