"""Webhooks made by the test, as a provider, or somebody who would like to be one, might send them."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import httpx
import stripe

from tests.support.waiting import PATIENCE

Json = dict[str, Any]


class Stripe:
    """A sender of webhooks, signed by the official SDK's own scheme."""

    def __init__(self, edge_url: str, secret: str) -> None:
        self._edge_url = edge_url
        self._secret = secret

    def event(self, event_type: str, reference: str = "", **metadata: str) -> bytes:
        """Return an event about an object; each has an id of its own."""
        target = {"id": reference or f"pi_{uuid.uuid4().hex}", "object": "payment_intent", "metadata": metadata}
        event = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": event_type, "created": int(time.time())}
        return json.dumps(event | {"data": {"object": target}}).encode()

    @staticmethod
    def event_id(body: bytes) -> str:
        """Return the id of an event."""
        return str(json.loads(body)["id"])

    def signature(self, body: bytes, *, at: float = 0.0, secret: str = "") -> str:
        """Return the `Stripe-Signature` header; `at` is in seconds from now."""
        timestamp = int(time.time() + at)
        signed = stripe.WebhookSignature._compute_signature(f"{timestamp}.{body.decode()}", secret or self._secret)
        return f"t={timestamp},v1={signed}"

    def post(self, body: bytes, signature: str | None = None, path: str = "/v1/webhooks/stripe") -> httpx.Response:
        """Send a webhook; signed well unless told otherwise, and not at all with an empty signature."""
        signature = self.signature(body) if signature is None else signature
        headers = {"content-type": "application/json"} | ({"stripe-signature": signature} if signature else {})
        return httpx.post(f"{self._edge_url}{path}", content=body, headers=headers, timeout=PATIENCE)
