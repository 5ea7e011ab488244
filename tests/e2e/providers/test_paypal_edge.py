"""PayPal's door: a webhook is signed by a certificate whose address it names itself, and every header counts."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from stack.stack import Ready
from tests.providers.drivers.driver import Subject
from tests.providers.drivers.paypal import PaypalDriver
from tests.support.merchant.errors import problem
from tests.support.providers.sandbox import Provider
from tests.support.stack.storage import provider_event

REFUSED: tuple[int, str, set[str]] = (401, "WEBHOOK_SIGNATURE_INVALID", set())
OFF_LIST = [
    "https://example.com/v1/notifications/certs/CERT-1",
    "http://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com.example.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com@example.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/../../../evil",
]


@pytest.fixture
def driver(gateway: Ready, provider: Provider) -> Iterator[PaypalDriver]:
    """Somebody with PayPal's key."""
    driver = PaypalDriver(gateway, provider)
    yield driver
    driver.close()


@pytest.mark.parametrize("path", ["/v1/webhooks/paypal", "/payment/callback"])
@pytest.mark.parametrize(
    "changes",
    [
        *({"cert-url": url} for url in OFF_LIST),
        {"auth-algo": "SHA1withRSA"},
        {"transmission-id": "another"},
        {"transmission-time": "2020-01-01T00:00:00Z"},
        {"transmission-sig": "AAAA"},
        {"transmission-sig": ""},
        {"cert-url": ""},
    ],
    ids=str,
)
def test_header_that_is_wrong_is_refused(
    path: str, changes: dict[str, str], gateway: Ready, driver: PaypalDriver
) -> None:
    event = driver.callback(Subject())
    changed = {f"paypal-{name}": value for name, value in changes.items()}
    headers = {"content-type": "application/json"} | driver.sign(event.body) | changed
    answer = httpx.post(f"{gateway.edge_url}{path}", content=event.body, headers=headers, timeout=30)
    assert problem(answer) == REFUSED
    assert provider_event(gateway, event.event_id) is None
