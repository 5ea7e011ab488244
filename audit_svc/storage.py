"""Every SQL statement of the audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from audit_svc.domain.entry import Cut, Entry, Link, RequestQuery, Row, values_of
from audit_svc.spool import NOWHERE, Position
from audit_svc.tables import cuts, entries, head, spools
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, statement
from mesh.storage.rows import columns_of


@dataclass(frozen=True, slots=True)
class Record(Entry):
    """An entry as it is stored: with its place in the chain."""

    seq: int
    prev_hash: bytes
    hash: bytes


class CutRow(NamedTuple):
    """Where the oldest entries were taken out."""

    seq: int
    hash: bytes
    archive_sha256: bytes
    actor: str
    reason: str
    time: datetime


class ScanRow(NamedTuple):
    """How far a look at a merchant's requests went, and how many it went through."""

    seq: int | None
    scanned: int
    oldest: datetime | None


class Moment(NamedTuple):
    """An entry's number, and when its request began."""

    seq: int
    time: datetime


class SpoolRow(NamedTuple):
    """How far a spool has been taken over."""

    file: bytes
    position: int


_COLUMNS = [field.name for field in fields(Entry)]
_SOURCE = rows_from_arrays("new", list(entries.columns), prefix="p_", alone=True)
_add = entries.insert().from_select(
    [c.name for c in entries.columns], sa.select(*(_SOURCE.c[c.name] for c in entries.c))
)
# one writer at a time: the next hash needs the last
_LOCK_HEAD = statement(sa.select(head.c.seq, head.c.hash).with_for_update(), Link)
_HEAD = statement(sa.select(head.c.seq, head.c.hash), Link)
_move_head = head.update().values(
    seq=sa.bindparam("p_last", type_=sa.BigInteger), hash=sa.bindparam("p_last_hash", type_=sa.LargeBinary)
)
_POSITION = statement(
    sa.select(*columns_of(spools, SpoolRow)).where(spools.c.spool == sa.bindparam("p_spool")), SpoolRow
)
_spool = sa.bindparam("p_spool", type_=sa.Text)
_begin_file = sa.bindparam("p_begin_file", type_=sa.LargeBinary)
_insert_spool = pg.insert(spools).from_select(
    ["spool", "file", "position"],
    sa.select(
        sa.cast(_spool, sa.Text),
        sa.cast(sa.bindparam("p_end_file", type_=sa.LargeBinary), sa.LargeBinary),
        sa.bindparam("p_end_position", type_=sa.BigInteger),
        # a database that was restored may not know a spool that was read before
    ).where(sa.or_(sa.cast(_begin_file, sa.LargeBinary) == NOWHERE.file, sa.exists().where(spools.c.spool == _spool))),
)
_move_spool = (
    _insert_spool.on_conflict_do_update(
        index_elements=[spools.c.spool],
        set_={"file": _insert_spool.excluded.file, "position": _insert_spool.excluded.position},
        # as it is now, and not as it was when the statement began
        where=sa.and_(
            spools.c.file == _begin_file,
            spools.c.position == sa.bindparam("p_begin_position", type_=sa.BigInteger),
        ),
    )
    .returning(spools.c.position)
    .cte("moved_spool")
)
_APPEND = statement(
    sa.select(_move_spool.c.position).add_cte(_add.cte("new_entries"), _move_head.cte("moved_head")), int
)


def _filtered() -> sa.Select[tuple[object, ...]]:
    """Select entries after a number, each further filter only where its parameter is given."""
    merchant = sa.bindparam("p_merchant", type_=sa.Text)
    start = sa.bindparam("p_start", type_=sa.DateTime(timezone=True))
    end = sa.bindparam("p_end", type_=sa.DateTime(timezone=True))
    return (
        sa.select(*columns_of(entries, Record))
        .where(entries.c.seq > sa.bindparam("p_after", type_=sa.BigInteger))
        .where(sa.or_(sa.cast(merchant, sa.Text).is_(None), entries.c.merchant_id == merchant))
        .where(sa.or_(sa.cast(start, entries.c.time.type).is_(None), entries.c.time >= start))
        .where(sa.or_(sa.cast(end, entries.c.time.type).is_(None), entries.c.time < end))
        .limit(sa.bindparam("p_limit", type_=sa.Integer))
    )


_OLDEST = statement(_filtered().order_by(entries.c.seq), Record)
_NEWEST = statement(_filtered().order_by(entries.c.seq.desc()), Record)
SCANNED = 20_000
"""How many requests of a merchant one look goes through: what fits may be far between."""
_LAST = (1 << 63) - 1
_of_merchant = entries.c.merchant_id == sa.bindparam("p_merchant", type_=sa.Text)
_before = entries.c.seq < sa.bindparam("p_before", type_=sa.BigInteger)


def _given(name: str, fits: Callable[[sa.BindParameter[str]], sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    parameter = sa.bindparam(name, type_=sa.Text)
    return sa.or_(sa.cast(parameter, sa.Text) == "", fits(parameter))


class _Look:
    """The statements of a look through requests, newest first: those of a merchant, or all."""

    def __init__(self, *whose: sa.ColumnElement[bool]) -> None:
        recent = (
            sa.select(*columns_of(entries, Record))
            .where(*whose, _before)
            .order_by(entries.c.seq.desc())
            .limit(SCANNED)
            .subquery("recent")
        )
        start = sa.bindparam("p_start", type_=sa.DateTime(timezone=True))
        self.found = statement(
            sa.select(*recent.c)
            .where(
                _given("p_key", lambda key: recent.c.key_id == key),
                _given("p_request", lambda request: recent.c.request_id == request),
                _given("p_trace", lambda trace: recent.c.trace_id == trace),
                _given("p_path", lambda path: sa.func.starts_with(recent.c.path, path)),
                recent.c.http_status.between(
                    sa.bindparam("p_status_from", type_=sa.Integer), sa.bindparam("p_status_to", type_=sa.Integer)
                ),
                sa.or_(sa.cast(start, entries.c.time.type).is_(None), recent.c.time >= start),
            )
            .order_by(recent.c.seq.desc())
            .limit(sa.bindparam("p_limit", type_=sa.Integer)),
            Record,
        )
        self.scanned = statement(
            sa.select(
                sa.func.min(recent.c.seq).label("seq"),
                sa.func.count().label("scanned"),
                sa.func.min(recent.c.time).label("oldest"),
            ),
            ScanRow,
        )
        # the words of the partial index
        self.of_traces = statement(
            sa.select(*columns_of(entries, Record))
            .where(*whose, entries.c.merchant_id != sa.literal_column("''"))
            .where(entries.c.trace_id == sa.any_(sa.bindparam("p_traces", type_=pg.ARRAY(sa.Text))), _before)
            .order_by(entries.c.seq.desc())
            .limit(sa.bindparam("p_limit", type_=sa.Integer)),
            Record,
        )


_OF_MERCHANT, _OF_ALL = _Look(_of_merchant), _Look()
WIDTHS = (timedelta(hours=1), timedelta(days=1), timedelta(days=31), timedelta(days=36_500))
"""How wide one looks for the entry beside a time, until there is one."""
_time = sa.bindparam("p_time", type_=entries.c.time.type)
_other = sa.bindparam("p_other", type_=entries.c.time.type)
# not the number itself: for that PostgreSQL walks along all numbers until a time fits, and not to where the times are
_number = entries.c.seq + 0
_FROM = statement(
    sa.select(sa.func.min(_number).label("seq")).where(entries.c.time >= _time, entries.c.time < _other), int
)
_UNTIL = statement(
    sa.select(sa.func.max(_number).label("seq")).where(entries.c.time < _time, entries.c.time >= _other), int
)
_ends = sa.select(entries.c.seq, entries.c.time).limit(1)
_FIRST = statement(_ends.order_by(entries.c.seq), Moment)
_LAST_OF_ALL = statement(_ends.order_by(entries.c.seq.desc()), Moment)
_PART = statement(
    sa.select(*columns_of(entries, Record))
    .where(entries.c.seq > sa.bindparam("p_after", type_=sa.BigInteger))
    .where(entries.c.seq <= sa.bindparam("p_last", type_=sa.BigInteger))
    .order_by(entries.c.seq)
    .limit(sa.bindparam("p_limit", type_=sa.Integer)),
    Record,
)
_LINK = statement(sa.select(entries.c.seq, entries.c.hash).where(entries.c.seq == sa.bindparam("p_seq")), Link)
_CUT = statement(sa.select(*columns_of(cuts, CutRow)).order_by(cuts.c.seq.desc()).limit(1), CutRow)
_BELOW = statement(sa.select(sa.func.min(entries.c.seq).label("seq")), int)
_FREEZE = statement(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


class MovedError(Exception):
    """Somebody else reads the spool as well, and was first."""


class AuditRepository:
    """Entries, the end of their chain, and how far each spool has been taken over."""

    async def freeze(self, session: Session) -> None:
        """Have all statements of the transaction that has just begun see the same moment."""
        await session.run(_FREEZE)

    async def lock_head(self, session: Session) -> Link:
        """Return the end of the chain, and keep every other writer from it until the transaction ends."""
        return _there(await session.one(_LOCK_HEAD))

    async def head(self, session: Session) -> Link:
        """Return the end of the chain."""
        return _there(await session.one(_HEAD))

    async def append(self, session: Session, rows: Sequence[Row], spool: str, begin: Position, end: Position) -> None:
        """Add rows to the end of the chain, under the lock of `lock_head`, and note how far a spool was taken over.

        Raises MovedError when the spool has been taken over from there already; the transaction is to be given up then.
        """
        records = [(row.seq, *values_of(row.entry), row.prev_hash, row.hash) for row in rows]
        columns = zip(*records, strict=True)
        names = [f"p_{column.name}" for column in entries.columns]
        moved = await session.one(
            _APPEND,
            **{name: list(values) for name, values in zip(names, columns, strict=True)},
            p_last=rows[-1].seq,
            p_last_hash=rows[-1].hash,
            p_spool=spool,
            p_begin_file=begin.file,
            p_begin_position=begin.offset,
            p_end_file=end.file,
            p_end_position=end.offset,
        )
        if moved is None:
            raise MovedError(spool)

    async def position(self, session: Session, spool: str) -> Position:
        """Return how far a spool has been taken over."""
        row = await session.one(_POSITION, p_spool=spool)
        return Position(row.file, row.position) if row else NOWHERE

    async def find(
        self,
        session: Session,
        *,
        merchant_id: str | None,
        start: datetime | None,
        end: datetime | None,
        after: int,
        limit: int,
        newest_first: bool,
    ) -> list[Row]:
        """Return the entries that fit."""
        query = _NEWEST if newest_first else _OLDEST
        found = await session.all(query, p_merchant=merchant_id, p_start=start, p_end=end, p_after=after, p_limit=limit)
        return [_row(record) for record in found]

    async def requests(self, session: Session, query: RequestQuery) -> tuple[list[Row], int]:
        """Return a merchant's requests that fit, newest first, and where to go on; 0: there are no more."""
        if query.trace_ids:
            return await self._of_traces(session, query), 0
        return await self._looked_through(session, query)

    async def search(self, session: Session, query: RequestQuery) -> tuple[list[Row], int]:
        """Return the requests of whomever that fit, newest first, and where to go on; 0: there are no more."""
        if query.trace_ids and not query.before and (found := await self._of_traces(session, query)):
            return found, 0
        # those that no merchant was found for are in no index by their trace
        return await self._looked_through(session, query)

    async def _of_traces(self, session: Session, query: RequestQuery) -> list[Row]:
        look, whose = _look(query)
        found = await session.all(look.of_traces, **whose, p_traces=list(query.trace_ids), p_limit=query.limit)
        return [_row(record) for record in found]

    async def _looked_through(self, session: Session, query: RequestQuery) -> tuple[list[Row], int]:
        look, whose = _look(query)
        first, last = query.statuses
        filters = {"p_key": query.key_id, "p_request": query.request_id, "p_path": query.path}
        filters["p_trace"] = query.trace_ids[0] if query.trace_ids else ""
        span = {"p_status_from": first, "p_status_to": last or 999, "p_start": query.start}
        found = await session.all(look.found, **whose, **filters, **span, p_limit=query.limit)
        if len(found) == query.limit:
            return [_row(record) for record in found], found[-1].seq
        scanned = await session.one(look.scanned, **whose)
        more = scanned.seq if scanned and scanned.scanned == SCANNED else None
        if scanned and scanned.oldest and query.start and scanned.oldest < query.start:
            more = None
        return [_row(record) for record in found], more or 0

    async def part(self, session: Session, after: int, last: int, limit: int) -> list[Row]:
        """Return the rows of the chain after a number, up to another."""
        return [_row(record) for record in await session.all(_PART, p_after=after, p_last=last, p_limit=limit)]

    async def first_from(self, session: Session, time: datetime) -> int | None:
        """Return the number of the first entry from a time on."""
        first = await session.one(_FIRST)
        if first is None or first.time >= time:
            return first.seq if first else None
        for width in WIDTHS:
            if seq := await session.one(_FROM, p_time=time, p_other=_moved(time, width)):
                return seq
        return None

    async def last_until(self, session: Session, time: datetime) -> int | None:
        """Return the number of the last entry before a time; of those that took over an hour it may leave some out."""
        last = await session.one(_LAST_OF_ALL)
        if last is None or last.time < time:
            return last.seq if last else None
        for width in WIDTHS:
            if seq := await session.one(_UNTIL, p_time=time, p_other=_moved(time, -width)):
                return seq
        return None

    async def lowest(self, session: Session) -> int | None:
        """Return the lowest number there is."""
        return await session.one(_BELOW)

    async def cut(self, session: Session) -> Cut | None:
        """Return where the chain begins, if its oldest entries were taken out."""
        row = await session.one(_CUT)
        return Cut(Link(row.seq, row.hash), *row[2:]) if row else None

    async def link(self, session: Session, seq: int) -> Link | None:
        """Return the link at a number."""
        return await session.one(_LINK, p_seq=seq)


def _look(query: RequestQuery) -> tuple[_Look, dict[str, Any]]:
    """Return the statements of a look, and what says whose requests, and before which."""
    before = {"p_before": query.before or _LAST}
    return (_OF_MERCHANT, before | {"p_merchant": query.merchant_id}) if query.merchant_id else (_OF_ALL, before)


def _moved(time: datetime, by: timedelta) -> datetime:
    """Return another time, or the first or last that there is."""
    try:
        return time + by
    except OverflowError:
        return (datetime.max if by > timedelta() else datetime.min).replace(tzinfo=UTC)


def _there(link: Link | None) -> Link:
    """Return the end of the chain, which is a row that no migration takes away."""
    assert link
    return link


def _row(record: Record) -> Row:
    entry = Entry(**{name: getattr(record, name) for name in _COLUMNS})
    return Row(record.seq, entry, record.prev_hash, record.hash)
