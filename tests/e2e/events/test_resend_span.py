"""Sending the events of a span of time again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver, serving
from tests.support.waiting import eventually

PATH = "/v1/events:resend"
DAY: Json = {"start_time": "2026-11-01T00:00:00Z", "end_time": "2026-11-02T00:00:00Z"}


def around(*events: Json) -> Json:
    """Return the span that begins with the first event, and ends before the last."""
    return {"start_time": events[0]["timestamp"], "end_time": events[-1]["timestamp"]}


def orders(merchant: Merchant, receiver: Receiver, count: int) -> list[Json]:
    """Make orders, and return their events by time once all are delivered."""
    for _ in range(count):
        merchant.new_order()
    found = receiver.wait_for("order.created", count=count)

    def settled() -> bool:
        logs = [merchant.get(f"/v1/events/{event['id']}/deliveries")["deliveries"] for event in found]
        return all(one["status"] == "DELIVERED" for log in logs for one in log)

    eventually(settled, "all delivered")
    receiver.requests.clear()
    return sorted(found, key=lambda event: event["timestamp"])


def test_span_is_half_open(merchant: Merchant, receiver: Receiver) -> None:
    events = orders(merchant, receiver, 4)
    assert merchant.post(PATH, around(*events)) == {"events": 3, "deliveries": 3}
    receiver.wait_for("order.created", count=3)
    assert {event["id"] for event in receiver.events()} == {event["id"] for event in events[:3]}


def test_types_and_endpoint_choose(merchant: Merchant, receiver: Receiver) -> None:
    events = orders(merchant, receiver, 2)
    merchant.post(f"/v1/orders/{events[0]['data']['order']['order_id']}/cancel", {})
    (cancelled,) = receiver.wait_for("order.cancelled")
    receiver.requests.clear()
    end = datetime.now(UTC) + timedelta(minutes=1)
    span = {"start_time": events[0]["timestamp"], "end_time": end.isoformat()}
    with serving() as other:
        made = merchant.post("/v1/webhook_endpoints", {"url": other.url, "event_types": ["refund.*"]})
        other.secret = made["secret"]
        wanted = span | {"event_types": ["order.cancelled", "payment.*"]}
        assert merchant.post(PATH, wanted) == {"events": 1, "deliveries": 1}
        assert [event["id"] for event in receiver.wait_for("order.cancelled")] == [cancelled["id"]]
        wanted = span | {"webhook_endpoint_id": made["webhook_endpoint_id"]}
        assert merchant.post(PATH, wanted) == {"events": 3, "deliveries": 3}
        other.wait_for("order.created", count=2)
        other.wait_for("order.cancelled")


def test_same_key_gives_the_same_answer_and_sends_once(merchant: Merchant, receiver: Receiver) -> None:
    span = around(*orders(merchant, receiver, 3))
    key = str(uuid.uuid4())
    first = merchant.http.post(PATH, json=span, headers={"idempotency-key": key})
    receiver.wait_for("order.created", count=2)
    again = merchant.http.post(PATH, json=span, headers={"idempotency-key": key})
    assert again.json() == first.json() == {"events": 2, "deliveries": 2}
    assert again.headers["idempotent-replayed"] == "true"
    assert len(receiver.requests) == 2
    other = merchant.http.post(PATH, json=DAY, headers={"idempotency-key": key})
    assert problem(other)[:2] == (409, "IDEMPOTENCY_KEY_REUSED")


def test_another_merchants_events_are_not_sent(
    merchant: Merchant, receiver: Receiver, new_merchant: Callable[..., Merchant]
) -> None:
    span = around(*orders(merchant, receiver, 2))
    stranger = new_merchant()
    assert stranger.post(PATH, span) == {"events": 0, "deliveries": 0}
    endpoint = merchant.get("/v1/webhook_endpoints")["webhook_endpoints"][0]["webhook_endpoint_id"]
    answer = stranger.http.post(PATH, json=span | {"webhook_endpoint_id": endpoint})
    assert problem(answer)[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"end_time": DAY["start_time"]}, (400, "INVALID_ARGUMENT", {"end_time"})),
        ({"end_time": "2026-10-31T00:00:00Z"}, (400, "INVALID_ARGUMENT", {"end_time"})),
        ({"end_time": "2026-12-01T00:00:01Z"}, (400, "INVALID_ARGUMENT", {"end_time"})),
        ({"start_time": "0283-11-07T22:33:49-08:37"}, (400, "INVALID_ARGUMENT", {"start_time"})),
        ({"start_time": "1970-01-01T00:00:00Z"}, (400, "INVALID_ARGUMENT", {"end_time"})),
        ({"end_time": "9999-12-31T23:59:59Z"}, (400, "INVALID_ARGUMENT", {"end_time"})),
        ({"end_time": None}, (400, "INVALID_ARGUMENT", {"end_time"})),
        ({"start_time": None}, (400, "INVALID_ARGUMENT", {"start_time"})),
        ({"event_types": ["order.canceled"]}, (400, "EVENT_TYPE_UNKNOWN", {"event_types[0]"})),
        ({"webhook_endpoint_id": "7"}, (400, "INVALID_ARGUMENT", {"webhook_endpoint_id"})),
        ({"webhook_endpoint_id": str(uuid.uuid4())}, (404, "WEBHOOK_ENDPOINT_NOT_FOUND", set())),
    ],
)
def test_span_that_cannot_be_is_refused(change: Json, said: tuple[int, str, set[str]], merchant: Merchant) -> None:
    answer = merchant.http.post(PATH, json={name: value for name, value in (DAY | change).items() if value})
    assert problem(answer) == said


def test_nothing_is_sent_of_a_span_with_too_many_events(merchant: Merchant, receiver: Receiver, gateway: Ready) -> None:
    (event,) = orders(merchant, receiver, 1)
    with psycopg.connect(gateway.database_urls["notify"], autocommit=True) as database:
        # ids tell when they were made
        copies = (
            b"INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload,"
            b" trace_id, create_time) SELECT uuidv7('2026-11-01T12:00:00Z' - now()), merchant_id, type, aggregate_id,"
            b" aggregate_version, order_id, payload, trace_id, '2026-11-01T12:00:00Z'"
            b" FROM events, generate_series(1, %s) WHERE event_id = %s"
        )
        database.execute(copies, [10_000, event["id"]])
        # as many as may be, to more endpoints than may be
        for number in range(3):
            merchant.post("/v1/webhook_endpoints", {"url": f"http://127.0.0.1:9/never/{number}"})
        answer = merchant.http.post(PATH, json=DAY)
        assert problem(answer) == (400, "TOO_MANY_EVENTS", {"end_time"})
        assert "40000 deliveries" in answer.json()["message"]
        answer = merchant.http.post(
            PATH, json=DAY | {"start_time": "2026-10-31T00:00:00Z", "event_types": ["refund.*"]}
        )
        assert answer.json() == {"events": 0, "deliveries": 0}
        database.execute(copies, [1, event["id"]])
        answer = merchant.http.post(PATH, json=DAY)
        assert problem(answer) == (400, "TOO_MANY_EVENTS", {"end_time"})
        assert "10000 events" in answer.json()["message"]
        endpoint = merchant.get("/v1/webhook_endpoints")["webhook_endpoints"][0]["webhook_endpoint_id"]
        count = "SELECT count(*) FROM deliveries WHERE endpoint_id = %s"
        assert database.execute(count, [endpoint]).fetchone() == (1,)
        database.execute(
            "DELETE FROM events WHERE merchant_id = %s AND event_id <> %s", [merchant.tenant_id, event["id"]]
        )
