"""Consuming events: each effect is applied once, in one transaction with the inbox row that remembers it.

A batch is one transaction. When it fails, its events are tried one by one, so that a poison event is found, retried
with growing pauses, and after `MAX_ATTEMPTS` written to the dead letters and taken out of the stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from fusionx.type.v1 import event_pb2
from google.protobuf.message import DecodeError, Message
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from sqlalchemy.dialects import postgresql as pg

from mesh import context
from mesh.bus import Bus
from mesh.database import Database, Session, parameters_for, statement
from mesh.errors import ApiError
from mesh.events import fact_of
from mesh.ids import new_id
from mesh.schema import dead_letters, inbox
from mesh.telemetry import DEAD_LETTERS, EVENTS_CONSUMED, alert, get_logger
from mesh.worker import Worker

log = get_logger(__name__)

BATCH = 128
FETCH_SECONDS = 10.0
"""How long one look into an idle stream lasts; less than the stream waits for an acknowledgement."""

MAX_ATTEMPTS = 8
BACKOFF = (0.1, 0.5, 2.0, 5.0, 10.0, 20.0, 30.0)

_REMEMBER = statement(
    pg.insert(inbox)
    .from_select(
        ["consumer", "event_id"],
        sa.select(
            sa.bindparam("consumer", type_=sa.Text),
            sa.func.unnest(sa.bindparam("event_ids", type_=pg.ARRAY(sa.UUID))),
        ),
    )
    .on_conflict_do_nothing()
    .returning(inbox.c.event_id)
)
_BURY = statement(
    pg.insert(dead_letters)
    .values(
        parameters_for(
            dead_letters, "dead_letter_id", "consumer", "event_id", "subject", "payload", "reason", "deliveries"
        )
    )
    .on_conflict_do_nothing(index_elements=["consumer", "event_id"])
)
_PING = statement(sa.select(sa.literal(1)))


@dataclass(frozen=True, slots=True)
class Received:
    """An event as it was taken from the stream."""

    message: Msg
    envelope: event_pb2.EventEnvelope
    fact: Message

    @property
    def event_id(self) -> UUID:
        """The identity that its effect is remembered by."""
        return UUID(self.envelope.event_id)

    def enter(self) -> None:
        """Go on under the trace of the call that caused the event."""
        trace_id = context.trace_id_of(self.envelope.traceparent)
        context.enter(context.Call(trace_id, self.envelope.merchant_id, method=f"event:{self.envelope.type}"))


Handler = Callable[[Session, Sequence[Received]], Awaitable[None]]
"""Applies events, in their order, inside the given transaction. What it raises undoes them all."""


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
        after_commit: Callable[[], None],
    ) -> None:
        self._name = name
        self._subjects = subjects
        self._bus = bus
        self._database = database
        self._handler = handler
        self._after_commit = after_commit
        self._subscription: JetStreamContext.PullSubscription | None = None
        self.worker = Worker(f"consumer-{name}", self._step, interval=0.2)

    async def _step(self) -> bool:
        try:
            if self._subscription is None:
                await self.worker.idle(self._bus.connected())
                # a fresh start, or a failure before: take nothing that cannot be stored
                async with self._database.session() as session:
                    await session.one(_PING)
                self._subscription = await self._bus.pull(self._name, self._subjects)
            messages = await self._fetch(self._subscription)
            await self._apply(messages)
        except BaseException:
            self._subscription = None
            raise
        return True

    async def _fetch(self, subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        try:
            return await self.worker.idle(subscription.fetch(BATCH, timeout=FETCH_SECONDS))
        except TimeoutError:
            return []
        except asyncio.CancelledError:
            # nobody reads any more: what the server would still send waits for whoever asks next
            await subscription.unsubscribe()
            raise

    async def _apply(self, messages: Sequence[Msg]) -> None:
        received = [event for message in messages if (event := await self._decode(message))]
        if not received:
            return
        try:
            await self._apply_together(received)
        except ApiError:
            await self._put_back(received)
            raise
        except Exception as error:
            log.warning("batch failed, trying its events one by one", consumer=self._name, error=repr(error))
            await self._apply_singly(received)

    async def _decode(self, message: Msg) -> Received | None:
        """Read an event; what cannot be read will never be readable, and is buried at once."""
        try:
            envelope = event_pb2.EventEnvelope.FromString(message.data)
            received = Received(message, envelope, fact_of(envelope))
            UUID(envelope.event_id)
        except (DecodeError, ValueError) as error:
            await self._bury(message, f"cannot be decoded: {error}")
            return None
        return received

    async def _apply_together(self, events: Sequence[Received]) -> None:
        async with self._database.transaction() as session:
            rows = await session.all(_REMEMBER, consumer=self._name, event_ids=[event.event_id for event in events])
            unseen = {row.event_id for row in rows}
            # an event that came twice in one batch is applied once
            fresh = {event.event_id: event for event in reversed(events) if event.event_id in unseen}
            if fresh:
                await self._handler(session, [event for event in events if fresh.get(event.event_id) is event])
        self._after_commit()
        for event in events:
            # a lost acknowledgement only brings the event again, and the inbox absorbs it
            await event.message.ack()
        EVENTS_CONSUMED.labels(self._name, "applied").inc(len(events))

    async def _apply_singly(self, events: Sequence[Received]) -> None:
        stuck: set[str] = set()
        for event in events:
            if event.envelope.aggregate_id in stuck:
                # the events of one resource keep their order
                await self._retry_later(event.message)
                continue
            try:
                await self._apply_together([event])
            except ApiError:
                await self._put_back([event])
                raise
            except Exception as error:
                stuck.add(event.envelope.aggregate_id)
                await self._failed(event, error)

    async def _failed(self, event: Received, error: Exception) -> None:
        EVENTS_CONSUMED.labels(self._name, "failed").inc()
        deliveries = event.message.metadata.num_delivered
        log.warning(
            "event failed", consumer=self._name, event_id=event.envelope.event_id, deliveries=deliveries,
            exc_info=error,
        )  # fmt: skip
        if deliveries >= MAX_ATTEMPTS:
            await self._bury(event.message, repr(error))
        else:
            await self._retry_later(event.message)

    async def _retry_later(self, message: Msg) -> None:
        attempt = message.metadata.num_delivered
        await message.nak(delay=BACKOFF[min(attempt, len(BACKOFF)) - 1])

    async def _put_back(self, events: Sequence[Received]) -> None:
        """Return events untouched: the database is out of reach, which is no fault of theirs."""
        for event in events:
            await event.message.nak(delay=1.0)

    async def _bury(self, message: Msg, reason: str) -> None:
        """Write the dead letter, and only then take the event out of the stream."""
        headers = message.headers or {}
        async with self._database.session() as session:
            await session.run(
                _BURY,
                dead_letter_id=new_id(),
                consumer=self._name,
                event_id=headers.get("Nats-Msg-Id") or str(message.metadata.sequence.stream),
                subject=message.subject,
                payload=message.data,
                reason=reason,
                deliveries=message.metadata.num_delivered,
            )
        await message.term()
        DEAD_LETTERS.labels(self._name).inc()
        alert("dead_letter", log, consumer=self._name, subject=message.subject, reason=json.dumps(reason)[:500])
