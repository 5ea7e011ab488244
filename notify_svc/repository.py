"""Every SQL statement of the notification service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.database import Row, Session, parameters_for, statement
from mesh.schema import TIME
from notify_svc.domain import Attempt, Delivery, Endpoint
from notify_svc.mapping import PublicEvent
from notify_svc.tables import deliveries, delivery_attempts, events, webhook_endpoints

_now = sa.bindparam("now", type_=TIME)
_ADD_ENDPOINT = statement(sa.insert(webhook_endpoints).values(parameters_for(webhook_endpoints)))
_ENDPOINTS = statement(
    sa.select(webhook_endpoints.c.endpoint_id).where(
        webhook_endpoints.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
    )
)
_ADD_EVENT = statement(pg.insert(events).values(parameters_for(events)).on_conflict_do_nothing())
_ADD_DELIVERY = statement(
    pg.insert(deliveries)
    .values(
        parameters_for(deliveries, "delivery_id", "endpoint_id", "event_id", "aggregate_id", "aggregate_version")
        | {"next_attempt_time": _now, "status": "PENDING", "attempts": 0}
    )
    .on_conflict_do_nothing()
)
_earlier = deliveries.alias("earlier")
_due = (
    sa.select(deliveries.c.delivery_id)
    .where(
        deliveries.c.next_attempt_time <= _now,
        sa.or_(
            deliveries.c.attempts > 0,
            ~sa.exists().where(
                _earlier.c.endpoint_id == deliveries.c.endpoint_id,
                _earlier.c.aggregate_id == deliveries.c.aggregate_id,
                _earlier.c.aggregate_version < deliveries.c.aggregate_version,
                _earlier.c.attempts == 0,
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
        events.c.body,
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
        body=row.body,
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

    async def endpoints_of(self, session: Session, merchant_id: UUID) -> Sequence[UUID]:
        """Return the endpoints that a merchant's events go to."""
        return [row.endpoint_id for row in await session.all(_ENDPOINTS, merchant_id=merchant_id)]

    async def add_event(self, session: Session, event: PublicEvent) -> None:
        """Store an event in the merchant's log; one that is here already changes nothing."""
        await session.run(
            _ADD_EVENT,
            event_id=event.event_id,
            merchant_id=event.merchant_id,
            type=event.type,
            aggregate_id=event.aggregate_id,
            aggregate_version=event.aggregate_version,
            order_id=event.order_id,
            body=event.body,
            trace_id=event.trace_id,
            create_time=event.time,
        )

    async def add_delivery(
        self, session: Session, delivery_id: UUID, endpoint_id: UUID, event: PublicEvent, now: datetime
    ) -> None:
        """Put an event on its way to an endpoint, due at once; a second time changes nothing."""
        await session.run(
            _ADD_DELIVERY,
            delivery_id=delivery_id,
            endpoint_id=endpoint_id,
            event_id=event.event_id,
            aggregate_id=event.aggregate_id,
            aggregate_version=event.aggregate_version,
            now=now,
        )

    async def claim_due(self, session: Session, now: datetime, lease: datetime, limit: int) -> list[Delivery]:
        """Take deliveries that are due; no other replica sees them until `lease`.

        A delivery that was never tried waits until every earlier version of its resource was tried at that endpoint.
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
