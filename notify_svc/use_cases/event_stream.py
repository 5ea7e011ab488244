"""The live stream of a merchant's events: read from the log by position, so that none is missed or comes twice.

What is new is learned by one look into the log for all streams, after each commit of this process and at short
intervals for those of others; each stream then reads on for itself, a few events at a time, as fast as its reader
takes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc

from mesh.errors import ApiError, not_found, unavailable
from mesh.storage.database import Database
from mesh.worker import Worker
from notify_svc.domain.event import PublicEvent
from notify_svc.storage.events import EventRepository, Place

BEGINNING = UUID(int=0)
"""In the place of an event's id: before the first event of the log."""

BATCH = 50
"""How many events a stream holds in memory at the most."""

COME_BACK_SECONDS = 5
"""When a stream that found no place may ask again: one that ends leaves its own."""

LOOK_SECONDS = 0.5
"""How often it is looked for events that others have stored, while anybody follows."""
QUIET_SECONDS = 30.0
"""How long loops pause while nobody does."""

LAST_SECONDS = 1.0
"""How long a stream whose reader takes nothing may hold up the end of the process."""


@dataclass(eq=False)
class _Listener:
    """A stream that waits for new events."""

    merchant_id: UUID
    api_key_id: UUID | None
    """The key that it was opened with; None for a call from inside the mesh."""
    ended: bool = False
    task: asyncio.Task[Any] | None = field(default_factory=asyncio.current_task)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class EventStreams:
    """Streams of events: so many at once for each merchant, each for so long."""

    def __init__(
        self, database: Database, store: EventRepository, *, per_merchant: int, seconds: float, heartbeat: float
    ) -> None:
        self._database = database
        self._store = store
        self._per_merchant = per_merchant
        self._seconds = seconds
        self._heartbeat = heartbeat
        self._listeners: set[_Listener] = set()
        self._open: Counter[UUID] = Counter()
        self._seen: int | None = None
        self._ending = False
        self._when_followed: list[Callable[[], None]] = []
        database.when_another(self.forget)
        self.worker = Worker("event-streams", self._look, interval=self.pause_of(LOOK_SECONDS))
        self.when_followed(self.worker.wake)

    def pause_of(self, seconds: float) -> Callable[[], float]:
        """Return what says how long a loop pauses that has work while anybody follows: so many seconds then."""
        return lambda: seconds if self._listeners else QUIET_SECONDS

    def when_followed(self, begin: Callable[[], None]) -> None:
        """Have `begin` called when somebody follows whom nobody did before."""
        self._when_followed.append(begin)

    def end(self) -> None:
        """End all streams and take no new ones: the process is about to stop. Their readers go on elsewhere."""
        self._ending = True
        for listener in self._listeners:
            listener.arrived.set()
        asyncio.get_running_loop().call_later(LAST_SECONDS, self._cut)

    def has_reader(self, merchant_id: UUID) -> bool:
        """Whether a merchant reads a stream here."""
        return merchant_id in self._open

    def keys(self) -> set[UUID]:
        """Return the keys that streams are open for."""
        return {listener.api_key_id for listener in self._listeners if listener.api_key_id}

    def end_of(self, keys: Collection[UUID]) -> None:
        """End the streams of keys: nothing more is read from the log for them."""
        for listener in self._listeners:
            if listener.api_key_id in keys:
                listener.ended = True
                listener.arrived.set()

    def _cut(self) -> None:
        """End streams that wait for their readers."""
        for listener in self._listeners:
            if listener.task:
                listener.task.cancel()

    async def follow(
        self, merchant_id: UUID, api_key_id: UUID | None, types: Collection[str], after: UUID | None
    ) -> AsyncGenerator[PublicEvent | UUID | None]:
        """Yield the id after which the stream begins, then events of the types as they come into the log.

        They come in the order of the log, after the event `after`, or from now on; None when there was nothing for a
        while. It ends when its time is over, when its key has ended, and before the process does.

        Raises ApiError NOT_FOUND when there is no such event, RESOURCE_EXHAUSTED, reason TOO_MANY_STREAMS, and
        UNAVAILABLE while the process stops.
        """
        until = time.monotonic() + self._seconds
        with self._listening(merchant_id, api_key_id) as listener:
            begin = await self._begin(merchant_id, after)
            yield begin.event_id
            position, last_sent = begin.position, time.monotonic()
            while not self._is_over(listener, until):
                listener.arrived.clear()
                batch = await self._batch(merchant_id, position)
                for place, event in batch:
                    position = place
                    if event.type in types:
                        yield event
                        last_sent = time.monotonic()
                    if self._is_over(listener, until):
                        return
                if len(batch) < BATCH:
                    await self._wait(listener, min(last_sent + self._heartbeat, until))
                # events that the filter keeps out wake the stream as well, and send nothing
                if time.monotonic() >= last_sent + self._heartbeat:
                    yield None
                    last_sent = time.monotonic()

    def _is_over(self, listener: _Listener, until: float) -> bool:
        return self._ending or listener.ended or time.monotonic() >= until

    @contextlib.contextmanager
    def _listening(self, merchant_id: UUID, api_key_id: UUID | None) -> Iterator[_Listener]:
        """Count a stream, and have it woken by new events, while the block runs."""
        if self._ending:
            raise unavailable("STOPPING", "this replica is about to stop, try again")
        if self._open[merchant_id] >= self._per_merchant:
            most = f"a merchant has {self._per_merchant} streams at the most"
            raise ApiError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", most, retry_after=COME_BACK_SECONDS)
        listener = _Listener(merchant_id, api_key_id)
        self._open[merchant_id] += 1
        is_first = not self._listeners
        self._listeners.add(listener)
        if is_first:
            for begin in self._when_followed:
                begin()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._open[merchant_id] -= 1
            if not self._open[merchant_id]:
                del self._open[merchant_id]

    async def _begin(self, merchant_id: UUID, after: UUID | None) -> Place:
        if after == BEGINNING:
            return Place(BEGINNING, 0)
        async with self._database.session() as session:
            if after is None:
                # with an empty log all that comes is new
                return await self._store.last_place(session, merchant_id) or Place(BEGINNING, 0)
            place = await self._store.place(session, merchant_id, after)
        if place is None:
            raise not_found("event", str(after))
        return place

    async def _batch(self, merchant_id: UUID, after: int) -> list[tuple[int, PublicEvent]]:
        async with self._database.session() as session:
            return await self._store.read_on(session, merchant_id, after, BATCH)

    async def _wait(self, listener: _Listener, until: float) -> None:
        """Wait for new events, until a moment at the most."""
        # not wait_for: before Python 3.12 it loses a cancellation that comes with them
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(until - time.monotonic(), 0)):
                await listener.arrived.wait()

    def forget(self) -> None:
        """The log of another database may end elsewhere: readers come again with the event that they had last."""
        self._seen = None
        for listener in self._listeners:
            listener.ended = True
            listener.arrived.set()

    async def _look(self) -> bool:
        """Wake the streams of merchants whose log has grown since the last look."""
        if not self._listeners:
            # nobody listens: the next look begins where the log then ends
            self._seen = None
            return False
        async with self._database.session() as session:
            if self._seen is None:
                self._seen = await self._store.last_position(session)
                wake = {listener.merchant_id for listener in self._listeners}
            else:
                grown = await self._store.new_since(session, self._seen)
                self._seen = max(grown.values(), default=self._seen)
                wake = set(grown)
        for listener in self._listeners:
            if listener.merchant_id in wake:
                listener.arrived.set()
        return False
