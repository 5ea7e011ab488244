"""Webhooks as the package verifies them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks

from fusionxpay_client import FusionXPay, Webhook, WebhookVerificationError
from fusionxpay_client.webhooks import event_of
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.client_package import NO_SECRETS
from tests.support.merchant.receiver import Receiver
from tests.support.waiting import eventually

SECRET, OTHER = ("whsec_" + letter * 32 for letter in "AB")
BODY = json.dumps(
    {
        "id": "01a2082a-1f0c-7a51-9f9e-6f6f0a4c2b11",
        "type": "order.succeeded",
        "timestamp": "2026-11-23T11:28:47.123456Z",
        "data": {"order": {"order_id": "01a2", "status": "SUCCESS", "version": 3, "newer_than_this": 1}},
    }
).encode()


def signed(*secrets: str, body: bytes = BODY, at: timedelta = timedelta()) -> dict[str, str]:
    """Return the headers of a webhook, signed by each secret, some time from now."""
    time = datetime.now(UTC) + at
    signatures = [standardwebhooks.Webhook(secret).sign("msg_1", time, body.decode()) for secret in secrets]
    stamp = str(int(time.timestamp()))
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": stamp, "Webhook-Signature": " ".join(signatures)}


def test_event_is_typed() -> None:
    event = Webhook(SECRET).verify(BODY, signed(SECRET))
    assert (event.type, event.event_id) == ("order.succeeded", "01a2082a-1f0c-7a51-9f9e-6f6f0a4c2b11")
    assert (event.order_id, event.resource_id, event.resource_version) == ("01a2", "01a2", 3)
    assert event.create_time == datetime(2026, 11, 23, 11, 28, 47, 123456, UTC)
    # as the document calls them
    assert (event.id, event.timestamp) == (event.event_id, event.create_time)
    assert {"id", "timestamp"} <= set(dir(event))
    assert event.data.order is not None
    assert event.data.order.status == "SUCCESS"
    assert event.data.payment is None


@pytest.mark.parametrize("to", ["webhook_endpoint_id", "notification_channel_id"])
def test_ping_is_of_what_it_was_sent_to(to: str) -> None:
    """Case 27."""
    ping = {"webhook_endpoint_id": "", to: "01a7"}
    event = event_of({"id": "1", "type": "ping", "timestamp": "2026-11-23T11:28:47Z", "data": {"ping": ping}})
    assert event.resource_id == "01a7"


def test_either_signature_is_enough_during_a_rotation() -> None:
    headers = signed(OTHER, SECRET)
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(BODY, headers).order_id == "01a2"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, lambda: signed(OTHER)),
        (BODY + b" ", lambda: signed(SECRET)),
        (BODY, lambda: signed(SECRET, at=timedelta(minutes=-6))),
        (BODY, lambda: signed(SECRET, at=timedelta(minutes=6))),
        (BODY, lambda: signed(SECRET) | {"Webhook-Id": "msg_2"}),
        (BODY, lambda: signed(SECRET) | {"Webhook-Signature": "v1"}),
        (BODY, lambda: signed(SECRET) | {"Webhook-Signature": "v1,%%%"}),
        (BODY, lambda: signed(SECRET) | {"Webhook-Timestamp": "soon"}),
        (BODY, dict),
        (b"\xff", lambda: signed(SECRET)),
        (b"no event", lambda: signed(SECRET, body=b"no event")),
        (b"{}", lambda: signed(SECRET, body=b"{}")),
        (b"[]", lambda: signed(SECRET, body=b"[]")),
    ],
)
def test_what_is_not_a_genuine_event_is_refused(body: bytes, headers: Callable[[], dict[str, str]]) -> None:
    """Signed when the test runs: a moment from when it was collected would be another distance away."""
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers())


def test_body_that_was_parsed_is_refused_as_such() -> None:
    with pytest.raises(WebhookVerificationError, match="as it came"):
        Webhook(SECRET).verify({"id": "e1"}, signed(SECRET))  # type: ignore[arg-type]


@pytest.mark.parametrize("secret", NO_SECRETS)
def test_what_is_no_secret_verifies_nothing(secret: Any) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        Webhook(secret)


def test_webhooks_tell_what_the_log_of_events_does(gateway: Ready, merchant: Merchant, receiver: Receiver) -> None:
    order_id = merchant.new_order()["order_id"]
    payment_id = merchant.charge(order_id)["payment_id"]
    merchant.wait_for_order(order_id, "SUCCESS")
    merchant.post(f"/v1/payments/{payment_id}/refunds", {})
    with FusionXPay(merchant.secret, gateway.edge_url) as client:
        (endpoint,) = client.webhook_endpoints.list()
        client.webhook_endpoints.ping(endpoint.webhook_endpoint_id)
        for event_type in ("order.refunded", "refund.succeeded", "payment.succeeded", "ping"):
            receiver.wait_for(event_type)
        told = eventually(lambda: verified(receiver), "events")
        assert [client.events.get(event.event_id) for event in told] == told


def verified(receiver: Receiver) -> list[Any]:
    """Return all events that came, as the package verifies them."""
    webhook = Webhook(receiver.secret)
    return [webhook.verify(request.body, request.headers) for request in list(receiver.requests)]
