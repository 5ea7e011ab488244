"""Consuming events: each effect is applied once, in one transaction with the inbox row that remembers it.

A batch is one transaction. When it fails, its events are tried one by one, so that a poison event is found, retried
with growing pauses, and after the last of them written to the dead letters and taken out of the stream. What the
database is at fault for (it is away, full, read-only) counts for no event, however long it lasts.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from mesh import context, tracing
from mesh.errors import is_outage
from mesh.events import dead_letters
from mesh.events.bus import ACK_WAIT, Bus, covers
from mesh.events.envelope import UnknownTypeError, options_of
from mesh.events.held import Delivered, Held
from mesh.events.inbox import Handler, Inbox, Received, read
from mesh.events.pulling import Pull
from mesh.events.signature import ForgedError, Verifier
from mesh.metrics import DEAD_LETTER, DEAD_LETTERS, EVENT_FORGED, EVENT_SECONDS, EVENTS_CONSUMED, prime
from mesh.storage.database import Database, statement
from mesh.telemetry import alert, get_logger
from mesh.tracing import names
from mesh.worker import Pace, Worker

log = get_logger(__name__)

BATCH = 128
FETCH_SECONDS = 10.0
"""How long one look into an idle stream lasts; less than the stream waits for an acknowledgement."""

PUT_BACK_SECONDS = 1.0
"""After how long what could not be applied comes again."""

SELDOM_SECONDS = 300.0
"""After how long an event comes again that waits for a later version, or for an event before it, when it has before."""

UPDATE_PATIENCE = timedelta(hours=1)
"""How long an event of a type that this version does not know is left to others: an update is over by then."""

_PING = statement(sa.select(sa.literal(1)))


@dataclass(frozen=True, slots=True)
class Readers:
    """Who has to do with events that are applied."""

    told: Callable[[], None] = lambda: None
    """Called when effects were committed."""
    patience: Callable[[Received], float] = lambda _: 0.0
    """For how many seconds nobody misses an event: so long it may be kept, to be applied with what comes meanwhile."""


EVERYBODY = Readers()


class Consumer:
    """A durable pull consumer, shared by all replicas of a service under one name."""

    def __init__(
        self,
        name: str,
        subjects: Sequence[str],
        bus: Bus,
        database: Database,
        handler: Handler,
        *,
        who: Readers = EVERYBODY,
        retry_delays: Sequence[float],
    ) -> None:
        """Consume subjects; `retry_delays` are the seconds before each further attempt at an event that failed."""
        self.inbox = Inbox(name, handler, who.told)
        self._name = name
        self._subjects = subjects
        self._bus = bus
        self._database = database
        self._patience = who.patience
        self._retry_delays = retry_delays
        self._pace = Pace()
        self._attributes: dict[str, tracing.Value] = {
            names.MESSAGING_SYSTEM: "nats",
            names.MESSAGING_OPERATION: "process",
            names.MESSAGING_OPERATION_NAME: "process",
            names.MESSAGING_GROUP: name,
        }
        self._held = Held(_patience(max(retry_delays)))
        self._subscription: Pull | None = None
        prime(EVENTS_CONSUMED, (name,), ("applied", "failed"))
        prime(DEAD_LETTERS, (name,))
        prime(EVENT_SECONDS, (name,))
        self.worker = Worker(f"consumer-{name}", self._step, interval=0.2, at_end=self._unsubscribe)

    async def lag(self) -> tuple[int, int]:
        """Return how many events wait in the stream, and how many were delivered but not acknowledged yet.

        Raises ConnectionError, TimeoutError or an error of NATS while it cannot say.
        """
        return await self._bus.lag(self._name)

    async def _step(self) -> bool:
        messages: list[Msg] = []
        try:
            if self._subscription is None:
                await self.worker.idle(self._bus.connected())
                # a fresh start, or a failure before: take nothing that cannot be stored
                async with self._database.session() as session:
                    await session.run(_PING)
                self._subscription = await self._bus.pull(self._name, self._subjects)
            messages = await self._fetch(self._subscription)
            received = await self._read_all(messages)
            urgent = await self._gather(self._subscription, messages, received)
            came = time.monotonic()
            await self._apply(received)
            if 0 < len(messages) < BATCH and (seconds := self._pace.rest(urgent, came, time.monotonic())):
                # what comes in quick succession goes into one transaction
                await asyncio.sleep(seconds)
        except BaseException:
            await self._put_back(messages)
            raise
        return True

    async def _put_back(self, messages: Sequence[Msg]) -> None:
        """Return what was taken and not dealt with, and what came behind it: after the same time, to keep its order.

        What keeps this process from applying it, such as a database that is out of reach, is no fault of an event.
        """
        with suppress(NatsError, OSError):
            for message in messages:
                if not message.is_acked:
                    await message.nak(delay=PUT_BACK_SECONDS)
        await self._unsubscribe(PUT_BACK_SECONDS if messages else None)

    async def _unsubscribe(self, delay: float | None = None) -> None:
        """Give the subscription up, with all that has come: others are to have it, and it would hold up the end."""
        dropped, self._subscription = self._subscription, None
        if dropped:
            with suppress(NatsError, OSError):
                await dropped.unsubscribe(delay)

    async def _fetch(self, subscription: Pull) -> list[Msg]:
        try:
            return await self.worker.idle(subscription.fetch(BATCH, timeout=FETCH_SECONDS))
        except TimeoutError:
            return []

    async def _gather(self, subscription: Pull, messages: list[Msg], received: list[Delivered]) -> int:
        """Add what comes until somebody misses what has come; return how many events somebody waits for."""
        urgent, until, fresh = 0, math.inf, received
        while True:
            now, patience = time.monotonic(), [self._patience(event) for event in fresh]
            urgent += patience.count(0.0)
            until = min([until, *(now + seconds for seconds in patience)])
            if urgent or not received or now >= until or len(messages) >= BATCH or self.worker.is_stopping:
                return urgent
            more: list[Msg] = []
            with suppress(TimeoutError):
                async with asyncio.timeout(until - now):
                    more = await subscription.fetch(BATCH, timeout=FETCH_SECONDS)
            messages += more
            fresh = await self._read_all(more)
            received += fresh

    async def _read_all(self, messages: Sequence[Msg]) -> list[Delivered]:
        return [event for message in messages if (event := await self._decode(message))]

    async def _apply(self, received: Sequence[Delivered]) -> None:
        free: dict[int, Delivered] = {}
        # the events of one resource keep their order: those that come again come in any
        for event in sorted(received, key=lambda one: one.sequence):
            if self._held.holds(event, free):
                await self._put_off(event)
            else:
                free[event.sequence] = event
        if not free:
            return
        try:
            await self._apply_together([*free.values()])
        except Exception as error:
            if is_outage(error):
                raise
            log.warning("batch failed, trying its events one by one", consumer=self._name, error=repr(error))
            await self._apply_singly([*free.values()])

    async def _decode(self, message: Msg) -> Delivered | None:
        """Read an event; what cannot be read or is forged will never be anything else, and is buried at once.

        What is of an unknown type, or of a subject that this process does not take, may be for a later version.
        """
        headers, stored = message.headers or {}, message.metadata.timestamp
        # a stream that was lost counts from one again, so its number alone would not distinguish two messages
        place = f"{message.metadata.sequence.stream}@{stored.isoformat()}"
        try:
            event = _read(message, headers, stored, self._bus.verifier)
            if not covers(self._subjects, message.subject):
                raise UnknownTypeError(event.envelope)
        except ForgedError as error:
            # its ids are what somebody made up: under them it could stand in the way of the true event
            await self._dead_letter(message, f"forged {place}", f"forged: {error}", forged=True)
            alert(EVENT_FORGED, log, consumer=self._name, subject=message.subject, reason=str(error))
        except UnknownTypeError as error:
            await self._unknown(message, stored, error)
        except Exception as error:
            # reading asks nobody: whatever it raises lies in the message, and would be raised for ever
            await self._dead_letter(message, headers.get("Nats-Msg-Id") or place, f"cannot be decoded: {error}")
        else:
            return Delivered(event.envelope, event.fact, event.call, message, self._span(event, message))
        return None

    async def _unknown(self, message: Msg, stored: datetime, error: UnknownTypeError) -> None:
        """Leave an event of an unknown type to replicas of a later version, and bury it where there are none in time.

        Later events of its resource wait meanwhile, as behind one that fails, and it waits behind an earlier one.
        """
        envelope = error.envelope
        event = Delivered(envelope, envelope, context.call_of(context.trace_of("")), message, tracing.OFF)
        if self._held.holds(event):
            await self._put_off(event)
        elif self._database.clock() - stored < UPDATE_PATIENCE:
            log.warning("event of an unknown type", consumer=self._name, event_id=envelope.event_id, type=envelope.type)
            self._held.failed(event, counts=False, patience=_patience(SELDOM_SECONDS))
            await self._put_off(event)
        else:
            await self._dead_letter(message, envelope.event_id, str(error))
            self._held.release(event)

    def _span(self, event: Received, message: Msg) -> tracing.Span:
        span = tracing.start(
            f"process {message.subject}",
            tracing.Kind.CONSUMER,
            {**self._attributes, names.MESSAGING_DESTINATION: message.subject, names.MESSAGING_ID: str(event.event_id)},
            call=event.call,
        )
        span.enter()
        return span

    def _batch(self, events: Sequence[Delivered]) -> tracing.Span:
        """Return the span of a transaction with many causes, none of which is its parent."""
        if len(events) == 1 or not tracing.is_on():
            return tracing.OFF
        attributes: dict[str, Any] = {**self._attributes, names.MESSAGING_COUNT: len(events)}
        links = [event.span.context() for event in events]
        return tracing.start(f"process {self._name}", tracing.Kind.CONSUMER, attributes, links=links)

    async def _apply_together(self, events: Sequence[Delivered]) -> None:
        batch = self._batch(events)
        async with self._database.transaction() as session:
            await self.inbox.apply(session, events)
        self.inbox.after_commit()
        batch.end()
        for event in events:
            event.span.end()
            self._held.release(event)
            # a lost acknowledgement only brings the event again, and the inbox absorbs it
            await event.message.ack()
        EVENTS_CONSUMED.labels(self._name, "applied").inc(len(events))
        now, seconds = self._database.clock().timestamp(), EVENT_SECONDS.labels(self._name)
        for event in events:
            seconds.observe(max(0.0, now - event.envelope.time.ToNanoseconds() / 1e9))

    async def _apply_singly(self, events: Sequence[Delivered]) -> None:
        for event in events:
            if self._held.holds(event):
                await self._put_off(event)
                continue
            try:
                await self._apply_together([event])
            except Exception as error:
                if is_outage(error):
                    raise
                await self._failed(event, error)

    async def _failed(self, event: Delivered, error: Exception) -> None:
        EVENTS_CONSUMED.labels(self._name, "failed").inc()
        event.span.end(type(error).__name__)
        failures = self._held.failed(event, counts=not _is_databases_own(error))
        log.warning(
            "event failed", consumer=self._name, event_id=event.envelope.event_id, failures=failures, exc_info=error
        )
        if failures > len(self._retry_delays):
            await self._dead_letter(event.message, event.envelope.event_id, repr(error))
            self._held.release(event)
        else:
            await event.message.nak(delay=self._retry_delays[max(failures, 1) - 1])

    async def _retry_later(self, message: Msg) -> None:
        await self._again(message, self._retry_delays)

    async def _put_off(self, event: Delivered) -> None:
        """Have what waits come again, seldom where it waits for a later version: there may be many, for an hour."""
        longer = [SELDOM_SECONDS] if self._held.is_put_off(event) else []
        self._held.put_off(event, await self._again(event.message, [*self._retry_delays, *longer]))

    async def _again(self, message: Msg, delays: Sequence[float]) -> float:
        """Have a message come again, and return in how many seconds."""
        delay = delays[min(message.metadata.num_delivered, len(delays)) - 1]
        await message.nak(delay=delay)
        return delay

    async def _dead_letter(self, message: Msg, event_id: str, reason: str, *, forged: bool = False) -> None:
        """Write the dead letter, and only then take the event out of the stream."""
        async with self._database.session() as session:
            event = dead_letters.Undeliverable(event_id, message.subject, message.data, message.metadata.num_delivered)
            await dead_letters.store(session, self._name, event, reason, forged=forged)
        await message.term()
        DEAD_LETTERS.labels(self._name).inc()
        said = json.dumps(dead_letters.sanitized(reason))[:500]
        alert(DEAD_LETTER, log, consumer=self._name, subject=message.subject, reason=said)


def _patience(pause: float) -> float:
    """Return for how long an event that comes again after a pause holds up others: another replica may be given it."""
    return 2 * (pause + ACK_WAIT)


def _read(message: Msg, headers: Mapping[str, str], stored: datetime, verifier: Verifier | None) -> Received:
    """Return the event in a message. Raises ForgedError for what its publisher has not signed, or may not publish."""
    if verifier:
        verifier.check(message.subject, message.data, headers, stored)
    event = read(message.data, headers.get("traceparent", ""))
    # who may sign for a subject may not tell the facts of another
    if verifier and options_of(event.fact.DESCRIPTOR).subject != message.subject:
        raise ForgedError(f"{event.envelope.type} does not belong here")
    return event


def _is_databases_own(error: Exception) -> bool:
    """Whether the database itself is at fault: a quota that is used up, a page that cannot be read (SQLSTATE XX)."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith("XX")
