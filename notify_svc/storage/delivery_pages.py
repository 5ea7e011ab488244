"""Deliveries as merchants read them: with their attempts, of an event, of an endpoint or of all, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, Statement, statement
from mesh.storage.listing import SLACK, id_at
from mesh.storage.schema import TIME
from notify_svc.domain.delivery import Attempt, DeliveryStatus, LoggedAttempt, LoggedDelivery
from notify_svc.domain.endpoint import WEBHOOKS, Kind
from notify_svc.tables import deliveries, delivery_attempts, events, webhook_endpoints


class DeliveryRow(NamedTuple):
    """A delivery with one of its attempts; when there was none, `attempt` and all behind it are None."""

    delivery_id: UUID
    endpoint_id: UUID
    status: str
    next_attempt_time: datetime | None
    kind: str
    event_id: UUID
    event_type: str
    attempt: int | None
    time: datetime
    http_status: int
    duration_ms: float
    answer: str


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries of a merchant are asked for, from all webhook endpoints or one; no status is any.

    Times are of the event, and the span is half-open.
    """

    endpoint_id: UUID | None = None
    statuses: tuple[str, ...] = ()
    create_time: tuple[datetime | None, datetime | None] = (None, None)
    oldest_first: bool = False


class DeliveryPlace(NamedTuple):
    """Where in a list a delivery is: by its event, and among those of one event by its endpoint."""

    event_id: UUID
    endpoint_id: UUID


_limit = sa.bindparam("limit", type_=sa.Integer)
_endpoints = webhook_endpoints.c


def _with_attempts(chosen: sa.FromClause) -> sa.Select[Any]:
    """Return deliveries of the table, or of a page of it, each once for every attempt."""
    return (
        sa.select(
            *(chosen.c[name] for name in ("delivery_id", "endpoint_id", "status", "next_attempt_time")),
            webhook_endpoints.c.kind,
            events.c.event_id,
            events.c.type.label("event_type"),
            delivery_attempts.c.attempt,
            delivery_attempts.c.time,
            delivery_attempts.c.status.label("http_status"),
            delivery_attempts.c.duration_ms,
            delivery_attempts.c.answer,
        )
        .select_from(chosen)
        .join(webhook_endpoints, webhook_endpoints.c.endpoint_id == chosen.c.endpoint_id)
        .join(events, events.c.event_id == chosen.c.event_id)
        .outerjoin(delivery_attempts, delivery_attempts.c.delivery_id == chosen.c.delivery_id)
    )


MOST_OF_EVENT = 200
"""How many deliveries of an event are read, the newest: each endpoint that there ever was may have one."""
_newest = (
    sa.select(deliveries)
    .where(deliveries.c.event_id == sa.bindparam("event_id", type_=sa.UUID))
    .order_by(deliveries.c.delivery_id.desc())
    .limit(MOST_OF_EVENT)
    .subquery("newest")
)
_OF_EVENT = statement(_with_attempts(_newest).order_by(_newest.c.delivery_id, delivery_attempts.c.attempt), DeliveryRow)
_PLACE = statement(
    sa.select(deliveries.c.event_id, deliveries.c.endpoint_id)
    .join(webhook_endpoints, webhook_endpoints.c.endpoint_id == deliveries.c.endpoint_id)
    .where(
        deliveries.c.delivery_id == sa.bindparam("delivery_id", type_=sa.UUID),
        _endpoints.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
    ),
    DeliveryPlace,
)


def _of_status(status: DeliveryStatus) -> sa.ColumnElement[bool]:
    # in the index's own words: from a parameter the planner cannot tell that it serves
    return deliveries.c.status == sa.literal_column(f"'{status}'")


@cache
def page_of(statuses: frozenset[DeliveryStatus], given: frozenset[str], oldest_first: bool) -> Statement[DeliveryRow]:
    """Return the page of deliveries by what is `given`: parameters by their names.

    Each endpoint's page is read by its own index, and of several statuses that of each, as no index has them together.
    Where that of its events serves, both are bounds of one order: PostgreSQL, which knows the endpoints that have most,
    would else walk along everybody's events until there are enough of one that has none.
    """
    whose = sa.select(_endpoints.endpoint_id).where(
        _endpoints.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
        _endpoints.kind == sa.any_(sa.bindparam("kinds", type_=pg.ARRAY(sa.Text))),
        _endpoints.delete_time.is_(None),
    )
    if "endpoint_id" in given:
        whose = whose.where(_endpoints.endpoint_id == sa.bindparam("endpoint_id", type_=sa.UUID))
    ends = whose.subquery("ends")

    def ordered(query: Any, columns: Any) -> Any:
        order = (columns.event_id, columns.endpoint_id)
        return query.order_by(*(one.asc() if oldest_first else one.desc() for one in order))

    place = (deliveries.c.endpoint_id, deliveries.c.event_id)
    low, high = (sa.tuple_(ends.c.endpoint_id, sa.bindparam(name, type_=sa.UUID)) for name in ("low", "high"))

    def part(status: DeliveryStatus | None) -> sa.Select[Any]:
        is_walk = status in (None, DeliveryStatus.DELIVERED)
        conditions = [_of_status(status)] if status else []
        if is_walk:
            conditions += [sa.tuple_(*place) >= low, sa.tuple_(*place) <= high]
        one = sa.select(deliveries).where(deliveries.c.endpoint_id == ends.c.endpoint_id, *conditions)
        one = one.where(*_bounds(given, ends.c.endpoint_id, oldest_first))
        if any(name.startswith("create_time") for name in given):
            one = one.join(events, events.c.event_id == deliveries.c.event_id)
        if is_walk:
            one = one.order_by(*(column.asc() if oldest_first else column.desc() for column in place))
        else:
            one = ordered(one, deliveries.c)
        page = one.limit(_limit).lateral()
        return sa.select(*page.c).select_from(ends.join(page, sa.true()))

    everything = statuses in (frozenset(), frozenset(DeliveryStatus))
    parts = [part(None)] if everything else [part(status) for status in sorted(statuses)]
    several = sa.union_all(*parts).subquery()
    chosen = ordered(sa.select(several), several.c).limit(_limit).subquery()
    listed = ordered(_with_attempts(chosen), chosen.c)
    return statement(listed.order_by(delivery_attempts.c.attempt), DeliveryRow)


def _bounds(given: frozenset[str], endpoint_id: Any, oldest_first: bool) -> list[sa.ColumnElement[bool]]:
    """Return what the deliveries of an endpoint have to be: after a place, and of events of a span."""
    event_id, found = deliveries.c.event_id, []
    if "after" in given:
        after = sa.bindparam("after", type_=sa.UUID)
        last = sa.bindparam("after_endpoint", type_=sa.UUID)
        # the first condition is the one that an index serves
        if oldest_first:
            found += [event_id >= after, sa.or_(event_id > after, endpoint_id > last)]
        else:
            found += [event_id <= after, sa.or_(event_id < after, endpoint_id < last)]
    for name in sorted(given & {"create_time_from", "create_time_to"}):
        end = name.rpartition("_")[2]
        moment, bound = sa.bindparam(name, type_=TIME), sa.bindparam(f"id_{end}", type_=sa.UUID)
        if end == "from":
            found += [event_id >= bound, events.c.create_time >= moment]
        else:
            found += [event_id < bound, events.c.create_time < moment]
    return found


def parameters(wanted: DeliveryFilter, after: DeliveryPlace | None) -> dict[str, Any]:
    """Return the parameters that a filter and a place give."""
    start, end = wanted.create_time
    given = {
        "endpoint_id": wanted.endpoint_id,
        "after": after and after.event_id,
        "after_endpoint": after and after.endpoint_id,
        "create_time_from": start,
        "create_time_to": end,
        "id_from": start and id_at(start, -SLACK),
        "id_to": end and id_at(end, SLACK),
    }
    return {name: value for name, value in given.items() if value is not None}


def span_of_ids(given: Mapping[str, Any], *, oldest_first: bool) -> dict[str, UUID]:
    """Return from which event on a page by such parameters is, and until which."""
    low, high = given.get("id_from", UUID(int=0)), given.get("id_to", UUID(int=2**128 - 1))
    if "after" in given:
        low, high = (max(low, given["after"]), high) if oldest_first else (low, min(high, given["after"]))
    return {"low": low, "high": high}


async def of_event(session: Session, event_id: UUID) -> list[LoggedDelivery]:
    """Return what became of an event, in the order in which it was put on its way: its newest deliveries."""
    return _by_delivery(await session.all(_OF_EVENT, event_id=event_id))


async def place_of(session: Session, merchant_id: UUID, delivery_id: UUID) -> DeliveryPlace | None:
    """Return where a merchant's delivery is, if there is one."""
    return await session.one(_PLACE, merchant_id=merchant_id, delivery_id=delivery_id)


async def read(
    session: Session, merchant_id: UUID, wanted: DeliveryFilter, after: DeliveryPlace | None, limit: int
) -> list[LoggedDelivery]:
    """Return a merchant's deliveries to webhook endpoints, from the one after a place on."""
    given = parameters(wanted, after)
    query = page_of(frozenset(map(DeliveryStatus, wanted.statuses)), frozenset(given), wanted.oldest_first)
    kinds = [str(kind) for kind in WEBHOOKS]
    given |= span_of_ids(given, oldest_first=wanted.oldest_first)
    return _by_delivery(await session.all(query, merchant_id=merchant_id, kinds=kinds, limit=limit, **given))


def _logged(rows: Sequence[DeliveryRow]) -> LoggedDelivery:
    attempts = [
        LoggedAttempt(row.attempt, row.time, Attempt(row.http_status, row.duration_ms, row.answer))
        for row in rows
        if row.attempt is not None
    ]
    first = rows[0]
    return LoggedDelivery(
        first.delivery_id,
        first.endpoint_id,
        Kind(first.kind),
        first.event_id,
        first.event_type,
        DeliveryStatus(first.status),
        first.next_attempt_time,
        tuple(attempts),
    )


def _by_delivery(rows: Sequence[DeliveryRow]) -> list[LoggedDelivery]:
    found: dict[UUID, list[DeliveryRow]] = {}
    for row in rows:
        found.setdefault(row.delivery_id, []).append(row)
    return [_logged(of_one) for of_one in found.values()]
