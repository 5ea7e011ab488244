"""Streams of events on a database of their own: when they begin, wait, end, and what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

import grpc
import pytest

from mesh.errors import ApiError
from mesh.storage.database import Database
from notify_svc.contract.event_types import PUBLIC_TYPES
from notify_svc.domain.event import PublicEvent
from notify_svc.storage.events import EventRepository
from notify_svc.use_cases.event_stream import BATCH, BEGINNING, EventStreams
from tests.notify_svc.conftest import Desk
from tests.support.waiting import PATIENCE, come_true

ALL = frozenset(PUBLIC_TYPES)
KEY = UUID(int=1)
LONG = 600.0
Streamed = PublicEvent | UUID | None


class Counting(EventRepository):
    """A repository that counts what is read from it."""

    def __init__(self) -> None:
        self.read = 0

    async def read_on(self, *arguments: object, **named: object) -> list[tuple[int, PublicEvent]]:
        found = await super().read_on(*arguments, **named)  # type: ignore[arg-type]
        self.read += len(found)
        return found


@asynccontextmanager
async def streams_on(
    url: str, store: EventRepository | None = None, *, seconds: float = LONG, heartbeat: float = LONG, most: int = 2
) -> AsyncIterator[EventStreams]:
    """Run streams, which hear of what others store within half a second."""
    database = Database(url, 4)
    await database.open()
    streams = EventStreams(
        database, store or EventRepository(), per_merchant=most, seconds=seconds, heartbeat=heartbeat
    )
    streams.worker.start()
    yield streams
    await streams.worker.stop()
    await database.close()


def follow(streams: EventStreams, desk: Desk, after: UUID | None = None) -> aclosing[AsyncGenerator[Streamed]]:
    return aclosing(streams.follow(desk.merchant_id, KEY, ALL, after))


async def begun(streams: EventStreams, desk: Desk, after: UUID | None = None) -> Streamed:
    """Return what a stream begins with, and end it."""
    async with follow(streams, desk, after) as stream:
        return await anext(stream)


async def test_stream_hears_of_what_another_process_stores(desk: Desk, notify_url: str) -> None:
    async with streams_on(notify_url) as streams, follow(streams, desk) as stream:
        assert await anext(stream) == BEGINNING
        for _ in range(3):
            (event,) = await desk.publish()
            assert await anext(stream) == event


async def test_order_is_that_of_the_log_whatever_the_ids(desk: Desk, notify_url: str) -> None:
    first, second, third = (desk.event(UUID(int=number)) for number in (1, 2, 3))
    for event in (third, first, second):
        await desk.fan_out(event)
    async with streams_on(notify_url) as streams:
        async with follow(streams, desk, BEGINNING) as stream:
            assert [await anext(stream) for _ in range(4)] == [BEGINNING, third, first, second]
        async with follow(streams, desk, third.event_id) as stream:
            assert [await anext(stream) for _ in range(3)] == [third.event_id, first, second]


async def test_reader_that_takes_nothing_costs_no_more_than_a_batch(desk: Desk, notify_url: str) -> None:
    store = Counting()
    events = await desk.publish(3 * BATCH)
    async with streams_on(notify_url, store) as streams, follow(streams, desk, BEGINNING) as stream:
        found = [await anext(stream) for _ in range(2)][1:]
        await desk.publish()
        assert store.read == BATCH
        found += [await anext(stream) for _ in range(len(events) - 1)]
        assert found == events


async def test_quiet_stream_beats_and_ends_when_its_time_is_over(desk: Desk, notify_url: str) -> None:
    async with streams_on(notify_url, heartbeat=0.1) as streams, follow(streams, desk) as stream:
        assert [await anext(stream) for _ in range(4)] == [BEGINNING, None, None, None]
    async with streams_on(notify_url, seconds=0.5, heartbeat=0.1) as streams, follow(streams, desk) as stream:
        assert set([one async for one in stream][1:]) <= {None}


async def test_what_the_filter_keeps_out_does_not_keep_the_stream_silent(desk: Desk, notify_url: str) -> None:
    async with streams_on(notify_url, heartbeat=0.1) as streams:
        chosen = streams.follow(desk.merchant_id, KEY, frozenset({"refund.failed"}), None)
        async with aclosing(chosen) as stream:
            await anext(stream)
            await desk.publish(2)
            assert await anext(stream) is None


async def test_streams_end_at_once_when_the_process_does_and_no_new_ones_begin(desk: Desk, notify_url: str) -> None:
    async with streams_on(notify_url) as streams, follow(streams, desk) as stream:
        await anext(stream)
        rest = asyncio.create_task(anext(stream, None))
        streams.end()
        assert await asyncio.wait_for(rest, 30) is None
        with pytest.raises(ApiError) as refused:
            await begun(streams, desk)
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")


async def test_streams_of_the_database_before_end_and_their_readers_may_come_again(desk: Desk, notify_url: str) -> None:
    """In a restored log the places of events are others."""
    async with streams_on(notify_url) as streams:
        async with follow(streams, desk) as stream:
            await anext(stream)
            rest = asyncio.create_task(anext(stream, None))
            streams.forget()
            assert await asyncio.wait_for(rest, 30) is None
        assert await begun(streams, desk) == BEGINNING


async def test_stream_that_waits_for_its_reader_is_cut_off_at_the_end(desk: Desk, notify_url: str) -> None:
    await desk.publish(2)
    async with streams_on(notify_url) as streams:

        async def stuck() -> None:
            async with follow(streams, desk, BEGINNING) as stream:
                async for _ in stream:
                    await asyncio.Event().wait()

        reader = asyncio.create_task(stuck())
        await come_true(lambda: streams._listeners, "the stream")
        streams.end()
        done, _ = await asyncio.wait([reader], timeout=PATIENCE)
        assert done
        assert reader.cancelled()


async def test_place_is_given_back_however_a_stream_ends(desk: Desk, notify_url: str) -> None:
    async with streams_on(notify_url, most=1) as streams:
        async with follow(streams, desk) as stream:
            await anext(stream)
            for _ in range(2):
                with pytest.raises(ApiError) as refused:
                    await begun(streams, desk)
                assert refused.value.reason == "TOO_MANY_STREAMS"
        with pytest.raises(ApiError) as unknown:
            await begun(streams, desk, UUID(int=7))
        assert unknown.value.reason == "EVENT_NOT_FOUND"
        async with follow(streams, desk) as stream:
            assert await anext(stream) == BEGINNING
