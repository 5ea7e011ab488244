"""The inbox: a consumer's effects are applied once, each in one transaction with the row that remembers its event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from fusionx.type.v1 import event_pb2
from google.protobuf.message import DecodeError, Message
from sqlalchemy.dialects import postgresql as pg

from mesh import context
from mesh.events.bus import STREAM_RETENTION
from mesh.events.envelope import fact_of
from mesh.events.outbox import RETENTION as OUTBOX_RETENTION
from mesh.storage.database import Database, Session, statement
from mesh.storage.retention import BATCH, deletion
from mesh.storage.schema import inbox
from mesh.worker import Worker

RETENTION = OUTBOX_RETENTION + STREAM_RETENTION + timedelta(days=1)
"""Longer than an event can come back: it may be put into the stream again as long as the outbox has it, and then stays
there as long as any. A day more is for a relay that could not reach the stream at once."""

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
    .returning(inbox.c.event_id),
    UUID,
)
# ids of events grow with time
_PURGE = deletion(
    inbox, inbox.c.event_id, inbox.c.receive_time, inbox.c.consumer != sa.bindparam("consumer", type_=sa.Text)
)


@dataclass(frozen=True, slots=True)
class Received:
    """An event that came in."""

    envelope: event_pb2.EventEnvelope
    fact: Message
    call: context.Call
    """What applying it is part of: the trace of the call that caused the event."""

    @property
    def event_id(self) -> UUID:
        """The identity that its effect is remembered by."""
        return UUID(self.envelope.event_id)

    def enter(self) -> None:
        """Go on under the trace of the call that caused the event."""
        context.enter(self.call)


def read(payload: bytes, traceparent: str = "") -> Received:
    """Return the event in the bytes of a message. Raises ValueError when there is none, UnknownTypeError of another.

    `traceparent` is of who has carried it. Nobody has signed it: it counts where it goes on with the event's trace.
    """
    try:
        envelope = event_pb2.EventEnvelope.FromString(payload)
        UUID(envelope.event_id)
        fact = fact_of(envelope)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    trace = context.trace_of(envelope.traceparent)
    if traceparent != envelope.traceparent:
        carried = context.trace_of(traceparent)
        trace = carried if carried.trace_id == trace.trace_id else trace
    return Received(envelope, fact, context.call_of(trace, envelope.merchant_id, f"event:{envelope.type}"))


Handler = Callable[[Session, Sequence[Received]], Awaitable[None]]
"""Applies events, in their order, inside the given transaction. What it raises undoes them all."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """How the events of one consumer are applied, wherever they come from."""

    consumer: str
    handler: Handler
    after_commit: Callable[[], None]
    """To be called when what `apply` did was committed."""

    async def apply(self, session: Session, events: Sequence[Received]) -> int:
        """Apply those of the events that were not applied before, inside the transaction; return how many."""
        unseen = await self.remember(session, [event.event_id for event in events])
        # an event that came twice in one batch is applied once
        fresh = {event.event_id: event for event in reversed(events) if event.event_id in unseen}
        if fresh:
            await self.handler(session, [event for event in events if fresh.get(event.event_id) is event])
        return len(fresh)

    async def remember(self, session: Session, event_ids: Sequence[UUID]) -> set[UUID]:
        """Note that events are dealt with; return those that were not before."""
        return set(await session.all(_REMEMBER, consumer=self.consumer, event_ids=list(event_ids)))


def janitor(database: Database, consumer: str) -> Worker:
    """Return the loop that forgets events which the stream can no longer bring back, by the database's clock."""

    async def purge() -> bool:
        async with database.session() as session:
            return await session.run(_PURGE, period=RETENTION, consumer=consumer) == BATCH

    return Worker("inbox-janitor", purge, interval=600.0)
