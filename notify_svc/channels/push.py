"""Web Push: messages for browsers, encrypted for them alone (RFC 8291), by way of their push services (RFC 8030)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

import http_ece
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import VapidException

from mesh.vault import Vault
from notify_svc.channels.webhook import WebhookChannel
from notify_svc.channels.wording import render
from notify_svc.domain import channel as channel_domain
from notify_svc.domain.delivery import Attempt, Delivery, NoAnswer
from notify_svc.domain.vapid import VapidKey

MAX_TITLE = 120
MAX_BODY = 300
"""Characters. With both at their longest a message has less than 3 KiB, of the 4 that push services take."""

TTL = timedelta(days=1)
"""How long a push service keeps a message for a browser that is away."""

URGENT = frozenset({"payment.needs_review", "refund.needs_review", "dispute.opened", "endpoint.disabled"})
"""What somebody has to do something about: it wakes a device that saves power."""

GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""How a push service says that a subscription is no more (RFC 8030, section 7.3)."""


class PushChannel:
    """The channel of browsers; `key` is None when the operator has none."""

    def __init__(self, webhooks: WebhookChannel, vault: Vault, key: VapidKey | None) -> None:
        self._webhooks = webhooks
        self._vault = vault
        self._key = key

    async def attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        """Hand the message to the push service once."""
        if self._key is None:
            return Attempt(0, 0.0, f"{NoAnswer.NOT_CONFIGURED}: this gateway sends no push messages")
        keys = json.loads(self._vault.open(delivery.secrets[0], delivery.vault_owner))
        try:
            signed = self._key.headers(delivery.destination, now)
        except VapidException as error:
            return Attempt(0, 0.0, f"{NoAnswer.URL_REFUSED}: {error}")
        body = http_ece.encrypt(
            message(delivery),
            # its sender is new for each message
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=channel_domain.decoded(keys["p256dh"]),
            auth_secret=channel_domain.decoded(keys["auth"]),
            version="aes128gcm",
        )
        headers = signed | {
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "ttl": str(int(TTL.total_seconds())),
            "urgency": "high" if delivery.event_type in URGENT else "normal",
            "topic": topic(delivery.aggregate_id),
        }
        attempt = await self._webhooks.post(delivery.destination, body, headers)
        return replace(attempt, gone=attempt.status in GONE)


def message(delivery: Delivery) -> bytes:
    """Return what the browser's service worker is given: enough for a line on a screen, and to ask the API for more."""
    event = render(delivery.payload, delivery.language)
    return orjson.dumps(
        {
            "id": event.event_id,
            "type": event.type,
            "order_id": event.order_id,
            "title": event.title[:MAX_TITLE],
            "body": event.summary[:MAX_BODY],
        }
    )


def topic(aggregate_id: UUID) -> str:
    """Return what has a newer message replace an older one of the same resource while the browser is away."""
    return channel_domain.encoded(aggregate_id.bytes)
