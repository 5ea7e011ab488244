"""Every SQL statement about the merchants' log of events, and which of them are on their way where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, Statement, statement
from mesh.storage.listing import SLACK, id_at
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW, TIME
from notify_svc.domain.event import PublicEvent
from notify_svc.tables import deliveries, events


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in the log, without what it says."""

    event_id: UUID
    type: str
    aggregate_id: UUID
    aggregate_version: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a merchant's log something is: after which event, and that event's position."""

    event_id: UUID
    position: int


@dataclass(frozen=True, slots=True)
class PlacedRow(PublicEvent):
    """An event with its position in the log."""

    position: int


class NewsRow(NamedTuple):
    """A merchant, and the position of their last event."""

    merchant_id: UUID
    position: int


_NO_ID = UUID(int=2**128 - 1)
"""None is so high."""
_merchant = sa.bindparam("merchant_id", type_=sa.UUID)
_event_id = sa.bindparam("event_id", type_=sa.UUID)
_COLUMNS = columns_of(events, PublicEvent)
_NAMES = [field.name for field in fields(PublicEvent)]
# the database gives the position
_NEW = [column for column in events.columns if column is not events.c.position]
_event_rows = rows_from_arrays("event_row", _NEW)
# in the order of the rows, which is that of each resource's versions: a condition that reads the table would hash them
_ADD_EVENTS = statement(
    pg.insert(events).from_select([column.name for column in _NEW], sa.select(*_event_rows.c)).on_conflict_do_nothing()
)
_delivery_rows = rows_from_arrays(
    "delivery_row",
    [deliveries.c[name] for name in ("delivery_id", "endpoint_id", "event_id", "aggregate_id", "aggregate_version")],
)
_add_deliveries = pg.insert(deliveries).from_select(
    [*_delivery_rows.c.keys(), "next_attempt_time", "status", "attempts", "attempts_before"],
    sa.select(*_delivery_rows.c, NOW, sa.literal("PENDING"), sa.literal(0), sa.literal(0)),
)
_ADD_DELIVERIES = statement(_add_deliveries.on_conflict_do_nothing())
_SEND_AGAIN = statement(
    _add_deliveries.on_conflict_do_update(
        index_elements=["endpoint_id", "event_id"],
        set_={
            "status": "PENDING",
            "next_attempt_time": NOW,
            "attempts_before": deliveries.c.attempts,
            "resends": deliveries.c.resends + 1,
        },
        # what waits to be sent anyway is sent once: whoever asks again and again writes no row anew
        where=sa.not_(
            sa.and_(
                deliveries.c.status == "PENDING",
                deliveries.c.attempts == deliveries.c.attempts_before,
                deliveries.c.next_attempt_time <= NOW,
            )
        ),
    )
)
_GET = statement(
    sa.select(*_COLUMNS).where(events.c.event_id == _event_id, events.c.merchant_id == _merchant), PublicEvent
)
_of_merchant = sa.select(events.c.event_id, events.c.position).where(events.c.merchant_id == _merchant)
_PLACE_OF = statement(_of_merchant.where(events.c.event_id == _event_id), Place)
_LAST_PLACE = statement(_of_merchant.order_by(events.c.position.desc()).limit(1), Place)
_after = sa.bindparam("after", type_=sa.BigInteger)
_limit = sa.bindparam("limit", type_=sa.Integer)
_READ_ON = statement(
    sa.select(*columns_of(events, PlacedRow))
    .where(events.c.merchant_id == _merchant, events.c.position > _after)
    .order_by(events.c.position)
    .limit(_limit),
    PlacedRow,
)
_LAST_POSITION = statement(sa.select(sa.func.coalesce(sa.func.max(events.c.position), 0).label("position")), int)
_NEWS = statement(
    sa.select(events.c.merchant_id, sa.func.max(events.c.position).label("position"))
    .where(events.c.position > _after)
    .group_by(events.c.merchant_id),
    NewsRow,
)
_CONDITIONS: dict[str, sa.ColumnElement[bool]] = {
    "resource_id": events.c.aggregate_id == sa.bindparam("resource_id", type_=sa.UUID),
    "order_id": events.c.order_id == sa.bindparam("order_id", type_=sa.Text),
    "start": events.c.create_time >= sa.bindparam("start", type_=TIME),
    "end": events.c.create_time < sa.bindparam("end", type_=TIME),
    # ids sort by time, and have an index
    "first": events.c.event_id >= sa.bindparam("first", type_=sa.UUID),
    "last": events.c.event_id < sa.bindparam("last", type_=sa.UUID),
}
_IN_SPAN = statement(
    sa.select(*columns_of(events, LoggedEvent))
    .where(
        events.c.merchant_id == _merchant,
        *(_CONDITIONS[name] for name in ("start", "end", "first", "last")),
        events.c.type == sa.func.any(sa.bindparam("types", type_=pg.ARRAY(sa.Text))),
    )
    .order_by(events.c.position)
    .limit(_limit),
    LoggedEvent,
)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events of a merchant are asked for; None is any. The span of time is half-open."""

    types: list[str] | None = None
    resource_id: UUID | None = None
    order_id: str | None = None
    create_time: tuple[datetime | None, datetime | None] = (None, None)
    oldest_first: bool = False

    def parameters(self) -> dict[str, Any]:
        """Return what is given, by the name of its condition, and the ids that a time bounds as well."""
        start, end = self.create_time
        given = {
            "types": self.types,
            "resource_id": self.resource_id,
            "order_id": self.order_id,
            "start": start,
            "first": start and id_at(start, -SLACK),
            "end": end,
            "last": end and id_at(end, SLACK),
        }
        return {name: value for name, value in given.items() if value is not None}


class Sendable(Protocol):
    """What must be known of an event to put it on its way."""

    @property
    def event_id(self) -> UUID:
        """Its id."""
        ...

    @property
    def aggregate_id(self) -> UUID:
        """The resource that it is about."""
        ...

    @property
    def aggregate_version(self) -> int:
        """The resource's version after it."""
        ...


@cache
def _page(given: frozenset[str], oldest_first: bool) -> Statement[PublicEvent]:
    order = events.c.event_id.asc() if oldest_first else events.c.event_id.desc()
    query = sa.select(*_COLUMNS).where(events.c.merchant_id == _merchant)
    query = query.where(*(condition for name, condition in _CONDITIONS.items() if name in given))
    if "after" in given:
        last = sa.bindparam("after", type_=sa.UUID)
        query = query.where(events.c.event_id > last if oldest_first else events.c.event_id < last)
    if "types" in given:
        query = query.where(events.c.type == sa.func.any(sa.bindparam("types", type_=pg.ARRAY(sa.Text))))
    return statement(query.order_by(order).limit(_limit), PublicEvent)


@cache
def _page_of_types(given: frozenset[str], oldest_first: bool) -> Statement[PublicEvent]:
    """Read a page of each type, by its own walk along the index: of a rare one nobody reads all others.

    Where most events are of one type PostgreSQL takes any other for as frequent, and would walk along all events. So a
    type and its ids are bounds of one order, which the index of types alone has.
    """
    types = sa.bindparam("types", type_=pg.ARRAY(sa.Text))
    kinds = sa.func.unnest(types).table_valued(sa.column("kind", sa.Text)).render_derived("kinds")
    place = sa.tuple_(events.c.type, events.c.event_id)
    low, high = (sa.tuple_(kinds.c.kind, sa.bindparam(name, type_=sa.UUID)) for name in ("low", "high"))
    walk = [events.c.type, events.c.event_id]
    of_one = (
        sa.select(*_COLUMNS)
        .where(events.c.merchant_id == _merchant, place >= low, place < high)
        .where(*(_CONDITIONS[name] for name in ("start", "end") if name in given))
        .order_by(*(column.asc() if oldest_first else column.desc() for column in walk))
        .limit(_limit)
        .lateral("of_one")
    )
    last_id = of_one.c.event_id.asc() if oldest_first else of_one.c.event_id.desc()
    found = sa.select(*of_one.c).select_from(kinds.join(of_one, sa.true()))
    return statement(found.order_by(last_id).limit(_limit), PublicEvent)


def _span_of_ids(wanted: EventFilter, after: UUID | None) -> dict[str, UUID]:
    """Return from which id on a page may be, and before which."""
    given = wanted.parameters()
    low, high = given.get("first", UUID(int=0)), given.get("last", _NO_ID)
    if after and wanted.oldest_first:
        low = max(low, UUID(int=min(after.int + 1, _NO_ID.int)))
    elif after:
        high = min(high, after)
    return {"low": low, "high": high}


class EventRepository:
    """Events and their deliveries in PostgreSQL. Methods run in the session that they are given."""

    async def add(self, session: Session, new: Sequence[PublicEvent]) -> None:
        """Have events stored in the merchants' log by the end of the transaction; one that is here changes nothing."""
        await session.carry_out(
            _ADD_EVENTS, **{column.name: [getattr(event, column.name) for event in new] for column in _COLUMNS}
        )

    async def deliver(
        self, session: Session, new: Sequence[tuple[UUID, UUID, Sendable]], *, again: bool = False
    ) -> None:
        """Put events on their way, by the end of the transaction: delivery id, endpoint id, event. Due at once.

        A second time changes nothing, but `again`: then the schedule begins anew, whatever came of the first.
        """
        await session.carry_out(
            _SEND_AGAIN if again else _ADD_DELIVERIES,
            delivery_id=[delivery_id for delivery_id, _, _ in new],
            endpoint_id=[endpoint_id for _, endpoint_id, _ in new],
            event_id=[event.event_id for _, _, event in new],
            aggregate_id=[event.aggregate_id for _, _, event in new],
            aggregate_version=[event.aggregate_version for _, _, event in new],
        )

    async def get(self, session: Session, merchant_id: UUID, event_id: UUID) -> PublicEvent | None:
        """Return a merchant's event, if there is one."""
        return await session.one(_GET, merchant_id=merchant_id, event_id=event_id)

    async def page(
        self, session: Session, merchant_id: UUID, wanted: EventFilter, after: UUID | None, limit: int
    ) -> list[PublicEvent]:
        """Return a merchant's events, from the one after `after` on."""
        given = wanted.parameters() | ({"after": after} if after else {})
        names = frozenset(given)
        if "types" in names and not names & {"resource_id", "order_id"}:
            query = _page_of_types(names & {"start", "end"}, wanted.oldest_first)
            given |= _span_of_ids(wanted, after)
        else:
            query = _page(names, wanted.oldest_first)
        return await session.all(query, merchant_id=merchant_id, limit=limit, **given)

    async def place(self, session: Session, merchant_id: UUID, event_id: UUID) -> Place | None:
        """Return where a merchant's event is, if there is one."""
        return await session.one(_PLACE_OF, merchant_id=merchant_id, event_id=event_id)

    async def last_place(self, session: Session, merchant_id: UUID) -> Place | None:
        """Return where a merchant's log ends now; None when it is empty."""
        return await session.one(_LAST_PLACE, merchant_id=merchant_id)

    async def read_on(
        self, session: Session, merchant_id: UUID, after: int, limit: int
    ) -> list[tuple[int, PublicEvent]]:
        """Return a merchant's events after a position, in the order of the log, each with its position."""
        rows = await session.all(_READ_ON, merchant_id=merchant_id, after=after, limit=limit)
        return [(row.position, PublicEvent(*(getattr(row, name) for name in _NAMES))) for row in rows]

    async def last_position(self, session: Session) -> int:
        """Return the last position of all merchants' events."""
        return await session.one(_LAST_POSITION) or 0

    async def new_since(self, session: Session, after: int) -> dict[UUID, int]:
        """Return the merchants that have events after a position, each with the last one's."""
        return {row.merchant_id: row.position for row in await session.all(_NEWS, after=after)}

    async def in_span(
        self, session: Session, merchant_id: UUID, start: datetime, end: datetime, types: Sequence[str], limit: int
    ) -> list[LoggedEvent]:
        """Return a merchant's events of some types that happened from `start` until before `end`."""
        ids = {"first": id_at(start, -SLACK), "last": id_at(end, SLACK)}
        return await session.all(
            _IN_SPAN, merchant_id=merchant_id, start=start, end=end, **ids, types=list(types), limit=limit
        )
