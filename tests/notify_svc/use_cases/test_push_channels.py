"""Browsers, by a real push service: messages are encrypted for them, signed by us, and end when they are gone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2

from mesh.errors import ApiError
from mesh.events import envelope as events
from notify_svc.channels import push as pushing
from notify_svc.domain import delivery as domain
from notify_svc.domain.channel import encoded
from notify_svc.domain.delivery import Delivery, DeliveryStatus
from notify_svc.domain.endpoint import CHANNELS, DisableReason, Endpoint
from notify_svc.use_cases.channel_registration import NewChannel, NewPush
from tests.notify_svc.conftest import VAPID, Desk
from tests.support.net.browser import Browser, browsing
from tests.support.net.rogue import answering, rogue
from tests.support.waiting import come_true

GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


def subscribed(browser: Browser, *types: str, **changes: str) -> NewChannel:
    """Return what a merchant says to add a browser."""
    said: dict[str, Any] = browser.subscription
    push = {"url": said["endpoint"], **said["keys"]} | changes
    return NewChannel(NewPush(**push), types, "", "EN")


async def added(desk: Desk, new: NewChannel, merchant_id: uuid.UUID | None = None) -> Endpoint:
    made = await desk.channels.create(merchant_id or desk.merchant_id, new, None)
    assert isinstance(made, Endpoint)
    return made


async def test_push_endpoint_is_a_push_services_where_owners_are_asked(
    desk: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As anybody's server could be called by a push endpoint that no browser has."""
    known = ("push.example", "*.push.example")
    monkeypatch.setattr(desk.channels, "_reach", replace(desk.channels._reach, push_services=known))
    for host in ("victim.example", "push.example.victim.example", "apush.example"):
        with pytest.raises(ApiError) as refused:
            await added(desk, subscribed(browser, url=f"https://{host}/send"))
        assert refused.value.reason == "URL_REFUSED"
    for number, host in enumerate(("push.example", "a.b.push.example")):
        desk.names[host] = "93.184.215.14"
        assert (await added(desk, subscribed(browser, url=f"https://{host}/{number}"))).enabled


async def test_message_is_small_encrypted_and_signed(desk: Desk, browser: Browser) -> None:
    channel = await added(desk, subscribed(browser))
    (event,) = await desk.publish()
    (message,) = await browser.messages(1)
    assert message == {
        "id": str(event.event_id),
        "type": "order.created",
        "order_id": event.order_id,
        "title": f"Order {event.order_id} was created",
        "body": event.order_id,
    }
    headers, body = browser.requests[0]
    assert event.order_id.encode() not in body
    assert (headers["ttl"], headers["urgency"]) == ("86400", "normal")
    assert headers["topic"] == encoded(event.aggregate_id.bytes)
    sender, claims = browser.sender(0)
    assert sender == VAPID.public_key == desk.channels.push_key()
    expires = int((desk.now + timedelta(hours=12)).timestamp())
    assert claims == {"aud": browser.origin, "exp": expires, "sub": "mailto:ops@gateway.example"}
    delivery = await desk.tried(event, 1)
    assert (delivery.status, delivery.attempts[0].attempt.status) == (DeliveryStatus.DELIVERED, 201)
    assert delivery.endpoint_id == channel.endpoint_id


@pytest.mark.parametrize("status", [404, 410])
async def test_browser_that_is_no_more_is_disabled(status: int, desk: Desk, browser: Browser) -> None:
    channel = await added(desk, subscribed(browser))
    browser.statuses = [status]
    (event,) = await desk.publish()
    disabled = await desk.endpoint_is(channel.endpoint_id, lambda found: not found.enabled)
    assert disabled.disable_reason is DisableReason.GONE
    assert (await desk.tried(event, 1)).status is DeliveryStatus.FAILED


@pytest.mark.parametrize("status", [429, 503])
async def test_push_service_that_is_busy_is_asked_again_when_it_says(status: int, desk: Desk, browser: Browser) -> None:
    await added(desk, subscribed(browser))
    browser.statuses, browser.retry_after = [status], "120"
    (event,) = await desk.publish()
    delivery = await desk.tried(event, 1)
    assert delivery.next_attempt_time == desk.now + timedelta(seconds=120)
    desk.later(seconds=120)
    assert (await desk.tried(event, 2)).status is DeliveryStatus.DELIVERED
    assert browser.message(0) == browser.message(1)


async def test_404_of_a_webhook_is_no_farewell(desk: Desk, browser: Browser) -> None:
    endpoint = await desk.endpoint(f"{browser.origin}/hook")
    browser.statuses = [404]
    (event,) = await desk.publish()
    assert (await desk.tried(event, 1)).next_attempt_time == desk.now + domain.RETRIES[0]
    # it would be disabled after the attempt was noted
    await desk.sender.close()
    assert (await desk.endpoints.get(desk.merchant_id, endpoint.endpoint_id)).enabled


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"url": "https://10.0.0.1/push"}, "URL_REFUSED", "push.endpoint"),
        ({"url": "https://169.254.169.254/latest"}, "URL_REFUSED", "push.endpoint"),
        ({"url": "https://inside.example/push"}, "URL_REFUSED", "push.endpoint"),
        ({"p256dh": encoded(b"\x04" + bytes(64))}, "INVALID_ARGUMENT", "push.keys.p256dh"),
        ({"p256dh": "not base64!"}, "INVALID_ARGUMENT", "push.keys.p256dh"),
        ({"auth": encoded(bytes(15))}, "INVALID_ARGUMENT", "push.keys.auth"),
        ({"auth": "ä" * 22}, "INVALID_ARGUMENT", "push.keys.auth"),
    ],
)
async def test_what_is_wrong_with_a_subscription_is_named(
    changes: dict[str, str], reason: str, field: str, desk: Desk, browser: Browser
) -> None:
    desk.names["inside.example"] = "10.0.0.1"
    with pytest.raises(ApiError) as refused:
        await added(desk, subscribed(browser, **changes))
    assert refused.value.reason == reason
    assert [violation.field for violation in refused.value.violations] == [field]
    assert await desk.endpoints.all_of(desk.merchant_id, CHANNELS) == []


async def test_name_that_leads_inside_later_gets_nothing(desk: Desk, browser: Browser) -> None:
    desk.names["push.example"] = "93.184.215.14"
    await added(desk, subscribed(browser, url="http://push.example/1"))
    desk.names["push.example"] = "10.0.0.1"
    (event,) = await desk.publish()
    delivery = await desk.tried(event, 1)
    assert delivery.attempts[0].attempt.answer.startswith("URL_REFUSED: must not lead to an address that is private")


async def test_two_merchants_are_apart(desk: Desk, browser: Browser) -> None:
    stranger = uuid.uuid4()
    theirs = await added(desk, subscribed(browser), stranger)
    (event,) = await desk.publish()
    assert await desk.log.deliveries(desk.merchant_id, event.event_id) == []
    assert await desk.endpoints.all_of(desk.merchant_id, CHANNELS) == []
    with pytest.raises(ApiError) as refused:
        await desk.log.resend(desk.merchant_id, event.event_id, {theirs.endpoint_id: CHANNELS})
    assert refused.value.reason == "NOTIFICATION_CHANNEL_NOT_FOUND"
    assert browser.requests == []


async def test_owner_of_a_disabled_endpoint_is_told_once_with_urgency(desk: Desk, browser: Browser) -> None:
    await added(desk, subscribed(browser, "endpoint.disabled"))
    async with rogue(answering(GONE)) as server:
        await desk.endpoint(server.url)
        await desk.publish(3)
        (message,) = await browser.messages(1)
        assert (message["type"], message["order_id"]) == ("endpoint.disabled", "")
        assert browser.requests[0][0]["urgency"] == "high"
        await come_true(lambda: server.open == 0, "the end of the deliveries")
    assert len(browser.requests) == 1


def test_longest_message_fits() -> None:
    order_id, now = uuid.uuid4(), datetime(2026, 1, 1, tzinfo=UTC)
    order = order_pb2.Order(order_id=str(order_id), merchant_order_id="\U0001f9e6" * 5000, version=1)
    fact = order_events_pb2.OrderCreated(order=order)
    made = events.event(fact, aggregate_id=order_id, version=1, merchant_id=uuid.uuid4(), time=now)
    delivery = Delivery(
        event_time=now,
        delivery_id=uuid.uuid4(),
        merchant_id=uuid.uuid4(),
        endpoint_id=uuid.uuid4(),
        event_id=made.event_id,
        destination="https://push.example/1",
        secrets=(),
        payload=made.payload,
        event_type="order.created",
        aggregate_id=order_id,
        order_id=str(order_id),
        trace_id="",
        attempts=0,
        attempts_before=0,
        resends=0,
        claim_time=now,
        failing_since=None,
    )
    assert len(pushing.message(delivery)) < 3 * 1024
