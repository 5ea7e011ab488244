"""What was put on its way to an endpoint, and the log of events: by outcome, both ways, page by page."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.storage.delivery_pages import page_of
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import serving
from tests.support.waiting import eventually

PATH = "/v1/webhook_endpoints"


def pages(merchant: Merchant, path: str, what: str, **query: str | int) -> list[Json]:
    """Return all of a list, two a page."""
    found: list[Json] = []
    token = ""
    while True:
        page = merchant.get(path, page_size=2, **query, **({"page_token": token} if token else {}))
        found += page[what]
        token = page["next_page_token"]
        if not token:
            return found


def test_deliveries_of_an_endpoint_are_found_by_how_they_ended(
    merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    with serving() as receiver:
        endpoint = merchant.post(PATH, {"url": receiver.url, "event_types": ["order.cancelled"]})
        path = f"{PATH}/{endpoint['webhook_endpoint_id']}"
        taken = [merchant.post(f"{path}/ping", {})["event_id"] for _ in range(3)]
        eventually(lambda: len(receiver.requests) == 3, "three pings")
        receiver.fail_next(1)
        refused = merchant.post(f"{path}/ping", {})["event_id"]
        eventually(lambda: len(receiver.requests) == 4, "the ping that is refused")
        deliveries = f"{path}/deliveries"

        def ids(**query: str | int) -> list[str]:
            return [one["event_id"] for one in pages(merchant, deliveries, "deliveries", **query)]

        eventually(lambda: ids(statuses="DELIVERED") == taken[::-1], "three that were taken, the newest first")
        assert ids(order_by="create_time asc") == [*taken, refused]
        (waiting,) = eventually(lambda: pages(merchant, deliveries, "deliveries", statuses="PENDING"))
        eventually(lambda: pages(merchant, deliveries, "deliveries", statuses="PENDING")[0]["attempts"], "its attempt")
        assert (waiting["event_id"], waiting["event_type"]) == (refused, "ping")
        assert ids(statuses="FAILED") == []
        merchant.http.patch(path, json={"enabled": False}).raise_for_status()
        assert ids(statuses="CANCELLED") == [refused]
        mix = {"statuses": ["DELIVERED", "CANCELLED", "PENDING"]}
        ends = [one["event_id"] for one in merchant.http.get(deliveries, params=mix).json()["deliveries"]]
        assert ends == [refused, *taken[::-1]]
        both = merchant.http.get(deliveries, params=[("statuses", "CANCELLED"), ("statuses", "FAILED")])
        assert [one["attempts"][0]["failure"] for one in both.json()["deliveries"]] == ["STATUS_NOT_2XX"]
    assert problem(new_merchant().http.get(deliveries))[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")
    assert problem(merchant.http.get(f"{PATH}/{uuid.uuid4()}/deliveries"))[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")
    assert problem(merchant.http.get(deliveries, params={"statuses": "LOST"}))[0] == 400


def test_what_failed_is_found_over_all_endpoints_and_by_time(
    merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    with serving() as receiver:
        ends = [merchant.post(PATH, {"url": f"{receiver.url}/{n}"})["webhook_endpoint_id"] for n in range(3)]
        for _ in range(3):
            merchant.new_order()
        eventually(lambda: len(receiver.requests) == 9, "three events at three endpoints")

        def found(**query: Any) -> list[tuple[str, str]]:
            listed = pages(merchant, "/v1/deliveries", "deliveries", **query)
            return [(one["event_id"], one["webhook_endpoint_id"]) for one in listed]

        eventually(lambda: len(found(statuses="DELIVERED")) == 9, "that all are booked")
        events = merchant.get("/v1/events", type="order.created")["events"]
        newest = [(event["event_id"], end) for event in events for end in sorted(ends, reverse=True)]
        # pages of two, and three deliveries of each event
        assert found() == newest
        assert found(order_by="create_time asc") == newest[::-1]
        assert found(webhook_endpoint_id=ends[0]) == [pair for pair in newest if pair[1] == ends[0]]
        assert found(create_time_from=events[1]["create_time"]) == newest[:6]
        span = {"create_time_from": events[2]["create_time"], "create_time_to": events[0]["create_time"]}
        assert found(**span, statuses="DELIVERED", order_by="create_time asc") == newest[:2:-1]
        assert found(**span, statuses="FAILED") == []
        # of another endpoint nothing is on its way any more
        merchant.http.patch(f"{PATH}/{ends[1]}", json={"enabled": False}).raise_for_status()
        receiver.fail_next(2)
        merchant.new_order()
        waiting = {ends[0], ends[2]}
        eventually(lambda: {end for _, end in found(statuses="PENDING")} == waiting, "what is to be tried again")
    assert new_merchant().get("/v1/deliveries")["deliveries"] == []
    foreign = new_merchant().http.get("/v1/deliveries", params={"webhook_endpoint_id": ends[0]})
    assert problem(foreign)[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")


def test_log_of_events_is_read_both_ways(merchant: Merchant) -> None:
    for _ in range(5):
        merchant.new_order()
    eventually(lambda: len(merchant.get("/v1/events")["events"]) == 5, "five events")
    newest = [one["event_id"] for one in pages(merchant, "/v1/events", "events", type="order.created")]
    oldest = [one["event_id"] for one in pages(merchant, "/v1/events", "events", order_by="create_time asc")]
    assert len(newest) == 5
    assert oldest == newest[::-1]
    assert problem(merchant.http.get("/v1/events", params={"order_by": "type"}))[0] == 400


@pytest.mark.parametrize("oldest_first", [True, False])
def test_what_was_lost_is_found_by_its_index(oldest_first: bool) -> None:
    """A partial index serves only a query that says its condition, which no parameter does."""
    lost = frozenset((DeliveryStatus.FAILED, DeliveryStatus.CANCELLED))
    text = page_of(lost, frozenset({"endpoint_id", "after", "after_endpoint"}), oldest_first).text.decode()
    assert all(f"status = '{status}'" in text for status in lost)
