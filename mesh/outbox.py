"""The transactional outbox: facts are committed with the state they tell of, and published afterwards, surely.

Rows of one resource are published in the order they were committed: a row is claimed only while no older unpublished
row of the same resource exists, so relays of several replicas can work side by side (`FOR UPDATE SKIP LOCKED`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from fusionx.type.v1 import event_pb2
from nats.js.api import PubAck

from mesh.bus import PUBLISH_TIMEOUT, Bus
from mesh.database import Database, Row, Session, rows_from_arrays, statement
from mesh.events import OutboxEvent, columns, headers_of
from mesh.ids import Clock, utc_now
from mesh.schema import TIME, outbox
from mesh.telemetry import EVENTS_PUBLISHED, OUTBOX_DEPTH, get_logger
from mesh.worker import Worker

log = get_logger(__name__)

BATCH = 256
BUSY = 8
LINGER_SECONDS = 0.02
"""A pause after a batch of more than `BUSY` rows: under load the next one is larger, and so cheaper by the row."""

KEEP = timedelta(days=7)

_COLUMNS = ("event_id", "aggregate_id", "subject", "payload", "create_time")


EVENT_ROWS = rows_from_arrays("event", [outbox.c[name] for name in _COLUMNS])
"""Events as the statement's parameters, one array a column; `columns` makes them."""


def rows_to_insert(where: sa.ColumnElement[bool] | None = None) -> sa.Insert:
    """Return the insert of outbox rows from `EVENT_ROWS`; with `where`, of those rows for which it holds."""
    select = sa.select(*(EVENT_ROWS.c[name] for name in _COLUMNS))
    return sa.insert(outbox).from_select(_COLUMNS, select if where is None else select.where(where))


_INSERT = statement(rows_to_insert())
_older = outbox.alias("older")
_CLAIM = statement(
    sa.select(outbox.c.seq, outbox.c.aggregate_id, outbox.c.subject, outbox.c.payload, outbox.c.create_time)
    .where(
        outbox.c.publish_time.is_(None),
        ~sa.exists().where(
            _older.c.aggregate_id == outbox.c.aggregate_id,
            _older.c.publish_time.is_(None),
            _older.c.seq < outbox.c.seq,
        ),
    )
    .order_by(outbox.c.seq)
    .limit(sa.bindparam("batch", type_=sa.Integer))
    .with_for_update(skip_locked=True, of=outbox)
)
_done = rows_from_arrays("done", [outbox.c.seq, outbox.c.stream_seq], prefix="done_")
_MARK = statement(
    sa.update(outbox)
    .where(outbox.c.seq == _done.c.seq)
    .values(publish_time=sa.bindparam("now", type_=TIME), stream_seq=_done.c.stream_seq)
)
_DEPTH = statement(sa.select(sa.func.count()).where(outbox.c.publish_time.is_(None)))
_PURGE = statement(
    sa.delete(outbox).where(
        outbox.c.seq.in_(
            sa.select(outbox.c.seq)
            .where(outbox.c.publish_time < sa.bindparam("before", type_=TIME))
            .order_by(outbox.c.seq)
            .limit(1000)
        )
    )
)


async def add(session: Session, events: Sequence[OutboxEvent]) -> None:
    """Store events in the transaction that made them true."""
    if events:
        await session.run(_INSERT, **columns(events))


class Relay:
    """Carries committed events into the stream, and keeps the rows 7 days so that a lost stream can be refilled."""

    def __init__(self, database: Database, bus: Bus, clock: Clock = utc_now) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self.worker = Worker("outbox-relay", self._publish_batch, interval=2.0)
        self.janitor = Worker("outbox-janitor", self._purge, interval=30.0)
        bus.when_back(self.wake)

    def wake(self) -> None:
        """Say that events were committed."""
        self.worker.wake()

    async def _publish_batch(self) -> bool:
        """Publish one batch; return whether there may be more."""
        async with self._database.transaction() as session:
            rows = await session.all(_CLAIM, batch=BATCH)
            if not rows:
                return False
            acknowledgements = [await self._publish(row) for row in rows]
            await asyncio.wait(acknowledgements, timeout=PUBLISH_TIMEOUT)
            stored = {
                row.seq: ack.result().seq for row, ack in zip(rows, acknowledgements, strict=True) if _is_stored(ack)
            }
            if stored:
                await session.run(
                    _MARK, done_seq=list(stored), done_stream_seq=list(stored.values()), now=self._clock()
                )
        EVENTS_PUBLISHED.inc(len(stored))
        self._log_published([row for row in rows if row.seq in stored])
        if len(stored) < len(rows):
            # what was not stored is still unpublished and is claimed again, after a pause
            raise ConnectionError(f"{len(rows) - len(stored)} of {len(rows)} events were not acknowledged")
        if len(rows) > BUSY:
            await asyncio.sleep(LINGER_SECONDS)
        return True

    def _log_published(self, rows: Sequence[Row]) -> None:
        now = self._clock()
        for row in rows:
            delay = round((now - row.create_time).total_seconds() * 1000, 3)
            log.debug("event published", subject=row.subject, aggregate_id=row.aggregate_id, delay_ms=delay)

    async def _publish(self, row: Row) -> asyncio.Future[PubAck]:
        envelope = event_pb2.EventEnvelope.FromString(row.payload)
        return await self._bus.publish(row.subject, row.payload, headers_of(envelope))

    async def _purge(self) -> bool:
        """Measure the backlog and delete what was published long ago; return whether there may be more."""
        async with self._database.session() as session:
            depth = await session.one(_DEPTH)
            OUTBOX_DEPTH.set(depth[0] if depth else 0)
            return await session.run(_PURGE, before=self._clock() - KEEP) == 1000


def _is_stored(acknowledgement: asyncio.Future[PubAck]) -> bool:
    if not acknowledgement.done():
        acknowledgement.cancel()
        return False
    return acknowledgement.exception() is None
