"""Every SQL statement of the notification service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.database import Row, Session, parameters_for, rows_from_arrays, statement
from mesh.schema import TIME
from notify_svc.domain import Attempt, Delivery, Endpoint
from notify_svc.mapping import PublicEvent
from notify_svc.tables import deliveries, delivery_attempts, events, webhook_endpoints

_now = sa.bindparam("now", type_=TIME)
_ADD_ENDPOINT = statement(sa.insert(webhook_endpoints).values(parameters_for(webhook_endpoints)))
_ENDPOINTS = statement(
    sa.select(webhook_endpoints.c.merchant_id, webhook_endpoints.c.endpoint_id).where(
        webhook_endpoints.c.merchant_id == sa.func.any(sa.bindparam("merchant_ids", type_=pg.ARRAY(sa.UUID)))
    )
)
_event_rows = rows_from_arrays("event_row", list(events.columns))
_ADD_EVENTS = statement(
    pg.insert(events)
    .from_select([column.name for column in events.columns], sa.select(*_event_rows.c))
    .on_conflict_do_nothing()
)
_delivery_rows = rows_from_arrays(
    "delivery_row",
    [deliveries.c[name] for name in ("delivery_id", "endpoint_id", "event_id", "aggregate_id", "aggregate_version")],
)
_ADD_DELIVERIES = statement(
    pg.insert(deliveries)
    .from_select(
        [*_delivery_rows.c.keys(), "next_attempt_time", "status", "attempts"],
        sa.select(*_delivery_rows.c, _now, sa.literal("PENDING"), sa.literal(0)),
    )
    .on_conflict_do_nothing()
)
GAP_PATIENCE = timedelta(minutes=2)
"""How long a version waits for the one before it, which the stream brings again when a consumer died with it."""

_earlier = deliveries.alias("earlier")
_before = events.alias("before")
_is_next = sa.or_(
    deliveries.c.aggregate_version <= 1,
    deliveries.c.next_attempt_time <= _now - GAP_PATIENCE,
    sa.exists().where(
        _before.c.aggregate_id == deliveries.c.aggregate_id,
        _before.c.aggregate_version == deliveries.c.aggregate_version - 1,
    ),
)
_due = (
    sa.select(deliveries.c.delivery_id)
    .where(
        deliveries.c.next_attempt_time <= _now,
        sa.or_(
            deliveries.c.attempts > 0,
            sa.and_(
                _is_next,
                ~sa.exists().where(
                    _earlier.c.endpoint_id == deliveries.c.endpoint_id,
                    _earlier.c.aggregate_id == deliveries.c.aggregate_id,
                    _earlier.c.aggregate_version < deliveries.c.aggregate_version,
                    _earlier.c.attempts == 0,
                ),
            ),
        ),
    )
    .order_by(deliveries.c.next_attempt_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True, of=deliveries)
    .scalar_subquery()
)
_lease = (
    sa.update(deliveries)
    .where(deliveries.c.delivery_id.in_(_due))
    .values(next_attempt_time=sa.bindparam("lease", type_=TIME))
    .returning(deliveries.c.delivery_id, deliveries.c.endpoint_id, deliveries.c.event_id, deliveries.c.attempts)
    .cte("leased")
)
_CLAIM = statement(
    sa.select(
        _lease,
        webhook_endpoints.c.url,
        webhook_endpoints.c.secret,
        events.c.payload,
        events.c.type,
        events.c.order_id,
        events.c.trace_id,
    )
    .join(webhook_endpoints, webhook_endpoints.c.endpoint_id == _lease.c.endpoint_id)
    .join(events, events.c.event_id == _lease.c.event_id)
)
_note = (
    pg.insert(delivery_attempts)
    .values(parameters_for(delivery_attempts, prefix="a_"))
    .on_conflict_do_nothing()
    .returning(delivery_attempts.c.delivery_id)
    .cte("noted")
)
_FINISH = statement(
    sa.update(deliveries)
    .where(deliveries.c.delivery_id == _note.c.delivery_id)
    .values(
        attempts=sa.bindparam("a_attempt", type_=sa.Integer),
        status=sa.bindparam("status", type_=sa.Text),
        next_attempt_time=sa.bindparam("again", type_=TIME),
    )
)


def _delivery(row: Row) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        url=row.url,
        secret=row.secret,
        payload=row.payload,
        event_type=row.type,
        order_id=row.order_id,
        trace_id=row.trace_id,
        attempts=row.attempts,
    )


class NotifyRepository:
    """Endpoints, events and deliveries in PostgreSQL. Methods run in the session that they are given."""

    async def add_endpoint(self, session: Session, endpoint: Endpoint, secret: bytes) -> None:
        """Store an endpoint with its encrypted secret."""
        await session.run(
            _ADD_ENDPOINT,
            endpoint_id=endpoint.endpoint_id,
            merchant_id=endpoint.merchant_id,
            url=endpoint.url,
            secret=secret,
            create_time=endpoint.create_time,
        )

    async def endpoints_of(self, session: Session, merchant_ids: Iterable[UUID]) -> dict[UUID, list[UUID]]:
        """Return the endpoints that events go to, by merchant."""
        found: dict[UUID, list[UUID]] = {}
        for row in await session.all(_ENDPOINTS, merchant_ids=list(merchant_ids)):
            found.setdefault(row.merchant_id, []).append(row.endpoint_id)
        return found

    async def add_events(self, session: Session, new: Sequence[PublicEvent]) -> None:
        """Store events in the merchants' log; one that is here already changes nothing."""
        await session.run(
            _ADD_EVENTS, **{column.name: [getattr(event, column.name) for event in new] for column in events.columns}
        )

    async def add_deliveries(
        self, session: Session, new: Sequence[tuple[UUID, UUID, PublicEvent]], now: datetime
    ) -> None:
        """Put events on their way: delivery id, endpoint id, event. Due at once; a second time changes nothing."""
        await session.run(
            _ADD_DELIVERIES,
            delivery_id=[delivery_id for delivery_id, _, _ in new],
            endpoint_id=[endpoint_id for _, endpoint_id, _ in new],
            event_id=[event.event_id for _, _, event in new],
            aggregate_id=[event.aggregate_id for _, _, event in new],
            aggregate_version=[event.aggregate_version for _, _, event in new],
            now=now,
        )

    async def claim_due(self, session: Session, now: datetime, lease: datetime, limit: int) -> list[Delivery]:
        """Take deliveries that are due; no other replica sees them until `lease`.

        A delivery that was never tried waits until the version before it has come, and until every earlier version of
        its resource was tried at that endpoint.
        """
        return [_delivery(row) for row in await session.all(_CLAIM, now=now, lease=lease, limit=limit)]

    async def finish(
        self, session: Session, delivery: Delivery, attempt: Attempt, now: datetime, status: str, again: datetime | None
    ) -> None:
        """Log an attempt and note what follows from it."""
        await session.run(
            _FINISH,
            a_delivery_id=delivery.delivery_id,
            a_attempt=delivery.attempts + 1,
            a_time=now,
            a_status=attempt.status,
            a_duration_ms=attempt.duration_ms,
            a_answer=attempt.answer,
            status=status,
            again=again,
        )
