"""What happens to a delivery or an endpoint while something else happens to it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import pytest
from fusionx.notify.v1 import ping_pb2

from mesh.errors import unavailable
from mesh.ids import new_id
from mesh.storage.database import Session
from mesh.storage.idempotency import Claim, Record
from notify_svc.domain import delivery as domain
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.domain.endpoint import Endpoint
from notify_svc.storage import leftovers, outcomes
from notify_svc.use_cases.endpoints import Change
from tests.notify_svc.conftest import Desk, desk_on
from tests.support.net.rogue import OK, answering, hanging_until, rogue
from tests.support.waiting import PATIENCE, come_true

ERROR = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
NOWHERE = "http://127.0.0.1:9/never"


async def disabled(desk: Desk, endpoint_id: UUID) -> Endpoint:
    return await desk.endpoints.update(desk.merchant_id, endpoint_id, Change(enabled=False))


async def deleted(desk: Desk, endpoint_id: UUID) -> Endpoint:
    return await desk.endpoints.delete(desk.merchant_id, endpoint_id)


def pending(desk: Desk) -> int:
    return len(
        desk.execute("SELECT endpoint_id FROM deliveries WHERE status = 'PENDING' OR next_attempt_time IS NOT NULL")
    )


@pytest.mark.parametrize("take_away", [disabled, deleted])
async def test_nothing_waits_for_an_endpoint_that_was_taken_away_while_an_event_was_fanned_out(
    take_away: Callable[[Desk, UUID], Awaitable[Endpoint]], desk: Desk
) -> None:
    """Case 23."""
    endpoint = await desk.endpoint(NOWHERE)
    event = desk.event(new_id())
    async with desk.fanning_out(event):
        change = asyncio.ensure_future(take_away(desk, endpoint.endpoint_id))
        await come_true(lambda: change.done() or desk.is_waited_for(), "the change, or its wait")
    await change
    await come_true(lambda: pending(desk) == 0, "the end of all that is on its way")


async def test_event_sent_again_does_not_wait_for_an_endpoint_that_is_taken_away_meanwhile(desk: Desk) -> None:
    endpoint = await desk.endpoint(NOWHERE)
    (event,) = await desk.publish()
    await desk.tried(event, 1)
    resent = [desk.log.resend(desk.merchant_id, event.event_id, {}) for _ in range(10)]
    await asyncio.gather(*resent[:5], disabled(desk, endpoint.endpoint_id), *resent[5:])
    await come_true(lambda: pending(desk) == 0, "the end of all that is on its way")


async def test_calls_that_wait_for_their_merchant_leave_room_for_another(desk: Desk, notify_url: str) -> None:
    await desk.endpoint(NOWHERE)
    (event,) = await desk.publish()
    async with await psycopg.AsyncConnection.connect(notify_url) as other:
        merchant = str(desk.merchant_id)
        await other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [merchant])
        waiting = [asyncio.ensure_future(desk.log.resend(desk.merchant_id, event.event_id, {})) for _ in range(20)]
        await come_true(desk.is_waited_for, "the wait for the merchant")
        assert await asyncio.wait_for(desk.endpoints.all_of(uuid.uuid4()), PATIENCE) == []
        await other.rollback()
        await asyncio.gather(*waiting)


async def test_endpoint_that_is_enabled_again_gets_nothing_of_what_was_before(desk: Desk) -> None:
    """Also what a version of the service before this one has left."""
    async with rogue(answering(OK)) as server:
        endpoint = await desk.endpoint(NOWHERE)
        (old,) = await desk.publish()
        await desk.tried(old, 1)
        await disabled(desk, endpoint.endpoint_id)
        desk.execute("UPDATE deliveries SET status = 'PENDING', next_attempt_time = db_now()")
        change = Change(enabled=True, url=server.url)
        await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, change)
        (new,) = await desk.publish()
        assert (await desk.tried(new, 1)).status is DeliveryStatus.DELIVERED
        assert (await desk.tried(old, 1)).status is DeliveryStatus.CANCELLED
        assert server.ids == [str(new.event_id)]


@pytest.mark.parametrize("take_away", [disabled, deleted])
async def test_cancelling_a_long_queue_holds_up_nobody(
    take_away: Callable[[Desk, UUID], Awaitable[Endpoint]],
    desk: Desk,
    notify_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its merchant's other events go on meanwhile, and what is not in the first part is cancelled soon after."""
    monkeypatch.setattr(leftovers, "PART", 2)
    async with rogue(answering(OK)) as server, await psycopg.AsyncConnection.connect(notify_url) as other:
        endpoint = await desk.endpoint(NOWHERE)
        events = await desk.publish(7)
        for event in events:
            await desk.tried(event, 1)
        await desk.endpoint(server.url)
        await other.execute("SELECT FROM deliveries FOR UPDATE")
        change = asyncio.ensure_future(take_away(desk, endpoint.endpoint_id))
        await come_true(desk.is_waited_for, "the wait for what is cancelled")
        (new,) = await desk.publish()
        assert (await desk.tried(new, 1)).status is DeliveryStatus.DELIVERED
        await other.rollback()
        await change
        await come_true(lambda: pending(desk) == 0, "the end of all that is on its way")


async def test_endpoint_is_enabled_once_its_long_queue_is_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "PART", 2)
    async with rogue(answering(OK)) as server:
        endpoint = await desk.endpoint(NOWHERE)
        events = await desk.publish(7)
        for event in events:
            await desk.tried(event, 1)
        await desk.queues.worker.stop()
        await disabled(desk, endpoint.endpoint_id)
        assert pending(desk) == 5
        change = Change(enabled=True, url=server.url)
        assert (await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, change)).enabled
        assert pending(desk) == 0
        (new,) = await desk.publish()
        assert (await desk.tried(new, 1)).status is DeliveryStatus.DELIVERED
        assert server.ids == [str(new.event_id)]


async def test_endpoint_whose_queue_cannot_be_cancelled_keeps_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints = sorted([(await desk.endpoint(f"{NOWHERE}?{number}")).endpoint_id for number in range(2)])
    await desk.publish()
    await desk.failing(len(endpoints))
    cancel_part = leftovers.cancel_part

    async def one_fails(session: Session, endpoint_id: UUID) -> bool:
        if endpoint_id == endpoints[0]:
            raise unavailable("DATABASE_UNAVAILABLE", "no answer in time")
        return await cancel_part(session, endpoint_id)

    monkeypatch.setattr(leftovers, "cancel_part", one_fails)
    # as a process left them that ended
    desk.execute("UPDATE webhook_endpoints SET enabled = false, disable_reason = 'MERCHANT'")
    desk.queues.worker.wake()
    await come_true(lambda: pending(desk) == 1, "the end of the other's queue")
    monkeypatch.undo()
    desk.queues.worker.wake()
    await come_true(lambda: pending(desk) == 0, "the end of both")


async def test_nothing_is_cancelled_of_an_endpoint_that_is_enabled(desk: Desk) -> None:
    endpoint = await desk.endpoint(NOWHERE)
    (event,) = await desk.publish()
    await desk.tried(event, 1)
    await desk.queues.cancel_all(endpoint.endpoint_id)
    assert pending(desk) == 1


async def test_newest_attempts_are_kept_however_often_an_event_is_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rogue(answering(OK)) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        await desk.tried(event, 1)
        desk.execute("UPDATE delivery_attempts SET attempt = attempt + %s", outcomes.KEPT)
        desk.execute("UPDATE deliveries SET attempts = attempts + %s", outcomes.KEPT)
        await desk.log.resend(desk.merchant_id, event.event_id, {})
        await desk.tried(event, 2)
        desk.execute("UPDATE delivery_attempts SET attempt = 2 WHERE attempt = %s", outcomes.KEPT + 1)
        await desk.log.resend(desk.merchant_id, event.event_id, {})
        numbers = [outcomes.KEPT + 2, outcomes.KEPT + 3]
        await desk.delivery(event, lambda one: [attempt.number for attempt in one.attempts] == numbers)


async def test_event_is_sent_again_once_under_one_key(desk: Desk) -> None:
    def claim() -> Claim:
        return Claim(desk.merchant_id, "ResendEvent", "once", b"asked", lambda _: ping_pb2.Ping())

    async with rogue(answering(OK)) as server:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        await desk.tried(event, 1)
        assert isinstance(await desk.log.resend(desk.merchant_id, event.event_id, {}, claim()), list)
        await desk.tried(event, 2)
        assert isinstance(await desk.log.resend(desk.merchant_id, event.event_id, {}, claim()), Record)
        await desk.sender.close()
        assert len(server.ids) == 2
        assert desk.execute("SELECT resends FROM deliveries") == [(1,)]


async def test_endpoint_that_is_deleted_keeps_nothing_of_who_it_was(desk: Desk) -> None:
    endpoint = await desk.endpoint(NOWHERE)
    await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, Change(description="of Mr. Smith"))
    assert (await deleted(desk, endpoint.endpoint_id)).destination == NOWHERE
    kept = desk.execute("SELECT url, description, secret, old_secret FROM webhook_endpoints")
    assert kept == [("", "", b"", None)]


async def test_endpoint_that_has_just_recovered_is_not_disabled_as_failing(notify_url: str) -> None:
    """Case 24."""
    async with rogue(answering(ERROR)) as server, desk_on(notify_url, timeout=2 * PATIENCE) as desk:
        endpoint = await desk.endpoint(server.url)
        (first,) = await desk.publish()
        await desk.tried(first, 1)
        await desk.failing(1)
        desk.execute("UPDATE deliveries SET status = 'FAILED', next_attempt_time = NULL")
        desk.later(days=6)
        released = asyncio.Event()
        server.behaviour = hanging_until(released, ERROR)
        (slow,) = await desk.publish()
        await come_true(lambda: server.open == 1, "an attempt under way")
        server.behaviour = answering(OK)
        (healthy,) = await desk.publish()
        assert (await desk.tried(healthy, 1)).status is DeliveryStatus.DELIVERED
        released.set()
        await desk.tried(slow, 1)
        await desk.sender.close()
        assert (await desk.endpoints.get(desk.merchant_id, endpoint.endpoint_id)).enabled


async def test_410_of_an_address_that_was_changed_meanwhile_disables_nothing(notify_url: str) -> None:
    released = asyncio.Event()
    gone, healthy = rogue(hanging_until(released, GONE)), rogue(answering(OK))
    async with gone as before, healthy as after, desk_on(notify_url, timeout=2 * PATIENCE) as desk:
        endpoint = await desk.endpoint(before.url)
        (event,) = await desk.publish()
        await come_true(lambda: before.open == 1, "an attempt under way")
        await desk.endpoints.update(desk.merchant_id, endpoint.endpoint_id, Change(url=after.url))
        released.set()
        await desk.tried(event, 1)
        await desk.sender.close()
        assert (await desk.endpoints.get(desk.merchant_id, endpoint.endpoint_id)).enabled


async def test_event_sent_again_during_its_last_attempt_is_counted_once_and_keeps_its_new_schedule(
    notify_url: str,
) -> None:
    """Case 25."""
    async with rogue(answering(ERROR)) as server, desk_on(notify_url, timeout=2 * PATIENCE) as desk:
        await desk.endpoint(server.url)
        (event,) = await desk.publish()
        for number, wait in enumerate(domain.RETRIES, 1):
            await desk.tried(event, number)
            if number == len(domain.RETRIES):
                first, second = asyncio.Event(), asyncio.Event()
                server.behaviour = hanging_until(first, ERROR)
            desk.later(seconds=wait.total_seconds())
        await come_true(lambda: server.open == 1, "the last attempt under way")
        server.behaviour = hanging_until(second, ERROR)
        await desk.log.resend(desk.merchant_id, event.event_id, {})
        await come_true(lambda: server.open == 2, "the first attempt of the new schedule")
        first.set()
        tries = len(domain.RETRIES) + 1
        assert (await desk.tried(event, tries)).status is DeliveryStatus.PENDING
        second.set()
        again = await desk.tried(event, tries + 1)
        assert [attempt.number for attempt in again.attempts] == list(range(1, tries + 2))
        assert (again.status, again.next_attempt_time) == (DeliveryStatus.PENDING, desk.now + domain.RETRIES[0])
        server.behaviour = answering(ERROR)
        desk.later(seconds=domain.RETRIES[0].total_seconds())
        assert (await desk.tried(event, tries + 2)).next_attempt_time == desk.now + domain.RETRIES[1]


async def test_secret_that_no_key_opens_is_tried_on_the_published_schedule_and_says_nothing_of_the_endpoint(
    desk: Desk,
) -> None:
    async with rogue(answering(OK)) as server:
        await desk.endpoint(server.url)
        desk.execute("UPDATE webhook_endpoints SET secret = 'no secret of ours'")
        (event,) = await desk.publish()
        for number, wait in enumerate(domain.RETRIES, 1):
            delivery = await desk.tried(event, number)
            assert delivery.next_attempt_time == desk.now + wait
            assert "SealError" in delivery.attempts[-1].attempt.answer
            desk.later(seconds=wait.total_seconds())
        assert (await desk.tried(event, len(domain.RETRIES) + 1)).status is DeliveryStatus.FAILED
        assert desk.execute("SELECT failing_since FROM webhook_endpoints") == [(None,)]
        assert server.ids == []


async def test_attempt_is_noted_whoever_holds_its_endpoint(desk: Desk, notify_url: str) -> None:
    """Others lock an endpoint and then its deliveries: whoever held one of these waiting for it would deadlock."""
    await desk.endpoint(NOWHERE)
    async with await psycopg.AsyncConnection.connect(notify_url) as other:
        (event,) = await desk.publish()
        await desk.tried(event, 1)
        await desk.failing(1)
        desk.execute("UPDATE webhook_endpoints SET failing_since = NULL")
        await other.execute("SELECT FROM webhook_endpoints FOR NO KEY UPDATE")
        desk.later(seconds=domain.RETRIES[0].total_seconds())
        await desk.tried(event, 2)
        await come_true(desk.is_waited_for, "the sender's wait for the endpoint")
        cancelled = await other.execute("UPDATE deliveries SET status = 'CANCELLED', next_attempt_time = NULL")
        assert cancelled.rowcount == 1
