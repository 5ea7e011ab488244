"""What room endpoints and merchants leave each other: none has all of it, whatever their servers do."""

from __future__ import annotations

import time
import uuid

import pytest

from mesh.rpc.shares import ROOM
from notify_svc.use_cases import dispatcher
from tests.notify_svc.conftest import CONCURRENCY, Desk, desk_on
from tests.support.net.rogue import OK, Rogue, answering, hangs, rogue
from tests.support.waiting import PATIENCE, come_true

ERROR = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"


async def assert_half_is_left(desk: Desk, others: Rogue, healthy: Rogue) -> None:
    """Have so much for others as would take all the room, and assert that half of it brings a new endpoint's events."""
    await desk.publish(3)
    await come_true(lambda: others.open >= CONCURRENCY // 2, "the others' part in use")
    await desk.endpoint(healthy.url)
    events = await desk.publish(2 * CONCURRENCY)
    await come_true(lambda: set(healthy.ids) == {str(event.event_id) for event in events}, "all at the healthy")
    assert others.open == CONCURRENCY // 2


async def test_endpoints_that_are_dead_do_not_delay_first_attempts_of_others(notify_url: str) -> None:
    """There are more of them than there is room for, and none of their attempts ends."""
    patient = desk_on(notify_url, timeout=2 * PATIENCE)
    async with rogue(answering(ERROR)) as dead, rogue(answering(OK)) as healthy, patient as desk:
        for number in range(CONCURRENCY):
            await desk.endpoint(f"{dead.url}?{number}")
        await desk.publish()
        await desk.failing(CONCURRENCY)
        dead.behaviour = hangs
        await assert_half_is_left(desk, dead, healthy)
        dead.released.set()


async def test_slow_endpoints_do_not_delay_first_attempts_of_others(
    notify_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them fails: with answers just within the time, those of four merchants took all the room there is."""
    monkeypatch.setattr(dispatcher, "SLOW_SECONDS", 0.0)
    patient = desk_on(notify_url, timeout=2 * PATIENCE)
    async with rogue(answering(OK)) as slow, rogue(answering(OK)) as healthy, patient as desk:
        for number in range(CONCURRENCY):
            await desk.endpoint(f"{slow.url}?{number}")
        await desk.publish()
        await come_true(lambda: len(desk.sender._slow) == CONCURRENCY, "all of them known to be slow")
        monkeypatch.undo()
        slow.behaviour = hangs
        await assert_half_is_left(desk, slow, healthy)
        slow.behaviour = answering(OK)
        slow.released.set()
        await desk.publish()
        await come_true(lambda: not desk.sender._slow, "none slow any more")


async def test_slow_endpoint_is_forgotten_after_a_while_and_the_oldest_of_too_many(desk: Desk) -> None:
    first, second, third = (uuid.uuid4() for _ in range(3))
    now = time.monotonic()
    desk.sender._slow = {first: now - dispatcher.SLOW_FOR_SECONDS, second: now, third: now}
    desk.sender._forget_slow()
    assert list(desk.sender._slow) == [second, third]
    desk.sender._slow |= {uuid.uuid4(): now for _ in range(dispatcher.MAX_SLOW - 1)}
    desk.sender._forget_slow()
    assert second not in desk.sender._slow
    assert len(desk.sender._slow) == dispatcher.MAX_SLOW


async def test_several_merchants_together_do_not_get_all_the_room(notify_url: str) -> None:
    """Of endpoints that are new nobody knows that they are slow."""
    few = desk_on(notify_url, timeout=2 * PATIENCE, merchant_share=CONCURRENCY // 3)
    async with rogue(hangs) as silent, rogue(answering(OK)) as healthy, few as desk:
        for _ in range(3):
            desk.merchant_id = uuid.uuid4()
            for number in range(CONCURRENCY):
                await desk.endpoint(f"{silent.url}?{number}")
            await desk.publish(3)
        await come_true(lambda: silent.open >= CONCURRENCY - CONCURRENCY // ROOM, "the merchants' part in use")
        desk.merchant_id = uuid.uuid4()
        await desk.endpoint(healthy.url)
        events = await desk.publish(2 * CONCURRENCY)
        await come_true(lambda: set(healthy.ids) == {str(event.event_id) for event in events}, "the neighbour's events")
        # the last of the three had nothing under way when it came
        assert silent.open == CONCURRENCY - CONCURRENCY // ROOM + 1
        silent.released.set()


async def test_merchant_does_not_get_all_the_room_however_many_endpoints_it_has(notify_url: str) -> None:
    """None of its endpoints has failed yet: so a server that hangs, or a name that nobody answers for, costs others."""
    few = desk_on(notify_url, timeout=2 * PATIENCE, merchant_share=CONCURRENCY // 2)
    async with rogue(hangs) as silent, rogue(answering(OK)) as healthy, few as desk:
        for number in range(CONCURRENCY):
            await desk.endpoint(f"{silent.url}?{number}")
        await desk.publish(3)
        await come_true(lambda: silent.open >= CONCURRENCY // 2, "the merchant's share in use")
        desk.merchant_id = uuid.uuid4()
        await desk.endpoint(healthy.url)
        events = await desk.publish(2 * CONCURRENCY)
        await come_true(lambda: set(healthy.ids) == {str(event.event_id) for event in events}, "the neighbour's events")
        assert silent.open == CONCURRENCY // 2
        silent.released.set()
