"""The sender against real servers, most of which misbehave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from mesh.errors import ApiError
from mesh.ids import new_id
from mesh.metrics import ALERTS
from mesh.storage.idempotency import Claim, Record
from notify_svc.channels.webhook import KEPT, READ
from notify_svc.contract import messages as mapping
from notify_svc.domain import delivery as domain
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.domain.endpoint import DisableReason
from notify_svc.domain.event import PublicEvent
from notify_svc.storage.deliveries import GAP_PATIENCE
from notify_svc.use_cases import dispatcher
from notify_svc.use_cases.endpoints import Change, NewEndpoint
from tests.notify_svc.conftest import CONCURRENCY, SHARE, Desk, desk_on
from tests.support.net.rogue import (
    OK,
    Behaviour,
    answering,
    closes,
    drips_forever,
    endless_headers,
    hangs,
    rogue,
    streams_forever,
)
from tests.support.waiting import PATIENCE, come_true

ERROR = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
HUGE = b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n" + b"y" * 4_000_000


def alerts() -> float:
    return float(ALERTS.labels("webhook_endpoint_disabled")._value.get())


@pytest.mark.parametrize(
    ("behaviour", "status", "answer"),
    [
        (hangs, 0, "TIMEOUT: "),
        (closes, 0, "CONNECTION_BROKEN: "),
        (endless_headers, 0, "CONNECTION_BROKEN: "),
        (answering(b"SSH-2.0-OpenSSH\r\n\r\n"), 0, "CONNECTION_BROKEN: "),
        (answering(b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\nno\x00!"), 500, "no!"),
        (answering(b"HTTP/1.1 500 Oops\r\ncontent-length: 9\r\n\r\n\xff\xfe"), 500, "\ufffd\ufffd"),
        (answering(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"), 302, ""),
    ],
)
async def test_server_that_misbehaves_is_logged_and_tried_again(
    behaviour: Behaviour, status: int, answer: str, desk: Desk
) -> None:
    async with rogue(behaviour) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        delivery = await desk.tried(event, 1)
        assert delivery.status is DeliveryStatus.PENDING
        assert delivery.next_attempt_time == desk.now + domain.RETRIES[0]
        assert delivery.attempts[0].attempt.status == status
        assert answer in delivery.attempts[0].attempt.answer
        server.behaviour = answering(OK)
        desk.later(seconds=5)
        delivery = await desk.tried(event, 2)
        assert delivery.status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("behaviour", [streams_forever, answering(HUGE)])
async def test_long_answer_counts_by_its_status_and_is_not_read_to_its_end(behaviour: Behaviour, desk: Desk) -> None:
    async with rogue(behaviour) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        delivery = await desk.tried(event, 1)
        assert delivery.status is DeliveryStatus.DELIVERED
        assert len(delivery.attempts[0].attempt.answer) == KEPT
        # the connection was closed, and what had been written was in buffers of the kernel
        await come_true(lambda: server.open == 0, "the end of the connection")
        assert server.written < READ + 16_000_000


async def test_answer_that_drips_for_ever_counts_by_its_status(desk: Desk) -> None:
    async with rogue(drips_forever) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        assert (await desk.tried(event, 1)).status is DeliveryStatus.DELIVERED
        await come_true(lambda: server.open == 0, "the end of the connection")


async def test_server_that_is_not_there_is_logged_and_tried_again(desk: Desk) -> None:
    await desk.endpoint("http://127.0.0.1:9/never")
    (event,) = await desk.publish()
    delivery = await desk.tried(event, 1)
    assert (delivery.status, delivery.attempts[0].attempt.status) == (DeliveryStatus.PENDING, 0)
    assert "CONNECTION_REFUSED: " in delivery.attempts[0].attempt.answer


async def test_refused_address_is_logged_as_refused_and_tried_again(desk: Desk) -> None:
    """A name that led elsewhere when the endpoint was registered."""
    desk.names["shop.example"] = "93.184.215.14"
    await desk.endpoint("http://shop.example/")
    desk.names["shop.example"] = "10.0.0.1"
    (event,) = await desk.publish()
    delivery = await desk.tried(event, 1)
    assert delivery.next_attempt_time == desk.now + domain.RETRIES[0]
    assert (
        delivery.attempts[0].attempt.answer == "URL_REFUSED: must not lead to an address that is private: shop.example"
    )


async def test_url_whose_server_does_not_answer_its_challenge_is_not_taken(desk: Desk) -> None:
    ours, anothers = "http://93.184.215.14/ours", "http://93.184.215.14/anothers"
    desk.strangers.add(anothers)
    endpoint = await desk.endpoint(ours)
    with pytest.raises(ApiError, match="challenge") as refused:
        await desk.endpoint(anothers)
    assert (refused.value.reason, refused.value.violations[0].field) == ("URL_NOT_PROVEN", "url")
    with pytest.raises(ApiError, match="challenge"):
        await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, Change(url=anothers))
    assert await desk.endpoints.all_of(desk.merchant_id) == [endpoint]
    # nobody is asked where the URL stays
    desk.strangers.add(ours)
    await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, Change(description="ours"))
    await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, Change(url=ours))


async def test_repeated_creation_has_its_answer_though_the_server_is_silent_now(desk: Desk) -> None:
    url = "http://93.184.215.14/ours"
    claim = Claim(desk.merchant_id, "/create", "key-1", b"body", lambda made: mapping.endpoint_message(*made))
    made = await desk.endpoints.create(desk.merchant_id, NewEndpoint(url=url), claim)
    assert isinstance(made, tuple)
    desk.strangers.add(url)
    again = await desk.endpoints.create(desk.merchant_id, NewEndpoint(url=url), claim)
    assert isinstance(again, Record)
    assert again.response == claim.answer(made)
    assert await desk.endpoints.all_of(desk.merchant_id) == [made[0]]
    with pytest.raises(ApiError, match="another request body"):
        await desk.endpoints.create(desk.merchant_id, NewEndpoint(url=url), replace(claim, fingerprint=b"other"))


async def test_name_that_leads_where_nothing_may_go_is_refused_at_the_creation(desk: Desk) -> None:
    desk.names["shop.example"] = "10.0.0.1"
    with pytest.raises(ApiError) as refused:
        await desk.endpoint("http://shop.example/")
    assert refused.value.reason == "URL_REFUSED"
    assert await desk.endpoints.all_of(desk.merchant_id) == []


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (b"120", timedelta(seconds=120)),
        (b"Thu, 01 Jan 2026 01:00:00 GMT", timedelta(hours=1)),
        (b"1", domain.RETRIES[0]),
        (b"99999999", timedelta(hours=24)),
        (b"whenever", domain.RETRIES[0]),
    ],
)
async def test_retry_after_makes_a_wait_longer_and_never_shorter(header: bytes, wait: timedelta, desk: Desk) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nretry-after: " + header + b"\r\ncontent-length: 0\r\n\r\n"
    async with rogue(answering(busy)) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        assert (await desk.tried(event, 1)).next_attempt_time == desk.now + wait


async def test_attempts_follow_the_published_schedule_and_resending_begins_it_anew(desk: Desk) -> None:
    async with rogue(answering(ERROR)) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        for number, wait in enumerate(domain.RETRIES, 1):
            assert (await desk.tried(event, number)).next_attempt_time == desk.now + wait
            desk.later(seconds=wait.total_seconds())
        last = await desk.tried(event, len(domain.RETRIES) + 1)
        assert (last.status, last.next_attempt_time) == (DeliveryStatus.FAILED, None)
        await desk.log.resend(desk.merchant_id, event.event_id, {})
        again = await desk.tried(event, len(domain.RETRIES) + 2)
        assert (again.status, again.next_attempt_time) == (DeliveryStatus.PENDING, desk.now + domain.RETRIES[0])


async def test_410_disables_the_endpoint_and_cancels_what_is_on_its_way(desk: Desk) -> None:
    before = alerts()
    async with rogue(answering(ERROR, GONE)) as server:
        endpoint = await desk.endpoint(server.url)
        (waiting,) = await desk.publish()
        await desk.tried(waiting, 1)
        (event,) = await desk.publish()
        disabled = await desk.endpoint_is(endpoint.endpoint_id, lambda found: not found.enabled)
        assert disabled.disable_reason is DisableReason.GONE
        assert (await desk.tried(event, 1)).status is DeliveryStatus.FAILED
        # what waits is cancelled, and the alert given, after the endpoint was disabled
        await desk.delivery(waiting, lambda delivery: delivery.status is DeliveryStatus.CANCELLED)
        await come_true(lambda: alerts() == before + 1, "the alert")
        unheard = await desk.publish()
        assert await desk.log.deliveries(desk.merchant_id, unheard[0].event_id) == []
        server.behaviour = answering(OK)
        await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, Change(enabled=True))
        await desk.log.resend(desk.merchant_id, waiting.event_id, {})
        assert (await desk.tried(waiting, 2)).status is DeliveryStatus.DELIVERED


async def test_endpoint_that_takes_nothing_for_five_days_is_disabled(desk: Desk) -> None:
    before = alerts()
    async with rogue(answering(ERROR)) as server:
        endpoint = await desk.endpoint(server.url)
        for hours in (0, 24 * 5 - 1):
            desk.later(hours=hours)
            (event,) = await desk.publish()
            await desk.tried(event, 1)
            await desk.failing(1)
        assert (await desk.endpoints.get(desk.merchant_id, endpoint.endpoint_id)).enabled
        desk.later(hours=1)
        await desk.publish()
        disabled = await desk.endpoint_is(endpoint.endpoint_id, lambda found: not found.enabled)
        assert disabled.disable_reason is DisableReason.FAILING
        # it is told after it was stored
        await come_true(lambda: alerts() == before + 1, "the alert")


async def test_one_success_within_the_five_days_starts_them_anew(desk: Desk) -> None:
    async with rogue(answering(ERROR)) as server:
        endpoint = await desk.endpoint(server.url)
        (event,) = await desk.publish()
        await desk.tried(event, 1)
        await desk.failing(1)
        server.behaviour = answering(OK)
        desk.later(seconds=5)
        await desk.tried(event, 2)
        await desk.failing(0)
        server.behaviour = answering(ERROR)
        desk.later(days=6)
        (event,) = await desk.publish()
        await desk.tried(event, 1)
        # it would be disabled after the attempt was noted
        await desk.sender.close()
        assert (await desk.endpoints.get(desk.merchant_id, endpoint.endpoint_id)).enabled


async def test_endpoint_gets_no_more_than_its_share_at_once(desk: Desk) -> None:
    async with rogue(hangs) as slow:
        await desk.endpoint(slow.url)
        events = await desk.publish(3 * SHARE)
        await come_true(lambda: slow.open == SHARE, "a full share")
        slow.behaviour = answering(OK)
        slow.released.set()
        for event in events:
            await desk.delivery(event, lambda delivery: delivery.status is DeliveryStatus.DELIVERED)
        assert slow.most_open <= SHARE


async def test_dead_and_slow_endpoints_hold_up_nobody_else(notify_url: str) -> None:
    """Their queues are longer than all the room there is, and were there first."""
    # no attempt times out while the test runs, so the slow one's share stays in use
    patient = desk_on(notify_url, timeout=2 * PATIENCE)
    async with rogue(hangs) as slow, rogue(closes) as dead, rogue(answering(OK)) as healthy, patient as desk:
        await desk.endpoint(slow.url)
        await desk.endpoint(dead.url)
        await desk.publish(5 * CONCURRENCY)
        await come_true(lambda: slow.open == SHARE, "a full share")
        await desk.endpoint(healthy.url)
        events = await desk.publish(2 * CONCURRENCY)
        await come_true(lambda: len(healthy.ids) == len(events), "everything at the healthy one")
        assert set(healthy.ids) == {str(event.event_id) for event in events}
        assert slow.most_open == SHARE
        slow.released.set()


async def test_turns_are_taken_when_there_is_little_room(desk: Desk) -> None:
    """More endpoints than there is room for at once: nobody's second goes before anybody's first."""
    async with rogue(answering(OK)) as server:
        endpoints = [await desk.endpoint(f"{server.url}?{number}") for number in range(CONCURRENCY + 4)]
        (first, second) = await desk.publish(2)

        def is_with_all(event: PublicEvent) -> bool:
            return server.ids.count(str(event.event_id)) == len(endpoints)

        for event in (first, second):
            await come_true(partial(is_with_all, event), "all of them")
        assert len(server.ids) == 2 * len(endpoints)


async def test_version_behind_one_that_an_endpoint_does_not_take_waits_for_those_before_that(desk: Desk) -> None:
    order_id = new_id()
    async with rogue(answering(OK)) as server:
        only_created = NewEndpoint(url=server.url, event_types=("order.created",))
        await desk.endpoints.create(desk.merchant_id, only_created, None)
        (third, _) = await desk.fan_out(desk.event(order_id, 3), replace(desk.event(order_id, 2), type="order.expired"))
        (other,) = await desk.publish()
        await desk.tried(other, 1)
        (first,) = await desk.fan_out(desk.event(order_id, 1))
        for event in (first, third):
            await desk.tried(event, 1)
        assert server.ids == [str(event.event_id) for event in (other, first, third)]


async def test_version_that_never_comes_delays_one_later_version_alone(desk: Desk) -> None:
    """Its event was deleted, or is a dead letter. One of the later ones is of a type that is not taken."""
    order_id = new_id()
    async with rogue(answering(OK)) as server:
        only_created = NewEndpoint(url=server.url, event_types=("order.created",))
        await desk.endpoints.create(desk.merchant_id, only_created, None)
        first, second = await desk.fan_out(desk.event(order_id, 1), desk.event(order_id, 2))
        await desk.tried(second, 1)
        desk.execute("TRUNCATE events, deliveries, delivery_attempts")
        (third,) = await desk.fan_out(desk.event(order_id, 3))
        (other,) = await desk.publish()
        await desk.tried(other, 1)
        # what is missing has its time
        await desk.tried(third, 0)
        desk.later(seconds=GAP_PATIENCE.total_seconds())
        await desk.tried(third, 1)
        _, fifth = await desk.fan_out(replace(desk.event(order_id, 4), type="order.expired"), desk.event(order_id, 5))
        await desk.tried(fifth, 1)
        # and so has what is missing anew
        await desk.fan_out(desk.event(order_id, 7))
        (last,) = await desk.publish()
        await desk.tried(last, 1)
        assert server.ids == [str(event.event_id) for event in (first, second, other, third, fifth, last)]


async def test_version_that_was_cancelled_keeps_no_later_one_waiting(desk: Desk) -> None:
    order_id = new_id()
    async with rogue(answering(OK)) as server:
        endpoint = await desk.endpoint(server.url)
        # nothing is tried of the second version before the first has come
        (second,) = await desk.fan_out(desk.event(order_id, 2))
        for enabled in (False, True):
            await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, Change(enabled=enabled))
        first, third = await desk.fan_out(desk.event(order_id, 1), desk.event(order_id, 3))
        for event in (first, third):
            assert (await desk.tried(event, 1)).status is DeliveryStatus.DELIVERED
        assert (await desk.tried(second, 0)).status is DeliveryStatus.CANCELLED
        assert server.ids == [str(first.event_id), str(third.event_id)]


async def test_version_behind_the_one_that_an_endpoint_begins_to_fail_with_is_tried_at_once(
    notify_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the first attempt of that one, and is of an endpoint that fails when that has ended."""
    monkeypatch.setattr(dispatcher, "INTERVAL_SECONDS", 3600.0)
    order_id = new_id()
    async with rogue(answering(ERROR)) as server, desk_on(notify_url) as desk:
        await desk.endpoint(server.url)
        first, second = await desk.fan_out(desk.event(order_id, 1), desk.event(order_id, 2))
        for event in (first, second):
            assert (await desk.tried(event, 1)).status is DeliveryStatus.PENDING
