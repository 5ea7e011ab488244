"""The transactional outbox: events are committed with their state change, and published afterwards.

Rows of one resource are published in the order they were committed: a row is sent once the one before it is in the
stream, and only by who has claimed both, so relays of several replicas work side by side (`FOR UPDATE SKIP LOCKED`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from fusionx.type.v1 import event_pb2
from google.protobuf.message import DecodeError
from nats.js.api import PubAck
from sqlalchemy.dialects import postgresql as pg

from mesh import context, tracing
from mesh.events.bus import PUBLISH_TIMEOUT, Bus, UnpublishableError
from mesh.events.envelope import OutboxEvent, columns, headers_of
from mesh.ids import Clock, utc_now
from mesh.metrics import (
    EVENTS_PUBLISHED,
    OUTBOX_ASIDE,
    OUTBOX_DEPTH,
    OUTBOX_EVENT_SET_ASIDE,
    OUTBOX_OLDEST,
)
from mesh.redaction import redacted
from mesh.storage.database import Database, Session, rows_from_arrays, statement
from mesh.storage.retention import BATCH as PURGE_BATCH
from mesh.storage.retention import deletion
from mesh.storage.schema import NOW, TIME, outbox
from mesh.telemetry import alert, get_logger
from mesh.tracing import names
from mesh.worker import Worker

log = get_logger(__name__)

BATCH = 256
BUSY = 8
LINGER_SECONDS = 0.02
"""A pause after a batch of more than `BUSY` rows: under load the next one is larger, and so cheaper by the row."""

INTERVAL_SECONDS = 5.0
"""How often it is looked whether somebody else has left events unpublished: who commits some says so."""
RETENTION = timedelta(days=7)
REPUBLISH_BATCH = 2000


class Unpublished(NamedTuple):
    """A row that the relay carries."""

    seq: int
    aggregate_id: UUID
    subject: str
    payload: bytes
    create_time: datetime
    repeats: int
    before: int | None
    """The row of its resource before it that is unpublished, if there is one."""


class Backlog(NamedTuple):
    """How many rows wait, and for how long the oldest does, if there is one."""

    depth: int
    oldest: timedelta | None


_COLUMNS = ("event_id", "aggregate_id", "subject", "payload", "create_time")


EVENT_ROWS = rows_from_arrays("event", [outbox.c[name] for name in _COLUMNS])
"""Events as the statement's parameters, one array a column; `columns` makes them."""


def rows_to_insert(where: sa.ColumnElement[bool] | None = None) -> sa.Insert:
    """Return the insert of outbox rows from `EVENT_ROWS`; with `where`, of those rows for which it holds."""
    select = sa.select(*(EVENT_ROWS.c[name] for name in _COLUMNS))
    return sa.insert(outbox).from_select(_COLUMNS, select if where is None else select.where(where))


_INSERT = statement(rows_to_insert())
_older = outbox.alias("older")
_before = (
    sa.select(sa.func.max(_older.c.seq))
    .where(
        _older.c.aggregate_id == outbox.c.aggregate_id,
        _older.c.publish_time.is_(None),
        _older.c.seq < outbox.c.seq,
    )
    .scalar_subquery()
)
_CLAIM = statement(
    sa.select(
        *(outbox.c[name] for name in Unpublished._fields if name != "before"),
        _before.label("before"),
    )
    .where(outbox.c.publish_time.is_(None))
    .order_by(outbox.c.seq)
    .limit(sa.bindparam("batch", type_=sa.Integer))
    .with_for_update(skip_locked=True, of=outbox),
    Unpublished,
)
_done = rows_from_arrays("done", [outbox.c.seq, outbox.c.stream_seq], prefix="done_")
_MARK = statement(
    sa.update(outbox).where(outbox.c.seq == _done.c.seq).values(publish_time=NOW, stream_seq=_done.c.stream_seq)
)
# another copy is asked for under another id
_RENAME = statement(
    sa.update(outbox)
    .where(outbox.c.seq == sa.func.any(sa.bindparam("seqs", type_=pg.ARRAY(sa.BigInteger))))
    .values(repeats=outbox.c.repeats + 1)
)
# it counts as dealt with and has no place in the stream, until it is asked to be published again
_SET_ASIDE = statement(
    sa.update(outbox)
    .where(outbox.c.seq == sa.func.any(sa.bindparam("seqs", type_=pg.ARRAY(sa.BigInteger))))
    .values(publish_time=NOW)
)
_DEPTH = statement(
    sa.select(sa.func.count().label("depth"), (NOW - sa.func.min(outbox.c.create_time)).label("oldest")).where(
        outbox.c.publish_time.is_(None)
    ),
    Backlog,
)
_LAST = statement(sa.select(sa.func.max(outbox.c.seq).label("seq")), int)
_to_repeat = (
    sa.select(outbox.c.seq)
    .where(
        outbox.c.seq > sa.bindparam("after", type_=sa.BigInteger),
        outbox.c.seq <= sa.bindparam("last", type_=sa.BigInteger),
        outbox.c.publish_time.is_not(None),
        outbox.c.create_time >= sa.bindparam("since", type_=TIME),
    )
    .order_by(outbox.c.seq)
    .limit(REPUBLISH_BATCH)
    .with_for_update()
    .cte("to_repeat")
)
_REPEAT = statement(
    sa.update(outbox)
    .where(outbox.c.seq == _to_repeat.c.seq)
    .values(publish_time=sa.null(), stream_seq=sa.null(), repeats=outbox.c.repeats + 1)
    .returning(outbox.c.seq),
    int,
)
# what was set aside waits for a person, and what was not published for the relay
_PURGE = deletion(outbox, outbox.c.seq, outbox.c.publish_time, outbox.c.stream_seq.is_(None))


async def add(session: Session, events: Sequence[OutboxEvent]) -> None:
    """Store events in the transaction that made them true."""
    if events:
        await session.run(_INSERT, **columns(events))


@dataclass(slots=True)
class Published:
    """What became of the rows of a batch."""

    stored: dict[int, int] = field(default_factory=dict)
    """By number, their places in the stream."""
    refused: dict[int, str] = field(default_factory=dict)
    """By number, why they can never be published."""
    copies: set[int] = field(default_factory=set)
    """Those of which the stream had an earlier copy."""
    failed: int = 0
    """How many the stream did not acknowledge."""
    spans: dict[int, tracing.Span] = field(default_factory=dict)

    def is_next(self, row: Unpublished) -> bool:
        """Whether the row before it is dealt with."""
        return row.before is None or row.before in self.stored or row.before in self.refused

    def end_spans(self) -> None:
        """End the spans of what is in the stream."""
        for seq in self.spans.keys() & self.stored.keys():
            self.spans[seq].end()


def in_turn(claimed: Sequence[Unpublished]) -> Iterator[list[Unpublished]]:
    """Yield rows in the order in which they may be sent: first those that wait for none, then those that wait for them.

    A row is left out when somebody else has the one before it.
    """
    depths: dict[int, int] = {}
    generations: list[list[Unpublished]] = []
    for row in claimed:
        if row.before is not None and row.before not in depths:
            continue
        depth = depths[row.seq] = 0 if row.before is None else depths[row.before] + 1
        if depth == len(generations):
            generations.append([])
        generations[depth].append(row)
    yield from generations


class Relay:
    """Carries committed events into the stream, and keeps the rows 7 days so that a lost stream can be refilled."""

    def __init__(self, database: Database, bus: Bus, clock: Clock = utc_now) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock  # of what is logged alone
        self.worker = Worker("outbox-relay", self._publish_batch, interval=INTERVAL_SECONDS)
        self.janitor = Worker("outbox-janitor", self._purge, interval=30.0)
        bus.when_back(self.wake)

    def wake(self) -> None:
        """Say that events were committed."""
        self.worker.wake()

    async def republish(self, since: datetime | None) -> tuple[int, datetime]:
        """Have events that happened at `since` or later published again, each resource's in their order.

        Returns how many, and the time from which on: at most `RETENTION` ago, as consumers forget what is older.
        """
        count, after = 0, 0
        async with self._database.session() as session:
            oldest = await session.now() - RETENTION
            start = max(since, oldest) if since else oldest
            # what is published from now on is not asked for, and rows that the relay has carried on lie behind
            last = await session.one(_LAST) or 0
            while repeated := await session.all(_REPEAT, after=after, last=last, since=start):
                # oldest first, in parts: while the relay works on one, only younger rows wait to be opened again
                after = max(repeated)
                count += len(repeated)
                self.wake()
        return count, start

    async def _publish_batch(self) -> bool:
        """Publish one batch; return whether there may be more."""
        async with self._database.transaction() as session:
            claimed = await session.all(_CLAIM, batch=BATCH)
            generations = list(in_turn(claimed))
            if not generations:
                # whoever has the rows before these will have done with them shortly
                return await self._rested(len(claimed), more=bool(claimed))
            done = Published()
            proofs = self._proofs([row for rows in generations for row in rows])
            for rows in generations:
                await self._publish([row for row in rows if done.is_next(row)], proofs, done)
                if done.failed:
                    break
            if done.refused:
                await session.run(_SET_ASIDE, seqs=list(done.refused))
            if done.stored:
                await session.run(_MARK, done_seq=list(done.stored), done_stream_seq=list(done.stored.values()))
            # a copy of an earlier try is there. It may have waited in the client until NATS was back, and its signature
            # be too old for who reads it: it is not relied upon, and the inbox absorbs whichever of the two is late
            if done.copies:
                await session.run(_RENAME, seqs=sorted(done.copies))
        done.end_spans()
        EVENTS_PUBLISHED.inc(len(done.stored))
        self._log(claimed, done.stored, done.refused)
        if done.failed:
            # perhaps there is nothing to store them in any more
            await self._bus.ensure_streams()
            # what was not stored is still unpublished and is claimed again, after a pause
            raise ConnectionError(f"{done.failed} of {len(claimed)} events were not acknowledged")
        left = len(claimed) - len(done.stored) - len(done.refused)
        return await self._rested(len(claimed), more=len(claimed) == BATCH or left > 0)

    async def _rested(self, batch: int, *, more: bool) -> bool:
        if batch > BUSY or more:
            await asyncio.sleep(LINGER_SECONDS)
        return more

    async def _publish(
        self, rows: Sequence[Unpublished], proofs: Mapping[int, dict[str, str]], done: Published
    ) -> None:
        """Publish rows of different resources, and wait for what the stream says."""
        sent = await self._send(rows, proofs, done)
        if sent:
            await asyncio.wait(sent.values(), timeout=PUBLISH_TIMEOUT)
        answers = {seq: ack.result() for seq, ack in sent.items() if _is_stored(ack)}
        done.stored.update((seq, answer.seq) for seq, answer in answers.items() if not answer.duplicate)
        done.copies.update(seq for seq, answer in answers.items() if answer.duplicate)
        done.failed += len(sent) - len(answers)

    def _proofs(self, rows: Sequence[Unpublished]) -> dict[int, dict[str, str]]:
        """Return by number the headers that prove each row."""
        signer = self._bus.signer
        proofs = signer.sign([(row.subject, row.payload) for row in rows]) if signer else [{} for _ in rows]
        return {row.seq: proof for row, proof in zip(rows, proofs, strict=True)}

    def _log(self, rows: Sequence[Unpublished], stored: Collection[int], refused: Mapping[int, str]) -> None:
        now = self._clock()
        for row in rows:
            fields = {"seq": row.seq, "subject": row.subject, "aggregate_id": row.aggregate_id}
            if row.seq in stored:
                delay = round((now - row.create_time).total_seconds() * 1000, 3)
                log.debug("event published", **fields, delay_ms=delay)
            elif row.seq in refused:
                OUTBOX_ASIDE.inc()
                alert(OUTBOX_EVENT_SET_ASIDE, log, **fields, reason=refused[row.seq])

    async def _send(
        self, rows: Sequence[Unpublished], proofs: Mapping[int, dict[str, str]], done: Published
    ) -> dict[int, asyncio.Future[PubAck]]:
        """Return by number what was sent; what can never be is noted as refused, and stops nothing behind it."""
        sent = {}
        for row in rows:
            try:
                envelope = event_pb2.EventEnvelope.FromString(row.payload)
                headers = headers_of(envelope, row.repeats) | proofs[row.seq]
                if tracing.is_on():
                    done.spans[row.seq] = _span(envelope, row.subject)
                    headers["traceparent"] = done.spans[row.seq].traceparent()
                sent[row.seq] = await self._bus.publish(row.subject, row.payload, headers)
            except (DecodeError, UnpublishableError) as error:
                done.refused[row.seq] = redacted(str(error))
        return sent

    async def _purge(self) -> bool:
        """Measure the backlog and delete what was published long ago; return whether there may be more."""
        async with self._database.session() as session:
            backlog = await session.one(_DEPTH)
            if backlog:
                OUTBOX_DEPTH.set(backlog.depth)
                OUTBOX_OLDEST.set(backlog.oldest.total_seconds() if backlog.oldest else 0)
            return await session.run(_PURGE, period=RETENTION) == PURGE_BATCH


def _span(envelope: event_pb2.EventEnvelope, subject: str) -> tracing.Span:
    """Return the span of publishing an event, which goes on with the trace of the call that caused it."""
    attributes: dict[str, tracing.Value] = {
        names.MESSAGING_SYSTEM: "nats",
        names.MESSAGING_OPERATION: "send",
        names.MESSAGING_OPERATION_NAME: "publish",
        names.MESSAGING_DESTINATION: subject,
        names.MESSAGING_ID: envelope.event_id,
    }
    call = context.call_of(context.trace_of(envelope.traceparent), envelope.merchant_id)
    return tracing.start(f"publish {subject}", tracing.Kind.PRODUCER, attributes, call=call)


def _is_stored(acknowledgement: asyncio.Future[PubAck]) -> bool:
    if not acknowledgement.done():
        acknowledgement.cancel()
        return False
    return acknowledgement.exception() is None
