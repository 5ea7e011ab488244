"""PayPal's door: what is signed well is stored once, and even a stolen key moves no money."""

from __future__ import annotations

import json

import pytest

from cli.stack import Ready
from tests.support.errors import problem
from tests.support.merchant import Merchant
from tests.support.paypal import PaypalSender, open_page
from tests.support.storage import provider_event
from tests.support.waiting import eventually

REFUSED = (401, "WEBHOOK_SIGNATURE_INVALID", set())
UNKNOWN = "0" * 17
OFF_LIST = [
    "https://example.com/v1/notifications/certs/CERT-1",
    "http://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com.example.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com@example.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/../../../evil",
]


@pytest.fixture
def sender(gateway: Ready) -> PaypalSender:
    """Somebody with PayPal's key."""
    return PaypalSender(gateway)


def _id(body: bytes) -> str:
    return str(json.loads(body)["id"])


@pytest.mark.parametrize("path", ["/v1/webhooks/paypal", "/payment/callback"])
def test_signed_event_is_stored_once_however_often_it_comes(path: str, gateway: Ready, sender: PaypalSender):
    body = sender.event("CHECKOUT.ORDER.COMPLETED", UNKNOWN, "")
    answers = [sender.post(body, sender.headers(body), path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    eventually(lambda: provider_event(gateway, _id(body)) == ("IGNORED", "belongs to no payment of ours"))


@pytest.mark.parametrize("path", ["/v1/webhooks/paypal", "/payment/callback"])
def test_event_whose_bytes_were_touched_is_refused(path: str, gateway: Ready, sender: PaypalSender):
    body = sender.event("CHECKOUT.ORDER.COMPLETED", UNKNOWN, "")
    touched = body.replace(b"COMPLETED", b"APPROVED")
    assert problem(sender.post(touched, sender.headers(body), path)) == REFUSED
    assert provider_event(gateway, _id(body)) is None


@pytest.mark.parametrize(
    "changes",
    [
        *({"cert_url": url} for url in OFF_LIST),
        {"auth_algo": "SHA1withRSA"},
        {"transmission_id": "another"},
        {"transmission_time": "2020-01-01T00:00:00Z"},
        {"transmission_sig": "AAAA"},
        {"transmission_sig": ""},
    ],
    ids=str,
)
def test_header_that_is_wrong_is_refused(changes: dict[str, str], gateway: Ready, sender: PaypalSender):
    body = sender.event("CHECKOUT.ORDER.COMPLETED", UNKNOWN, "")
    assert problem(sender.post(body, sender.headers(body, **changes))) == REFUSED
    assert provider_event(gateway, _id(body)) is None


def test_forged_success_of_an_unpaid_page_changes_nothing(merchant: Merchant, gateway: Ready, sender: PaypalSender):
    order_id = merchant.new_order()["order_id"]
    payment = open_page(merchant, order_id)
    body = sender.event("CHECKOUT.ORDER.COMPLETED", payment["provider_reference"], payment["payment_id"])
    assert sender.post(body, sender.headers(body)).status_code == 200
    eventually(lambda: (provider_event(gateway, _id(body)) or ("",))[0] == "APPLIED", "the event applied")
    assert merchant.payment(payment["payment_id"])["status"] == "INITIATED"
    assert merchant.order(order_id)["status"] == "PROCESSING"


def test_signed_body_that_is_no_event_is_refused(sender: PaypalSender):
    body = b'{"hello": 1}'
    assert problem(sender.post(body, sender.headers(body)))[:2] == (400, "WEBHOOK_NOT_AN_EVENT")
