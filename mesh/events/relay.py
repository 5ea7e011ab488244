"""The relay: carries committed events into the stream.

Who commits events hands them over, and they are published from memory; that they were is noted for many at once, a
moment later. What is left over, as a process died or the stream was away, is claimed from the table
(`FOR UPDATE SKIP LOCKED`), by whichever replica finds it first.

Rows of one resource are published in the order they were committed: a row is sent once the one before it is in the
stream, and only by who knows that, or has claimed both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fusionx.type.v1 import event_pb2
from google.protobuf.message import DecodeError
from nats.js.api import PubAck

from mesh import context, tracing
from mesh.events import outbox
from mesh.events.bus import PUBLISH_TIMEOUT, Bus, UnpublishableError
from mesh.events.envelope import headers_of
from mesh.events.outbox import RETENTION, Unpublished
from mesh.ids import Clock, utc_now
from mesh.metrics import (
    EVENTS_PUBLISHED,
    OUTBOX_ASIDE,
    OUTBOX_DEPTH,
    OUTBOX_EVENT_SET_ASIDE,
    OUTBOX_OLDEST,
    OUTBOX_ROWS_ASIDE,
)
from mesh.redaction import redacted
from mesh.storage.database import Database
from mesh.storage.retention import BATCH as PURGE_BATCH
from mesh.telemetry import alert, get_logger
from mesh.tracing import names
from mesh.worker import Pace, Worker

log = get_logger(__name__)

BATCH = 256
MARK_SECONDS, ALONE_MARK_SECONDS = 0.1, 0.3
"""How long after it was published an event is noted as that, at the most: many are in one statement. A relay that has
long seen no other replica's rows takes its time: nobody waits for its notes."""
ALONE_SECONDS = 600.0
"""How long that is."""
MEMORY_SECONDS = 1.0
"""How long it is remembered that an event was noted: a transaction that did not see it yet may end in this time. Later
another replica may have been asked to publish it again."""
INTERVAL_SECONDS = 5.0
"""How often it is looked whether somebody else has left events unpublished: those that were so at the look before."""
LEAST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.02, 1.0
MOST_FRESH = 16 * BATCH
"""How many rows are kept in memory, at the most; those behind them are read from the table."""


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
        self._fresh: list[Unpublished] = []
        self._takes_all = True
        """Whether all that is in the table is to be published, whosever it is."""
        self._looked, self._last_seen = float("-inf"), 0
        """When it was looked last, and what the last row was then."""
        self._left: set[int] = set()
        """Rows that could not be published yet, and are claimed again."""
        self._tries = 0
        self._retry: asyncio.TimerHandle | None = None
        self._marks: dict[int, int] = {}
        self._marked: Mapping[int, int] = {}
        """What is to be noted as published, with its place in the stream; and what was last."""
        self._marked_until = 0.0
        """How long the latter are remembered."""
        self._mark_timer: asyncio.TimerHandle | None = None
        self._alone_from = float("-inf")
        """From when on no other replica is reckoned with."""
        self._pace = Pace()
        self.worker = Worker("outbox-relay", self._step, interval=INTERVAL_SECONDS, at_end=self._end)
        self.janitor = Worker("outbox-janitor", self._purge, interval=30.0)
        self._databases = 0
        bus.when_back(self.wake)
        database.when_another(self._forget)

    def carry(self, rows: Sequence[Unpublished]) -> None:
        """Publish rows that were committed."""
        self._fresh.extend(rows)
        if len(self._fresh) > MOST_FRESH:
            self._takes_all = True
        if self._takes_all:
            self._fresh.clear()
        self.worker.wake()

    def wake(self) -> None:
        """Publish whatever is not, whoever has committed it."""
        self._takes_all = True
        self.worker.wake()

    def _forget(self) -> None:
        """Know no row by its number any more: another database gives the same numbers out."""
        self._databases += 1
        for known in (self._fresh, self._left, self._marks):
            known.clear()
        self._marked, self._last_seen = {}, 0
        self.wake()

    async def republish(self, since: datetime | None) -> tuple[int, datetime]:
        """Have events that happened at `since` or later published again, each resource's in their order.

        And all that was set aside, whenever it happened.

        Returns how many, and the time from which on: at most `RETENTION` ago, as consumers forget what is older.
        """
        count, after = 0, 0
        async with self._database.session() as session:
            oldest = await session.now() - RETENTION
            start = max(since, oldest) if since else oldest
            # what is published from now on is not asked for, and rows that the relay has carried on lie behind
            last = await outbox.last(session)
            while repeated := await session.all(outbox.REPEAT, after=after, last=last, since=start):
                # oldest first, in parts: while the relay works on one, only younger rows wait to be opened again
                after = max(repeated)
                count += len(repeated)
                self.wake()
        return count, start

    async def _step(self) -> bool:
        """Do what is due; return whether there may be more."""
        if self._marks and self._mark_timer is None:
            await self._mark()
        is_due = asyncio.get_running_loop().time() >= self._looked + INTERVAL_SECONDS * 0.9
        if self._takes_all or is_due or (self._left and self._retry is None):
            return await self._publish_left(looks=self._takes_all or is_due)
        return await self._publish_fresh()

    async def _end(self) -> None:
        """Publish and note what was begun with, so that no other replica has to do it again."""
        try:
            while self._fresh:
                await self._publish_fresh()
        finally:
            await self._mark()

    async def _publish_fresh(self) -> bool:
        """Publish what was handed over; return whether there may be more."""
        rows = [row._replace(before=None) if self._has_published(row.before) else row for row in self._fresh[:BATCH]]
        del self._fresh[:BATCH]
        if not rows:
            return False
        database, began = self._databases, asyncio.get_running_loop().time()
        try:
            done = await self._publish_all(rows)
        except BaseException:
            self._takes_all = True
            raise
        if database != self._databases:
            return True
        self._marks.update(done.stored)
        if self._mark_timer is None and len(self._marks) < BATCH:
            self._mark_timer = asyncio.get_running_loop().call_later(self._mark_seconds(), self._due_to_mark)
        self._leave(rows, done.stored)
        if self._left:
            # most likely another replica has the row before
            self._alone_from = asyncio.get_running_loop().time() + ALONE_SECONDS
        # they are set aside when they are claimed
        done.refused.clear()
        await self._told(rows, done)
        # a batch that is full is noted at once: no timer is set for it
        await self._rest(len(rows), began)
        return bool(self._fresh) or len(self._marks) >= BATCH

    async def _publish_left(self, *, looks: bool) -> bool:
        """Publish what is left in the table; return whether there may be more.

        Of others' it takes only what was there already when it looked before, unless it takes all.
        """
        began = asyncio.get_running_loop().time()
        # what is published already is not to be claimed
        await self._mark()
        last = (outbox.ALL if self._takes_all else self._last_seen) if looks else 0
        left, self._takes_all = list(self._left), False
        try:
            async with self._database.transaction() as session:
                claimed = await session.all(outbox.CLAIM, batch=BATCH, last=last, seqs=left)
                seqs = {row.seq for row in claimed}
                self._fresh = [row for row in self._fresh if row.seq not in seqs]
                done = await self._publish_all(claimed)
                if done.refused:
                    await session.run(outbox.SET_ASIDE, seqs=list(done.refused))
                await outbox.mark(session, done.stored)
                # a copy of an earlier try is there. It may have waited in the client until NATS was back, and its
                # signature be too old for who reads it: it is not relied upon, and the inbox absorbs the later of both
                if done.copies:
                    await session.run(outbox.RENAME, seqs=sorted(done.copies))
                more = len(claimed) == BATCH
                if looks and not more:
                    self._looked, self._last_seen = asyncio.get_running_loop().time(), await outbox.last(session)
        except BaseException:
            self._takes_all = True
            raise
        self._takes_all |= more and last == outbox.ALL
        self._left.clear()
        self._leave(claimed, done.stored.keys() | done.refused.keys())
        await self._told(claimed, done)
        await self._rest(len(claimed), began)
        return more

    def _has_published(self, seq: int | None) -> bool:
        remembers = asyncio.get_running_loop().time() < self._marked_until
        return seq in self._marks or (remembers and seq in self._marked)

    def _due_to_mark(self) -> None:
        self._mark_timer = None
        self.worker.wake()

    def _mark_seconds(self) -> float:
        is_alone = asyncio.get_running_loop().time() >= self._alone_from
        return ALONE_MARK_SECONDS if is_alone else MARK_SECONDS

    async def _mark(self) -> None:
        """Note what was published."""
        if self._marks:
            until = asyncio.get_running_loop().time() + MEMORY_SECONDS
            async with self._database.session() as session:
                # only now: with the connection it may have turned out to be another database
                marks = dict(self._marks)
                await outbox.mark(session, marks)
            self._marked, self._marked_until = marks, until
            for seq in marks:
                self._marks.pop(seq, None)

    def _leave(self, rows: Sequence[Unpublished], dealt_with: Collection[int]) -> None:
        """Have those rows claimed later that were not dealt with: the one before each will be in the stream shortly."""
        self._left.update(row.seq for row in rows if row.seq not in dealt_with)
        if len(self._left) > BATCH:
            self._takes_all = True
            self._left.clear()
        self._tries = self._tries + 1 if self._left else 0
        if self._left and self._retry is None:
            pause = min(LEAST_RETRY_SECONDS * 2**self._tries, LONGEST_RETRY_SECONDS)
            self._retry = asyncio.get_running_loop().call_later(pause, self._due_to_retry)

    def _due_to_retry(self) -> None:
        self._retry = None
        self.worker.wake()

    async def _rest(self, rows: int, began: float) -> None:
        """Rest after a batch, unless it was none or a full one: what is committed meanwhile is sent together."""
        if 0 < rows < BATCH and (seconds := self._pace.rest(rows, began, asyncio.get_running_loop().time())):
            await asyncio.sleep(seconds)

    async def _told(self, rows: Sequence[Unpublished], done: Published) -> None:
        """Tell what became of rows. Raises ConnectionError for those that the stream did not acknowledge."""
        done.end_spans()
        EVENTS_PUBLISHED.inc(len(done.stored))
        self._log(rows, done)
        if done.failed:
            self._takes_all = True
            # perhaps there is nothing to store them in any more
            await self._bus.ensure_streams()
            # what was not stored is still unpublished and is claimed again, after a pause
            raise ConnectionError(f"{done.failed} of {len(rows)} events were not acknowledged")

    async def _publish_all(self, rows: Sequence[Unpublished]) -> Published:
        """Publish rows, each when the one before it is in the stream."""
        done, generations = Published(), list(in_turn(rows))
        proofs = self._proofs([row for generation in generations for row in generation])
        for generation in generations:
            await self._publish([row for row in generation if done.is_next(row)], proofs, done)
            if done.failed:
                break
        return done

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

    def _log(self, rows: Sequence[Unpublished], done: Published) -> None:
        now = self._clock()
        for row in rows:
            fields = {"seq": row.seq, "subject": row.subject, "aggregate_id": row.aggregate_id}
            if row.seq in done.stored:
                delay = round((now - row.create_time).total_seconds() * 1000, 3)
                log.debug("event published", **fields, delay_ms=delay)
            elif row.seq in done.refused:
                OUTBOX_ASIDE.inc()
                alert(OUTBOX_EVENT_SET_ASIDE, log, **fields, reason=done.refused[row.seq])

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
            backlog = await session.one(outbox.DEPTH)
            if backlog:
                OUTBOX_DEPTH.set(backlog.depth)
                OUTBOX_ROWS_ASIDE.set(backlog.set_aside)
                OUTBOX_OLDEST.set(backlog.oldest.total_seconds() if backlog.oldest else 0)
            return await session.run(outbox.PURGE, period=RETENTION) == PURGE_BATCH


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
