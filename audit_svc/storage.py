"""Every SQL statement of the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from audit_svc.domain import Cut, Entry, Link, Row
from audit_svc.spool import NOWHERE, Position
from audit_svc.tables import cuts, entries, head, spools
from mesh.storage.database import Session, rows_from_arrays, statement
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


class SpoolRow(NamedTuple):
    """How far a spool has been taken over."""

    file: bytes
    position: int


_COLUMNS = [field.name for field in fields(Entry)]
_SOURCE = rows_from_arrays("new", list(entries.columns), prefix="p_")
_ADD = statement(
    entries.insert().from_select([c.name for c in entries.columns], sa.select(*(_SOURCE.c[c.name] for c in entries.c)))
)
# one writer at a time: the next hash needs the last
_LOCK_HEAD = statement(sa.select(head.c.seq, head.c.hash).with_for_update(), Link)
_HEAD = statement(sa.select(head.c.seq, head.c.hash), Link)
_MOVE_HEAD = statement(
    head.update().values(seq=sa.bindparam("p_seq"), hash=sa.bindparam("p_hash", type_=sa.LargeBinary))
)
_POSITION = statement(
    sa.select(*columns_of(spools, SpoolRow)).where(spools.c.spool == sa.bindparam("p_spool")), SpoolRow
)
_insert_spool = pg.insert(spools).values(
    spool=sa.bindparam("p_spool"),
    file=sa.bindparam("p_file", type_=sa.LargeBinary),
    position=sa.bindparam("p_position"),
)
_MOVE_SPOOL = statement(
    _insert_spool.on_conflict_do_update(
        index_elements=[spools.c.spool],
        set_={"file": _insert_spool.excluded.file, "position": _insert_spool.excluded.position},
    )
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
_FROM = statement(
    sa.select(sa.func.min(entries.c.seq).label("seq")).where(
        entries.c.time >= sa.bindparam("p_time", type_=entries.c.time.type)
    ),
    int,
)
_UNTIL = statement(
    sa.select(sa.func.max(entries.c.seq).label("seq")).where(
        entries.c.time < sa.bindparam("p_time", type_=entries.c.time.type)
    ),
    int,
)
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

    async def add(self, session: Session, rows: Sequence[Row]) -> None:
        """Add rows to the end of the chain, under the lock of `lock_head`."""
        records = [(row.seq, *astuple(row.entry), row.prev_hash, row.hash) for row in rows]
        columns = zip(*records, strict=True)
        names = [f"p_{column.name}" for column in entries.columns]
        await session.run(_ADD, **{name: list(values) for name, values in zip(names, columns, strict=True)})
        await session.run(_MOVE_HEAD, p_seq=rows[-1].seq, p_hash=rows[-1].hash)

    async def position(self, session: Session, spool: str) -> Position:
        """Return how far a spool has been taken over."""
        row = await session.one(_POSITION, p_spool=spool)
        return Position(row.file, row.position) if row else NOWHERE

    async def move(self, session: Session, spool: str, position: Position) -> None:
        """Note how far a spool has been taken over."""
        await session.run(_MOVE_SPOOL, p_spool=spool, p_file=position.file, p_position=position.offset)

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

    async def part(self, session: Session, after: int, last: int, limit: int) -> list[Row]:
        """Return the rows of the chain after a number, up to another."""
        return [_row(record) for record in await session.all(_PART, p_after=after, p_last=last, p_limit=limit)]

    async def first_from(self, session: Session, time: datetime) -> int | None:
        """Return the number of the first entry from a time on."""
        return await session.one(_FROM, p_time=time)

    async def last_until(self, session: Session, time: datetime) -> int | None:
        """Return the number of the last entry before a time."""
        return await session.one(_UNTIL, p_time=time)

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


def _there(link: Link | None) -> Link:
    """Return the end of the chain, which is a row that no migration takes away."""
    assert link
    return link


def _row(record: Record) -> Row:
    entry = Entry(**{name: getattr(record, name) for name in _COLUMNS})
    return Row(record.seq, entry, record.prev_hash, record.hash)
