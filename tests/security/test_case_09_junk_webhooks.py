"""Case 9: junk takes nothing from what a provider's genuine webhooks may send."""

from __future__ import annotations

from collections import Counter

import httpx

from tests.support.providers.stripe_events import Stripe
from tests.support.stack.edges import Edges

MANY = 100
PATH = "/v1/webhooks/stripe"
ELSEWHERE = "127.0.0.9"
"""Another address than the provider's."""


def statuses(url: str, address: str, signature: str, bodies: list[bytes]) -> Counter[int]:
    """Send webhooks from an address, and count how they are answered."""
    with httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address=address), timeout=30) as http:
        headers = {"stripe-signature": signature, "content-type": "application/json"}
        return Counter(http.post(PATH, content=body, headers=headers).status_code for body in bodies)


def genuine(url: str, stripe: Stripe, times: int) -> Counter[int]:
    """Send webhooks as the provider does."""
    found: Counter[int] = Counter()
    for _ in range(times):
        body = stripe.event("payment_intent.created")
        found += statuses(url, "127.0.0.1", stripe.signature(body), [body])
    return found


def test_genuine_webhooks_arrive_beside_junk(edges: Edges, stripe: Stripe) -> None:
    url = edges.envoy(webhooks_per_second=20, stranger_webhooks_per_second=1)
    assert genuine(url, stripe, 1) == {200: 1}
    junk = statuses(url, ELSEWHERE, "t=1,v1=00", [b"{}"] * MANY)
    assert junk[429] > MANY / 2, "a stranger's junk goes no further than its bucket"
    assert genuine(url, stripe, 10) == {200: 10}


def test_sender_that_was_accepted_takes_nothing_from_another(edges: Edges, stripe: Stripe) -> None:
    """A merchant with an account of its own can have any address accepted."""
    url = edges.envoy(webhooks_per_second=10)
    body = stripe.event("payment_intent.created")
    assert statuses(url, ELSEWHERE, stripe.signature(body), [body]) == {200: 1}
    junk = statuses(url, ELSEWHERE, "t=1,v1=00", [b"{}"] * MANY)
    assert junk[429]
    assert genuine(url, stripe, 10) == {200: 10}
