"""The door for the provider, and the way to the merchant's own server."""

from __future__ import annotations

import json
from dataclasses import replace

import psycopg
import pytest
import stripe as sdk
from standardwebhooks import WebhookVerificationError

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver, serving
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually

REFUSED: tuple[int, str, set[str]] = (401, "WEBHOOK_SIGNATURE_INVALID", set())


def _id(body: bytes) -> str:
    return str(json.loads(body)["id"])


def test_event_signed_by_the_sdk_scheme_is_stored_once_however_often_it_comes(gateway: Ready, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.succeeded")
    assert sdk.WebhookSignature.verify_header(body.decode(), stripe.signature(body), gateway.webhook_secrets["stripe"])
    answers = [stripe.post(body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    eventually(lambda: provider_event(gateway, _id(body)) == ("IGNORED", "belongs to no payment of ours"))
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        count = connection.execute("SELECT count(*) FROM provider_events WHERE event_id = %s", [_id(body)]).fetchone()
    assert count == (1,)


@pytest.mark.parametrize("path", ["/v1/webhooks/stripe", "/payment/callback"])
def test_event_whose_bytes_were_touched_is_refused(path: str, gateway: Ready, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.succeeded")
    for position in (0, len(body) // 2, len(body) - 1):
        touched = bytearray(body)
        touched[position] ^= 1
        assert problem(stripe.post(bytes(touched), stripe.signature(body), path)) == REFUSED
    assert provider_event(gateway, _id(body)) is None


@pytest.mark.parametrize("at", [-400, -301 - 5, 301 + 5, 3600])
def test_event_from_another_time_is_refused(at: int, gateway: Ready, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.succeeded")
    assert problem(stripe.post(body, stripe.signature(body, at=at))) == REFUSED
    assert provider_event(gateway, _id(body)) is None


@pytest.mark.parametrize("signature", ["", "t=1", "v1=00", "t=x,v1=00", "t=,v1=", "nonsense", "t=1,v0={v1}"])
def test_event_without_a_proper_signature_is_refused(signature: str, gateway: Ready, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.succeeded")
    good = stripe.signature(body).rpartition("v1=")[2]
    assert problem(stripe.post(body, signature.format(v1=good))) == REFUSED
    assert provider_event(gateway, _id(body)) is None


def test_event_signed_with_another_secret_is_refused(gateway: Ready, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.succeeded")
    assert problem(stripe.post(body, stripe.signature(body, secret="whsec_other"))) == REFUSED
    assert provider_event(gateway, _id(body)) is None


def test_signed_body_that_is_no_event_is_refused(stripe: Stripe) -> None:
    assert problem(stripe.post(b'{"hello": 1}'))[:2] == (400, "WEBHOOK_NOT_AN_EVENT")


def test_unknown_provider_is_told(stripe: Stripe) -> None:
    answer = stripe.post(stripe.event("x"), path="/v1/webhooks/nobody")
    assert problem(answer)[1] == "PROVIDER_UNKNOWN"


def test_forged_success_of_an_unpaid_page_changes_nothing(merchant: Merchant, stripe: Stripe, gateway: Ready) -> None:
    """Whoever stole the secret still cannot make money appear: the provider is asked before anything changes."""
    order_id = merchant.new_order()["order_id"]
    payment = merchant.open_page(order_id)
    body = stripe.event("payment_intent.succeeded", payment_id=payment["payment_id"], order_id=order_id)
    assert stripe.post(body).status_code == 200
    eventually(lambda: (provider_event(gateway, _id(body)) or ("",))[0] == "APPLIED", "the event applied")
    assert merchant.payment(payment["payment_id"])["status"] == "INITIATED"
    assert merchant.order(order_id)["status"] == "PROCESSING"


def test_capture_of_another_amount_is_quarantined(
    merchant: Merchant, stripe: Stripe, provider: Provider, gateway: Ready
) -> None:
    """The first answer is lost and nothing is charged; then somebody captures other money under our payment's id."""
    order_id = merchant.new_order("12.00", "EUR")["order_id"]
    provider.fault(order_id, "timeout_before", operation="payment_intents.*", seconds=3, count=None)
    payment = merchant.charge(order_id)
    assert (payment["status"], payment["provider_reference"]) == ("PROCESSING", "")
    difference = "the provider says 99.00 EUR, the payment is of 12.00 EUR"
    provider.capture_elsewhere(9900, "eur", payment_id=payment["payment_id"])

    def quarantined() -> list[str]:
        events = provider.deliveries(payment_id=payment["payment_id"], type="payment_intent.succeeded")
        found = [provider_event(gateway, event["event_id"]) for event in events]
        return [reason for status, reason in filter(None, found) if status == "QUARANTINED"]

    assert eventually(quarantined, "a quarantined event") == [difference]
    assert merchant.payment(payment["payment_id"])["status"] == "PROCESSING"
    assert merchant.order(order_id)["status"] == "PROCESSING"


def test_merchant_server_that_fails_gets_the_event_again(merchant: Merchant, receiver: Receiver) -> None:
    receiver.fail_next(1)
    order_id = merchant.new_order()["order_id"]
    eventually(lambda: [request.status for request in receiver.requests] == [500, 204], "the second attempt")
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert receiver.histories() == {order_id: [(1, "order.created")]}


def test_delivery_that_was_touched_fails_verification(merchant: Merchant, receiver: Receiver) -> None:
    merchant.new_order()
    receiver.wait_for("order.created")
    (genuine,) = receiver.requests
    receiver.requests[0] = replace(genuine, body=genuine.body.replace(b"EUR", b"USD"))
    with pytest.raises(WebhookVerificationError):
        receiver.events()


def test_each_endpoint_has_its_own_secret_and_gets_every_event(
    merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    with serving() as other:
        merchant.listen(other)
        order_id = merchant.new_order()["order_id"]
        merchant.charge(order_id)
        for each in (receiver, other):
            assert_paid(merchant, provider, each, order_id)
    assert receiver.secret != other.secret


def test_event_carries_the_resource_as_the_api_shows_it(merchant: Merchant, receiver: Receiver) -> None:
    order = merchant.new_order(metadata={"cart": "7"}, description="two pears")
    (event,) = receiver.wait_for("order.created")
    assert event.keys() == {"id", "type", "timestamp", "data"}
    assert event["data"] == {"order": order}
