"""The transactional outbox: events are committed with their state change, and published afterwards by the relay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.events.envelope import OutboxEvent, columns
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, statement
from mesh.storage.retention import deletion
from mesh.storage.schema import NOW, TIME, outbox
from mesh.storage.wire import Asked

RETENTION = timedelta(days=7)
REPUBLISH_BATCH = 2000
ALL = (1 << 63) - 1
"""More than the number of any row."""


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


class Stored(NamedTuple):
    """A row that was just stored: its number, its event, and the row of its resource before it that is unpublished."""

    seq: int
    event_id: UUID
    before: int | None


class Backlog(NamedTuple):
    """How many rows wait, and for how long the oldest does, if there is one; and how many were set aside."""

    depth: int
    oldest: timedelta | None
    set_aside: int


_COLUMNS = ("event_id", "aggregate_id", "subject", "payload", "create_time")


EVENT_ROWS = rows_from_arrays("event", [outbox.c[name] for name in _COLUMNS], alone=True)
"""Events as the statement's parameters, one array a column; `columns` makes them."""


def rows_to_insert(where: sa.ColumnElement[bool] | None = None) -> sa.Insert:
    """Return the insert of outbox rows from `EVENT_ROWS`; with `where`, of those rows for which it holds."""
    select = sa.select(*(EVENT_ROWS.c[name] for name in _COLUMNS))
    return sa.insert(outbox).from_select(_COLUMNS, select if where is None else select.where(where))


_older = outbox.alias("older")


def _before(row: sa.FromClause) -> sa.Label[int]:
    """Return the last row of the same resource before this one that is unpublished."""
    earlier = sa.select(sa.func.max(_older.c.seq)).where(
        _older.c.aggregate_id == row.c.aggregate_id, _older.c.publish_time.is_(None), _older.c.seq < row.c.seq
    )
    return earlier.correlate(row).scalar_subquery().label("before")


def inserted(where: sa.ColumnElement[bool] | None = None) -> sa.Select[tuple[int, UUID, int]]:
    """Return `rows_to_insert` as a statement that returns `Stored` rows; `handed` takes them."""
    new = rows_to_insert(where).returning(outbox.c.seq, outbox.c.event_id, outbox.c.aggregate_id).cte("new_event")
    return sa.select(new.c.seq, new.c.event_id, _before(new))


_INSERT = statement(inserted(), Stored)
CLAIM = statement(
    sa.select(
        *(outbox.c[name] for name in Unpublished._fields if name != "before"),
        _before(outbox),
    )
    .where(
        outbox.c.publish_time.is_(None),
        sa.or_(
            outbox.c.seq <= sa.bindparam("last", type_=sa.BigInteger),
            outbox.c.seq == sa.func.any(sa.bindparam("seqs", type_=pg.ARRAY(sa.BigInteger))),
        ),
    )
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
RENAME = statement(
    sa.update(outbox)
    .where(outbox.c.seq == sa.func.any(sa.bindparam("seqs", type_=pg.ARRAY(sa.BigInteger))))
    .values(repeats=outbox.c.repeats + 1)
)
# it counts as dealt with and has no place in the stream, until it is asked to be published again
SET_ASIDE = statement(
    sa.update(outbox)
    .where(outbox.c.seq == sa.func.any(sa.bindparam("seqs", type_=pg.ARRAY(sa.BigInteger))))
    .values(publish_time=NOW)
)
_aside = outbox.alias("aside")
_set_aside = (
    sa.select(sa.func.count())
    .select_from(_aside)
    .where(_aside.c.publish_time.is_not(None), _aside.c.stream_seq.is_(None))
    .scalar_subquery()
)
DEPTH = statement(
    sa.select(
        sa.func.count().label("depth"),
        (NOW - sa.func.min(outbox.c.create_time)).label("oldest"),
        _set_aside.label("set_aside"),
    ).where(outbox.c.publish_time.is_(None)),
    Backlog,
)
_LAST = statement(sa.select(sa.func.max(outbox.c.seq).label("seq")), int)
_to_repeat = (
    sa.select(outbox.c.seq)
    .where(
        outbox.c.seq > sa.bindparam("after", type_=sa.BigInteger),
        outbox.c.seq <= sa.bindparam("last", type_=sa.BigInteger),
        outbox.c.publish_time.is_not(None),
        # what was set aside was never anywhere: nobody has forgotten it, however old it is
        sa.or_(outbox.c.create_time >= sa.bindparam("since", type_=TIME), outbox.c.stream_seq.is_(None)),
    )
    .order_by(outbox.c.seq)
    .limit(REPUBLISH_BATCH)
    .with_for_update()
    .cte("to_repeat")
)
REPEAT = statement(
    sa.update(outbox)
    .where(outbox.c.seq == _to_repeat.c.seq)
    .values(publish_time=sa.null(), stream_seq=sa.null(), repeats=outbox.c.repeats + 1)
    .returning(outbox.c.seq),
    int,
)
# what was set aside waits for a person, and what was not published for the relay
PURGE = deletion(outbox, outbox.c.seq, outbox.c.publish_time, outbox.c.stream_seq.is_(None))


async def add(session: Session, events: Sequence[OutboxEvent]) -> list[Unpublished]:
    """Store events in the transaction that made them true; return them as the relay takes them when it is committed."""
    return handed(events, await session.all(_INSERT, **columns(events))) if events else []


def soon(session: Session, events: Sequence[OutboxEvent]) -> Asked[Stored]:
    """Have events stored in the transaction that makes them true, by its end; `handed` takes what it is answered."""
    return session.soon(_INSERT, **columns(events))


def handed(events: Iterable[OutboxEvent], stored: Iterable[Stored]) -> list[Unpublished]:
    """Return events that one statement has stored as the relay takes them, in the order of their numbers."""
    by_id = {event.event_id: event for event in events}
    rows, latest = [], dict[UUID, int]()
    for seq, event_id, before in sorted(stored):
        event = by_id[event_id]
        resource = event.aggregate_id
        # the statement does not see what it stores itself
        before = latest.get(resource, before)
        latest[resource] = seq
        rows.append(Unpublished(seq, resource, event.subject, event.payload, event.create_time, 0, before))
    return rows


async def mark(session: Session, stored: Mapping[int, int]) -> None:
    """Note rows as published: by their numbers, their places in the stream."""
    if stored:
        await session.run(_MARK, done_seq=list(stored), done_stream_seq=list(stored.values()))


async def last(session: Session) -> int:
    """Return the number of the last row."""
    return await session.one(_LAST) or 0
