"""The live stream of events: what webhooks tell, as Server-Sent Events, from wherever the reader was."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import grpc
import pytest
from fusionx.notify.v1.event_service_pb2 import StreamEventsRequest
from fusionx.notify.v1.event_service_pb2_grpc import EventServiceStub

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver
from tests.support.merchant.streams import PATH, Reader, reading
from tests.support.stack.audit import rows_of_request
from tests.support.waiting import eventually

BEGINNING = "00000000-0000-0000-0000-000000000000"
MERCHANT_STREAMS = 10


def cancelled_order(merchant: Merchant) -> None:
    """Make an order with two events."""
    merchant.post(f"/v1/orders/{merchant.new_order()['order_id']}/cancel", {})


def test_stream_says_what_webhooks_say_as_it_happens(merchant: Merchant, receiver: Receiver) -> None:
    merchant.new_order()
    receiver.wait_for("order.created")
    receiver.requests.clear()
    with reading(merchant) as reader:
        assert reader.frames == []
        cancelled_order(merchant)
        created, cancelled = reader.wait_for(2)
        receiver.wait_for("order.cancelled")
    assert [created.type, cancelled.type] == ["order.created", "order.cancelled"]
    posted = {request.headers["webhook-id"]: request.body.decode() for request in receiver.requests}
    assert {frame.id: frame.data for frame in (created, cancelled)} == posted
    assert created.document["id"] == created.id
    assert created.document["type"] == created.type


def test_stream_is_what_browsers_and_proxies_take(merchant: Merchant) -> None:
    with reading(merchant) as reader:
        eventually(lambda: reader.comments, "a heartbeat")
        assert reader.answer
        headers = reader.answer.headers
    assert headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-request-id"]
    assert reader.retry == 1000
    # an empty log: what comes before the first event is not lost to who connects again
    assert reader.last_event_id == BEGINNING


def test_stream_goes_on_after_an_event(merchant: Merchant) -> None:
    with reading(merchant) as reader:
        for _ in range(3):
            cancelled_order(merchant)
        everything = reader.wait_for(6)
    assert reader.last_event_id == everything[-1].id
    for headers, params in (
        ({"Last-Event-ID": everything[1].id}, {}),
        ({}, {"last_event_id": everything[1].id}),
        # the header is newer than the address
        ({"Last-Event-ID": everything[1].id}, {"last_event_id": everything[4].id}),
    ):
        with reading(merchant, headers, **params) as again:
            assert again.wait_for(4) == everything[2:]
            assert again.last_event_id == everything[-1].id
    with reading(merchant, last_event_id=BEGINNING) as whole:
        assert whole.wait_for(6) == everything


def test_whoever_connects_again_before_an_event_has_come_misses_none(merchant: Merchant) -> None:
    with reading(merchant) as first:
        pass
    cancelled_order(merchant)
    with reading(merchant, {"Last-Event-ID": first.last_event_id}) as second:
        assert [frame.type for frame in second.wait_for(2)] == ["order.created", "order.cancelled"]


def test_many_events_come_in_order_and_once(merchant: Merchant) -> None:
    with reading(merchant) as live:
        for _ in range(80):
            cancelled_order(merchant)
        everything = live.wait_for(160)
    with reading(merchant, last_event_id=BEGINNING) as again:
        assert again.wait_for(160) == everything
    assert len({frame.id for frame in everything}) == 160
    of_orders: dict[str, list[str]] = {}
    for frame in everything:
        of_orders.setdefault(frame.document["data"]["order"]["order_id"], []).append(frame.type)
    assert all(types == ["order.created", "order.cancelled"] for types in of_orders.values())


@pytest.mark.parametrize(
    ("filters", "types"),
    [
        (["order.cancelled"], {"order.cancelled"}),
        (["payment.*"], {"payment.created", "payment.succeeded", "payment.processing"}),
        (["payment.succeeded", "order.succeeded"], {"payment.succeeded", "order.succeeded"}),
    ],
)
def test_filter_lets_types_and_families_through(filters: list[str], types: set[str], merchant: Merchant) -> None:
    with reading(merchant, event_types=filters) as reader:
        cancelled_order(merchant)
        merchant.wait_for_order(order := merchant.new_order()["order_id"], "NEW")
        merchant.charge(order)
        merchant.wait_for_order(order, "SUCCESS")
        with reading(merchant, last_event_id=BEGINNING) as everything:
            eventually(lambda: "order.succeeded" in {frame.type for frame in everything.frames}, "all of it")
        wanted = [frame for frame in everything.frames if frame.type in types]
        assert reader.wait_for(len(wanted)) == wanted
        assert wanted


def test_another_merchants_events_are_never_seen(merchant: Merchant, new_merchant: Callable[..., Merchant]) -> None:
    stranger = new_merchant()
    with reading(stranger) as theirs, reading(merchant) as ours:
        cancelled_order(merchant)
        seen = ours.wait_for(2)
        cancelled_order(stranger)
        found = theirs.wait_for(2)
        assert not {frame.id for frame in found} & {frame.id for frame in seen}
        answer = stranger.http.get(PATH, headers={"Last-Event-ID": seen[0].id})
        assert problem(answer)[:2] == (404, "EVENT_NOT_FOUND")
    with reading(stranger, last_event_id=BEGINNING) as whole:
        assert whole.wait_for(2) == found


@pytest.mark.parametrize(
    ("headers", "params", "said"),
    [
        ({"Last-Event-ID": str(uuid.uuid4())}, {}, (404, "EVENT_NOT_FOUND", set())),
        ({}, {"last_event_id": str(uuid.uuid4())}, (404, "EVENT_NOT_FOUND", set())),
        ({"Last-Event-ID": "7"}, {}, (400, "INVALID_ARGUMENT", {"Last-Event-ID"})),
        ({}, {"last_event_id": "7"}, (400, "INVALID_ARGUMENT", {"last_event_id"})),
        ({}, {"event_types": "order.canceled"}, (400, "EVENT_TYPE_UNKNOWN", {"event_types[0]"})),
        ({}, {"event_types": ["order.*", ""]}, (400, "INVALID_ARGUMENT", {"event_types[1]"})),
        ({}, {"event_type": "order.*"}, (400, "INVALID_ARGUMENT", {"event_type"})),
    ],
)
def test_stream_that_cannot_be_is_refused(
    headers: dict[str, str], params: dict[str, str], said: tuple[int, str, set[str]], merchant: Merchant
) -> None:
    answer = merchant.http.get(PATH, headers=headers, params=params)
    assert problem(answer) == said
    assert answer.headers["content-type"] == "application/json"


def test_merchant_has_so_many_streams_and_no_more(merchant: Merchant, new_merchant: Callable[..., Merchant]) -> None:
    with ExitStack() as open_streams:
        for _ in range(MERCHANT_STREAMS):
            open_streams.enter_context(reading(merchant))
        answer = merchant.http.get(PATH)
        assert problem(answer)[:2] == (429, "TOO_MANY_STREAMS")
        assert answer.headers["retry-after"] == "5"
        with reading(new_merchant()):
            pass

    def taken() -> bool:
        with merchant.http.stream("GET", PATH) as answer:
            return answer.status_code == 200

    eventually(taken, "room for a stream again")


def test_stream_is_in_the_audit_once_it_has_ended(merchant: Merchant, gateway: Ready) -> None:
    with reading(merchant) as reader:
        assert reader.answer
        request_id = reader.answer.headers["x-request-id"]
    (row,) = rows_of_request(gateway, request_id)
    assert (row["method"], row["path"], row["http_status"]) == ("GET", PATH, 200)
    assert str(row["merchant_id"]) == merchant.tenant_id
    assert row["rpc"].endswith("EventService/StreamEvents")


def test_native_grpc_reads_the_same(merchant: Merchant, gateway: Ready) -> None:
    with grpc.insecure_channel(gateway.edge_grpc) as channel:
        stream = EventServiceStub(channel).StreamEvents(StreamEventsRequest(), metadata=merchant.metadata)
        first = next(stream)
        assert first.content_type == "text/event-stream"
        cancelled_order(merchant)
        reader = Reader()
        lines = (line for part in stream for line in part.data.decode().removesuffix("\n").split("\n"))
        reader.read(_until(lambda: next(lines), lambda: len(reader.frames) == 2))
        stream.cancel()
    assert [frame.type for frame in reader.frames] == ["order.created", "order.cancelled"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on the path")
def test_curl_reads_it(merchant: Merchant) -> None:
    key = f'header = "Authorization: Bearer {merchant.secret}"\n'
    address = f"{merchant.http.base_url}".rstrip("/") + PATH
    curl = subprocess.Popen(
        ["curl", "-sSN", "-K", "-", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert curl.stdin
    assert curl.stdout
    try:
        curl.stdin.write(key)
        curl.stdin.close()
        assert curl.stdout.readline() == "retry: 1000\n"
        cancelled_order(merchant)
        reader = Reader()
        reader.read(_until(curl.stdout.readline, lambda: len(reader.frames) == 2))
        assert [frame.type for frame in reader.frames] == ["order.created", "order.cancelled"]
    finally:
        curl.terminate()
        curl.wait()


def _until(read: Callable[[], str], enough: Callable[[], bool]) -> Iterator[str]:
    while not enough():
        yield read().rstrip("\n")
