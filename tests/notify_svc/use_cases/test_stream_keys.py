"""Streams end with their keys, and go on a while when nobody can say whether the keys hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

from mesh.storage.database import Database
from notify_svc.contract.event_types import PUBLIC_TYPES
from notify_svc.domain.watched_keys import Looked
from notify_svc.storage.events import EventRepository
from notify_svc.use_cases.event_stream import QUIET_SECONDS, EventStreams
from notify_svc.use_cases.stream_keys import INTERVAL_SECONDS, STALE_SECONDS, TRUST_SECONDS, StreamKeys
from tests.notify_svc.conftest import Desk

MINE, ANOTHERS = UUID(int=1), UUID(int=2)


class Edge:
    """What the edge says of keys, at the test's time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gone = set[UUID]()
        self.changes: dict[UUID, int] = {}
        self.away = False
        self.asked = list[set[UUID]]()

    async def look(self, keys: Collection[UUID], changed_after: int) -> Looked:
        self.asked.append(set(keys))
        if self.away:
            raise ConnectionError
        changed = {key for key, number in self.changes.items() if 0 < changed_after < number}
        return Looked(self.gone & set(keys), changed & set(keys), max(self.changes.values(), default=7))


@asynccontextmanager
async def streaming(
    desk: Desk, url: str, *keys: UUID | None
) -> AsyncIterator[tuple[EventStreams, list[asyncio.Task[None]]]]:
    """Open a stream for each key; each task ends as its stream does."""
    database = Database(url, 4)
    await database.open()
    streams = EventStreams(database, EventRepository(), per_merchant=10, seconds=600.0, heartbeat=600.0)
    begun = [asyncio.Event() for _ in keys]

    async def read(key: UUID | None, first: asyncio.Event) -> None:
        async with aclosing(streams.follow(desk.merchant_id, key, PUBLIC_TYPES, None)) as stream:
            async for _ in stream:
                first.set()

    tasks = [asyncio.create_task(read(*each)) for each in zip(keys, begun, strict=True)]
    await asyncio.gather(*(one.wait() for one in begun))
    try:
        yield streams, tasks
    finally:
        streams.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.close()


async def test_a_stream_ends_with_its_key_and_no_other_does(desk: Desk, notify_url: str) -> None:
    edge = Edge()
    async with streaming(desk, notify_url, MINE, MINE, ANOTHERS, None) as (streams, tasks):
        keys = StreamKeys(streams, edge.look, now=lambda: edge.now)
        await keys.step()
        assert edge.asked == [{MINE, ANOTHERS}]
        edge.gone = {MINE}
        await keys.step()
        await asyncio.wait_for(asyncio.gather(*tasks[:2]), 30)
        assert not any(task.done() for task in tasks[2:])


async def test_a_stream_ends_when_its_key_is_changed_and_what_comes_again_goes_on(desk: Desk, notify_url: str) -> None:
    edge = Edge()
    async with streaming(desk, notify_url, MINE, ANOTHERS) as (streams, tasks):
        keys = StreamKeys(streams, edge.look)
        await keys.step()
        edge.changes = {MINE: 8}
        await keys.step()
        await asyncio.wait_for(tasks[0], 30)
        assert not tasks[1].done()
        async with streaming(desk, notify_url, MINE, ANOTHERS) as (again, _):
            keys._streams = again
            for _ in range(2):
                await keys.step()
            assert again.keys() == {MINE, ANOTHERS}


async def test_a_stream_that_was_let_in_before_a_change_and_seen_after_it_ends(desk: Desk, notify_url: str) -> None:
    edge = Edge()
    async with streaming(desk, notify_url) as (nobody, _), streaming(desk, notify_url, MINE) as (streams, (task,)):
        keys = StreamKeys(nobody, edge.look)
        await keys.step()
        edge.changes = {MINE: 8}
        keys._streams = streams
        await keys.step()
        await asyncio.wait_for(task, 30)


async def test_a_stream_that_was_let_in_by_who_had_not_heard_of_a_change_ends_once(desk: Desk, notify_url: str) -> None:
    edge = Edge()
    async with streaming(desk, notify_url, MINE) as (streams, (task,)):
        keys = StreamKeys(streams, edge.look, now=lambda: edge.now)
        await keys.step()
        edge.changes = {MINE: 8}
        await keys.step()
        await asyncio.wait_for(task, 30)
        async with streaming(desk, notify_url, MINE, ANOTHERS) as (stale, (ends, another)):
            keys._streams = stale
            edge.now += STALE_SECONDS
            await keys.step()
            await asyncio.wait_for(ends, 30)
            assert not another.done()
            async with streaming(desk, notify_url, MINE) as (again, _):
                keys._streams = again
                edge.now += STALE_SECONDS
                await keys.step()
                assert again.keys() == {MINE}


async def test_streams_outlive_a_silence_of_the_edge_that_is_short(desk: Desk, notify_url: str) -> None:
    edge = Edge()
    async with streaming(desk, notify_url, MINE, None) as (streams, tasks):
        keys = StreamKeys(streams, edge.look, now=lambda: edge.now)
        edge.away = True
        for edge.now in (1.0, TRUST_SECONDS):
            assert not await keys.step()
        assert streams.keys() == {MINE}
        edge.now = TRUST_SECONDS + 1
        await keys.step()
        await asyncio.wait_for(tasks[0], 30)
        assert not tasks[1].done()


async def test_nobody_is_asked_while_no_stream_is_open(desk: Desk, notify_url: str) -> None:
    """But once, for where the changes of keys stand."""
    edge = Edge()
    async with streaming(desk, notify_url) as (streams, _):
        keys = StreamKeys(streams, edge.look)
        for _ in range(3):
            assert not await keys.step()
    assert edge.asked == [set()]


async def test_nothing_is_looked_for_while_nobody_streams_and_the_first_stream_wakes_who_looks(
    desk: Desk, notify_url: str
) -> None:
    async with streaming(desk, notify_url) as (streams, _):
        woken: list[bool] = []
        pause = streams.pause_of(INTERVAL_SECONDS)
        streams.when_followed(lambda: woken.append(True))
        assert pause() == QUIET_SECONDS
        for _ in range(2):
            async with aclosing(streams.follow(desk.merchant_id, MINE, PUBLIC_TYPES, None)) as stream:
                await anext(stream)
                assert pause() == INTERVAL_SECONDS
        assert (woken, pause()) == ([True, True], QUIET_SECONDS)
