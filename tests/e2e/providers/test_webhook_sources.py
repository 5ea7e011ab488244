"""Webhooks from elsewhere than the provider's own networks are refused at the real door, whatever they claim."""

from __future__ import annotations

import httpx

from stack.stack import Ready
from tests.support.merchant.errors import problem
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.edges import Edges
from tests.support.stack.storage import provider_event

ELSEWHERE = "203.0.113.7"


def post(url: str, stripe: Stripe, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = {"content-type": "application/json", "stripe-signature": stripe.signature(body)} | named
    return httpx.post(f"{url}/v1/webhooks/stripe", content=body, headers=signed, timeout=30)


def test_webhook_is_taken_by_the_address_that_a_trusted_proxy_saw(gateway: Ready, edges: Edges, stripe: Stripe) -> None:
    behind_a_proxy = edges.envoy(trusted_hops=1)
    body = stripe.event("payment_intent.succeeded")
    refused = post(behind_a_proxy, stripe, body, x_forwarded_for=ELSEWHERE)
    assert problem(refused) == (403, "IP_NOT_ALLOWED", set())
    assert provider_event(gateway, stripe.event_id(body)) is None
    # what a client adds in front of what the proxy saw is nothing
    refused = post(behind_a_proxy, stripe, body, x_forwarded_for=f"127.0.0.1, {ELSEWHERE}")
    assert problem(refused) == (403, "IP_NOT_ALLOWED", set())
    assert post(behind_a_proxy, stripe, body, x_forwarded_for="127.0.0.1").status_code == 200


def test_webhook_cannot_claim_another_address(gateway: Ready, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.succeeded")
    for header in ("x_forwarded_for", "x_client_address", "x_envoy_external_address"):
        assert post(gateway.edge_url, stripe, body, **{header: ELSEWHERE}).status_code == 200
