"""Case 9: junk takes nothing from what a provider's genuine webhooks may send."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest

from tests.support.merchant.errors import problem
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


def post(url: str, address: str, path: str, signature: str, body: bytes) -> httpx.Response:
    with httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address=address), timeout=30) as http:
        headers = {"stripe-signature": signature, "content-type": "application/json"}
        return http.post(path, content=body, headers=headers)


@pytest.fixture
def allowing(edges: Edges) -> str:
    """The URL of an Envoy that takes Stripe's webhooks from one address; the service behind it takes them from both."""
    return edges.envoy(webhook_networks="stripe=127.0.0.1,2001:db8::/32;paypal=192.0.2.0/24")


def test_provider_is_refused_from_elsewhere_before_a_service_is_asked(allowing: str, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.created")
    assert post(allowing, "127.0.0.1", PATH, stripe.signature(body), body).status_code == 200
    refused = post(allowing, ELSEWHERE, PATH, stripe.signature(body), body)
    assert problem(refused) == (403, "IP_NOT_ALLOWED", set())
    assert "stripe" not in refused.text, "which Envoy does not name"
    # who has no networks in the setting is asked for its signature, as ever
    assert post(allowing, ELSEWHERE, "/v1/webhooks/bank_transfer", "", b"{}").status_code == 401


@pytest.mark.parametrize(
    "path", [f"{PATH}/pa_1", "/v1/webhooks/%73tripe", "/v1//webhooks/stripe", "/v1/webhooks/./stripe", f"{PATH}/%70a_1"]
)
def test_no_form_of_the_path_is_let_in_from_elsewhere(path: str, allowing: str) -> None:
    assert post(allowing, ELSEWHERE, path, "t=1,v1=00", b"{}").status_code == 403
