"""Notification channels as merchants manage them, through the whole gateway."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.everything import VALUES
from tests.support.net.browser import browsing, decoded
from tests.support.waiting import eventually

PATH = "/v1/notification_channels"
PUSH = VALUES["push"]


def path_of(channel: Json) -> str:
    return f"{PATH}/{channel['notification_channel_id']}"


def test_browser_subscribes_with_our_key_and_hears_of_an_order(merchant: Merchant) -> None:
    key = merchant.get("/v1/push_key")["application_server_key"]
    assert len(decoded(key)) == 65
    with browsing() as browser:
        # as the browser says it, to the letter
        channel = merchant.post(PATH, {"push": browser.subscription, "event_types": ["order.created"]})
        order_id = merchant.new_order()["order_id"]
        eventually(lambda: browser.requests, "the message")
        message = browser.message(0)
        assert (message["type"], message["order_id"]) == ("order.created", order_id)
        assert browser.sender(0)[0] == key
        deliveries = f"/v1/events/{message['id']}/deliveries"
        (delivery,) = eventually(
            lambda: [one for one in merchant.get(deliveries)["deliveries"] if one["status"] == "DELIVERED"],
            "the delivery",
        )
        assert delivery["notification_channel_id"] == channel["notification_channel_id"]
        assert (delivery["webhook_endpoint_id"], delivery["attempts"][0]["http_status"]) == ("", 201)
        again = {"notification_channel_id": channel["notification_channel_id"]}
        merchant.post(f"/v1/events/{message['id']}/resend", again)
        eventually(lambda: len(browser.requests) == 2, "the repetition")
        assert browser.message(1) == message
        ping = merchant.post(f"{path_of(channel)}/ping", {})
        assert ping["data"]["ping"] == again | {"webhook_endpoint_id": ""}
        eventually(lambda: len(browser.requests) == 3, "the ping")
        assert browser.message(2)["id"] == ping["event_id"]


def test_channel_is_read_as_it_was_created_but_for_its_keys(merchant: Merchant) -> None:
    made = merchant.post(PATH, {"push": PUSH, "description": "till 3", "language": "DE", "event_types": ["refund.*"]})
    assert made["push"]["endpoint"] == PUSH["endpoint"]
    assert PUSH["keys"]["auth"] not in str(made)
    assert PUSH["keys"]["p256dh"] not in str(made)
    assert (made["language"], made["enabled"], made["event_types"]) == ("DE", True, ["refund.*"])
    assert merchant.get(path_of(made)) == made
    assert merchant.get(PATH)["notification_channels"] == [made]
    changed = merchant.http.patch(path_of(made), json={"enabled": False, "event_types": ["order.*"]}).json()
    assert (changed["disable_reason"], changed["event_types"]) == ("MERCHANT", ["order.*"])
    assert changed["description"] == "till 3"
    assert problem(merchant.http.post(f"{path_of(made)}/ping", json={}))[:2] == (400, "ENDPOINT_DISABLED")
    # nothing waits for a confirmation
    assert merchant.post(f"{path_of(made)}/confirm", {"token": "any"}) == changed
    assert merchant.http.delete(path_of(made)).status_code == 200
    assert problem(merchant.http.get(path_of(made)))[:2] == (404, "NOTIFICATION_CHANNEL_NOT_FOUND")


def test_endpoints_and_channels_are_not_each_other(merchant: Merchant, new_merchant: Callable[..., Merchant]) -> None:
    channel = merchant.post(PATH, {"push": PUSH})
    endpoint = merchant.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/never"})
    channel_id, endpoint_id = channel["notification_channel_id"], endpoint["webhook_endpoint_id"]
    webhooks = merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]
    assert [one["webhook_endpoint_id"] for one in webhooks] == [endpoint_id]
    wrong = f"/v1/webhook_endpoints/{channel_id}"
    for answer in (
        merchant.http.get(wrong),
        merchant.http.patch(wrong, json={"url": "https://shop.example/"}),
        merchant.http.delete(wrong),
        merchant.http.post(f"{wrong}/rotate_secret", json={}),
    ):
        assert problem(answer)[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")
    assert problem(merchant.http.get(f"{PATH}/{endpoint_id}"))[:2] == (404, "NOTIFICATION_CHANNEL_NOT_FOUND")
    stranger = new_merchant()
    assert problem(stranger.http.get(path_of(channel)))[:2] == (404, "NOTIFICATION_CHANNEL_NOT_FOUND")
    assert merchant.get(path_of(channel)) == channel


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({}, "INVALID_ARGUMENT", "destination"),
        ({"push": {"endpoint": "https://10.0.0.1/", "keys": PUSH["keys"]}}, "URL_REFUSED", "push.endpoint"),
        ({"push": {"endpoint": PUSH["endpoint"]}}, "INVALID_ARGUMENT", "push.keys.p256dh"),
        ({"push": PUSH, "event_types": ["order.paid"]}, "EVENT_TYPE_UNKNOWN", "event_types[0]"),
        ({"push": PUSH, "language": 7}, "INVALID_ARGUMENT", "language"),
    ],
)
def test_what_is_wrong_is_named(body: Json, reason: str, field: str, merchant: Merchant) -> None:
    assert problem(merchant.http.post(PATH, json=body)) == (400, reason, {field})
    assert merchant.get(PATH)["notification_channels"] == []


def test_gateway_without_a_mail_server_takes_no_mailboxes(merchant: Merchant) -> None:
    answer = merchant.http.post(PATH, json={"email": {"address": "till@shop.example"}})
    assert problem(answer)[:2] == (400, "EMAIL_NOT_CONFIGURED")


def test_same_request_again_makes_one_channel_and_twenty_are_the_most(merchant: Merchant) -> None:
    key = {"idempotency-key": str(uuid.uuid4())}
    first, second = (merchant.http.post(PATH, json={"push": PUSH}, headers=key).json() for _ in range(2))
    assert first == second
    for _ in range(19):
        merchant.post(PATH, {"push": PUSH})
    assert problem(merchant.http.post(PATH, json={"push": PUSH}))[:2] == (400, "TOO_MANY_CHANNELS")
    assert len(merchant.get(PATH)["notification_channels"]) == 20
