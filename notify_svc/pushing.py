"""Web Push: messages for browsers, encrypted for them alone (RFC 8291), by way of their push services (RFC 8030)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from cryptography.fernet import MultiFernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02, VapidException
from pywebpush import WebPusher

from notify_svc import channel_domain
from notify_svc.domain import Attempt, Delivery
from notify_svc.posting import Poster
from notify_svc.wording import tell

MAX_TITLE = 120
MAX_BODY = 300
"""Characters. With both at their longest a message has less than 3 KiB, of the 4 that push services take."""

TTL = timedelta(days=1)
"""How long a push service keeps a message for a browser that is away."""

TOKEN_LIFE = timedelta(hours=12)
"""How long the proof of who sends counts: half of what RFC 8292 allows."""

KEY_LENGTH = 32

URGENT = frozenset({"payment.needs_review", "refund.needs_review", "dispute.opened", "endpoint.disabled"})
"""What somebody has to do something about: it wakes a device that saves power."""

GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""How a push service says that a subscription is no more (RFC 8030, section 7.3)."""


@dataclass(frozen=True, slots=True)
class VapidKey:
    """Who sends: the gateway's key pair and whom push services may write to (RFC 8292)."""

    vapid: Vapid02
    contact: str

    @classmethod
    def of(cls, private_key: str, contact: str) -> VapidKey:
        """Return the key of the setting: 32 bytes in URL-safe base64. Raises ValueError when it is none."""
        if len(raw := channel_domain.decoded(private_key)) != KEY_LENGTH:
            raise ValueError(f"a private key of P-256 has {KEY_LENGTH} bytes")
        return cls(Vapid02(ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())), contact)

    @property
    def public_key(self) -> str:
        """What browsers subscribe with: the point of P-256 without compression, in URL-safe base64."""
        key: ec.EllipticCurvePublicKey = self.vapid.public_key
        return channel_domain.encoded(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def headers(self, url: str, now: datetime) -> dict[str, str]:
        """Return the header that proves to a push service who sends. Raises VapidException."""
        parts = urlsplit(url)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((now + TOKEN_LIFE).timestamp()),
            "sub": self.contact,
        }
        signed: dict[str, str] = self.vapid.sign(claims)
        return signed


class PushChannel:
    """The channel of browsers; `key` is None when the operator has none."""

    def __init__(self, poster: Poster, vault: MultiFernet, key: VapidKey | None) -> None:
        self._poster = poster
        self._vault = vault
        self._key = key

    async def attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        """Hand the message to the push service once."""
        if self._key is None:
            return Attempt(0, 0.0, "refused: push is not configured")
        keys = json.loads(self._vault.decrypt(delivery.secrets[0]))
        try:
            signed = self._key.headers(delivery.url, now)
        except VapidException as error:
            return Attempt(0, 0.0, f"refused: {error}")
        body = WebPusher({"endpoint": delivery.url, "keys": keys}).encode(message(delivery))["body"]
        headers = signed | {
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "ttl": str(int(TTL.total_seconds())),
            "urgency": "high" if delivery.event_type in URGENT else "normal",
            "topic": topic(delivery.aggregate_id),
        }
        attempt = await self._poster.post(delivery.url, body, headers)
        return replace(attempt, gone=attempt.status in GONE)


def message(delivery: Delivery) -> bytes:
    """Return what the browser's service worker is given: enough for a line on a screen, and to ask the API for more."""
    told = tell(delivery.payload, delivery.language)
    return orjson.dumps(
        {
            "id": told.event_id,
            "type": told.type,
            "order_id": told.order_id,
            "title": told.title[:MAX_TITLE],
            "body": told.summary[:MAX_BODY],
        }
    )


def topic(aggregate_id: UUID) -> str:
    """Return what has a newer message replace an older one of the same resource while the browser is away."""
    return channel_domain.encoded(aggregate_id.bytes)
