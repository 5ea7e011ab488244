"""The event log: what happened, how it was delivered, and sending it again."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver, serving
from tests.support.waiting import eventually


def events_of(merchant: Merchant, count: int, **params: str | int) -> list[Json]:
    """Wait until a list has so many events, and return them."""
    return eventually(
        lambda: found if len(found := merchant.get("/v1/events", **params)["events"]) >= count else [],
        f"{count} events",
    )


def cancelled_order(merchant: Merchant) -> str:
    """Make an order with two events."""
    order_id: str = merchant.new_order()["order_id"]
    merchant.post(f"/v1/orders/{order_id}/cancel", {})
    events_of(merchant, 2, order_id=order_id)
    return order_id


def test_log_has_what_webhooks_told(merchant: Merchant, receiver: Receiver) -> None:
    order = merchant.new_order(metadata={"cart": "7"})
    (told,) = receiver.wait_for("order.created")
    event = merchant.get(f"/v1/events/{told['id']}")
    assert (event["type"], event["data"], event["create_time"]) == (told["type"], told["data"], told["timestamp"])
    assert event["order_id"] == event["resource_id"] == order["order_id"]
    assert event["resource_version"] == "1"
    assert merchant.get("/v1/events")["events"] == [event]


def test_payment_has_events_of_its_own_and_of_its_order(merchant: Merchant) -> None:
    order_id = merchant.new_order()["order_id"]
    payment_id = merchant.charge(order_id)["payment_id"]
    events_of(merchant, 1, order_id=order_id, type="order.succeeded")
    types = {event["type"] for event in events_of(merchant, 5, order_id=order_id)}
    assert types >= {"order.created", "order.processing", "order.succeeded", "payment.created", "payment.succeeded"}
    found = events_of(merchant, 1, resource_id=payment_id)
    assert {event["type"].partition(".")[0] for event in found} == {"payment"}
    assert all(event["data"]["payment"]["payment_id"] == payment_id for event in found)


def test_filters_choose_and_pages_hold_every_event_once_newest_first(merchant: Merchant) -> None:
    orders = [cancelled_order(merchant) for _ in range(2)]
    everything = [event["event_id"] for event in events_of(merchant, 4)]
    assert everything == sorted(everything, reverse=True)
    found, token = [], ""
    while True:
        page = merchant.get("/v1/events", page_size=3, page_token=token)
        found += [event["event_id"] for event in page["events"]]
        if not (token := page["next_page_token"]):
            break
    assert found == everything
    of_one = events_of(merchant, 2, order_id=orders[0].upper(), type="order.*")
    assert [event["type"] for event in of_one] == ["order.cancelled", "order.created"]
    assert [event["order_id"] for event in events_of(merchant, 2, type="order.created")] == orders[::-1]
    assert merchant.get("/v1/events", type="refund.*")["events"] == []
    assert merchant.get("/v1/events", resource_id=str(uuid.uuid4()))["events"] == []
    second = merchant.get(f"/v1/events/{everything[-2]}")["create_time"]
    assert [event["event_id"] for event in events_of(merchant, 3, create_time_from=second)] == everything[:-1]
    assert [event["event_id"] for event in events_of(merchant, 1, create_time_to=second)] == everything[-1:]
    nothing = {"create_time_from": second, "create_time_to": second}
    assert problem(merchant.http.get("/v1/events", params=nothing))[2] == {"create_time_to"}


def test_unknown_type_is_told_the_nearest(merchant: Merchant) -> None:
    answer = merchant.http.get("/v1/events", params={"type": "order.canceled"})
    assert problem(answer) == (400, "EVENT_TYPE_UNKNOWN", {"type"})
    assert "order.cancelled" in answer.json()["message"]


def test_deliveries_tell_of_every_attempt_at_every_endpoint(merchant: Merchant, receiver: Receiver) -> None:
    with serving() as other:
        merchant.listen(other)
        receiver.fail_next(1)
        merchant.new_order()
        (event,) = receiver.wait_for("order.created")
        path = f"/v1/events/{event['id']}/deliveries"

        def delivered() -> list[Json]:
            found: list[Json] = merchant.get(path)["deliveries"]
            return found if [one["status"] for one in found] == ["DELIVERED"] * 2 else []

        statuses = [[attempt["http_status"] for attempt in one["attempts"]] for one in eventually(delivered, path)]
    assert sorted(statuses) == [[204], [500, 204]]


def test_event_is_sent_again_to_all_or_to_one(merchant: Merchant, receiver: Receiver) -> None:
    with serving() as other:
        merchant.listen(other)
        order_id = cancelled_order(merchant)
        for each in (receiver, other):
            each.wait_for("order.cancelled")
            each.requests.clear()
        event = events_of(merchant, 1, order_id=order_id, type="order.created")[0]
        path = f"/v1/events/{event['event_id']}"

        def settled() -> list[str]:
            found = merchant.get(f"{path}/deliveries")["deliveries"]
            return (
                [one["webhook_endpoint_id"] for one in found]
                if {one["status"] for one in found} == {"DELIVERED"}
                else []
            )

        eventually(settled, "both delivered")
        sent = merchant.post(f"{path}/resend", {})["deliveries"]
        assert len(sent) == 2
        for each in (receiver, other):
            (again,) = each.wait_for("order.created")
            assert again["id"] == event["event_id"]
            each.requests.clear()
        _, second = eventually(settled, "both delivered again")
        merchant.post(f"{path}/resend", {"webhook_endpoint_id": second})
        other.wait_for("order.created")
        assert receiver.requests == []


def test_event_from_before_the_endpoint_can_be_sent_to_it_and_one_that_its_filters_keep_out(merchant: Merchant) -> None:
    order_id = cancelled_order(merchant)
    event = events_of(merchant, 1, order_id=order_id, type="order.cancelled")[0]
    path = f"/v1/events/{event['event_id']}/resend"
    assert merchant.post(path, {})["deliveries"] == []
    with serving() as late:
        made = merchant.post("/v1/webhook_endpoints", {"url": late.url, "event_types": ["refund.*"]})
        late.secret = made["secret"]
        assert merchant.post(path, {})["deliveries"] == []
        merchant.post(path, {"webhook_endpoint_id": made["webhook_endpoint_id"]})
        late.wait_for("order.cancelled")


def test_nothing_is_sent_to_an_endpoint_that_is_not_there_or_disabled(merchant: Merchant, receiver: Receiver) -> None:
    merchant.new_order()
    (event,) = receiver.wait_for("order.created")
    path = f"/v1/events/{event['id']}/resend"
    answer = merchant.http.post(path, json={"webhook_endpoint_id": str(uuid.uuid4())})
    assert problem(answer)[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")
    endpoint = merchant.get("/v1/webhook_endpoints")["webhook_endpoints"][0]["webhook_endpoint_id"]
    merchant.http.patch(f"/v1/webhook_endpoints/{endpoint}", json={"enabled": False}).raise_for_status()
    answer = merchant.http.post(path, json={"webhook_endpoint_id": endpoint})
    assert problem(answer)[:2] == (400, "ENDPOINT_DISABLED")


@pytest.mark.parametrize("path", ["", "/deliveries", "/resend"])
def test_another_merchants_event_cannot_be_told_from_none(
    path: str, merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    event = events_of(merchant, 2, order_id=cancelled_order(merchant))[0]
    method = "POST" if path == "/resend" else "GET"
    body: Json | None = {} if path == "/resend" else None
    for event_id in (event["event_id"], str(uuid.uuid4())):
        answer = new_merchant().http.request(method, f"/v1/events/{event_id}{path}", json=body)
        assert problem(answer)[:2] == (404, "EVENT_NOT_FOUND")
