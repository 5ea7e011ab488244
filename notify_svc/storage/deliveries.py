"""Every SQL statement of the sender: which deliveries are tried next, and what came of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.schema import TIME
from notify_svc.domain.delivery import Attempt, Delivery, DeliveryStatus
from notify_svc.domain.endpoint import Kind
from notify_svc.tables import deliveries, delivery_attempts, events, webhook_endpoints

GAP_PATIENCE = timedelta(minutes=2)
"""How long a version waits for the one before it, which the stream brings again when a consumer died with it."""

FAILING_SHARE = 2
"""How many deliveries are under way at once to an endpoint that has been failing: enough to see it come back."""


class ClaimRow(NamedTuple):
    """A delivery that was taken, with where it goes and what it carries."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    attempts: int
    attempts_before: int
    next_attempt_time: datetime | None
    url: str
    kind: str
    language: str
    secret: bytes | None
    old_secret: bytes | None
    failing_since: datetime | None
    payload: bytes
    type: str
    aggregate_id: UUID
    order_id: str
    trace_id: str


_now = sa.bindparam("now", type_=TIME)
_share = sa.bindparam("share", type_=sa.Integer)
_kinds = sa.bindparam("kinds", type_=pg.ARRAY(sa.Text))
_queued = deliveries.alias("queued")
_earlier = deliveries.alias("earlier")
_before = events.alias("before")
_is_next = sa.or_(
    _queued.c.aggregate_version <= 1,
    _queued.c.next_attempt_time <= _now - GAP_PATIENCE,
    sa.exists().where(
        _before.c.aggregate_id == _queued.c.aggregate_id,
        _before.c.aggregate_version == _queued.c.aggregate_version - 1,
    ),
)
_is_due = sa.and_(
    _queued.c.next_attempt_time <= _now,
    sa.or_(
        _queued.c.attempts > 0,
        sa.and_(
            _is_next,
            ~sa.exists().where(
                _earlier.c.endpoint_id == _queued.c.endpoint_id,
                _earlier.c.aggregate_id == _queued.c.aggregate_id,
                _earlier.c.aggregate_version < _queued.c.aggregate_version,
                _earlier.c.attempts == 0,
                # what was cancelled keeps nobody waiting
                _earlier.c.status == "PENDING",
            ),
        ),
    ),
)


def _first_queue(*conditions: sa.ColumnElement[bool]) -> sa.Select[UUID]:
    return (
        sa.select(deliveries.c.endpoint_id)
        .where(deliveries.c.next_attempt_time.is_not(None), *conditions)
        .order_by(deliveries.c.endpoint_id)
        .limit(1)
    )


# which endpoints have a queue: one look into the index for each, however long the queues are
_queues = sa.select(_first_queue().scalar_subquery().label("endpoint_id")).cte("queues", recursive=True)
_queues = _queues.union_all(
    sa.select(_first_queue(deliveries.c.endpoint_id > _queues.c.endpoint_id).scalar_subquery()).where(
        _queues.c.endpoint_id.is_not(None)
    )
)
_busy = (
    sa.func.unnest(
        sa.bindparam("busy_endpoints", type_=pg.ARRAY(sa.UUID)), sa.bindparam("busy_counts", type_=pg.ARRAY(sa.Integer))
    )
    .table_valued(sa.column("endpoint_id", sa.UUID), sa.column("count", sa.Integer), name="busy")
    .render_derived()
)
_under_way = sa.func.coalesce(_busy.c.count, 0)
_room = sa.case((webhook_endpoints.c.failing_since.is_(None), _share), else_=sa.func.least(_share, FAILING_SHARE))
_head = (
    sa.select(_queued.c.delivery_id, _queued.c.next_attempt_time)
    .where(_queued.c.endpoint_id == _queues.c.endpoint_id, _is_due)
    .order_by(_queued.c.next_attempt_time)
    .limit(sa.func.greatest(_room - _under_way, 0))
    .with_for_update(skip_locked=True, of=_queued)
    .lateral("head")
)
# everybody's first comes before anybody's second, counting what is under way
_turn = _under_way + sa.func.row_number().over(partition_by=_queues.c.endpoint_id, order_by=_head.c.next_attempt_time)
_due = (
    sa.select(_head.c.delivery_id)
    .select_from(
        _queues.join(webhook_endpoints, webhook_endpoints.c.endpoint_id == _queues.c.endpoint_id)
        .outerjoin(_busy, _busy.c.endpoint_id == _queues.c.endpoint_id)
        .join(_head, sa.true())
    )
    .where(webhook_endpoints.c.enabled, webhook_endpoints.c.kind == sa.func.any(_kinds))
    .order_by(_turn, _head.c.next_attempt_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .cte("due")
    .prefix_with("MATERIALIZED")
)
_lease = (
    sa.update(deliveries)
    .where(deliveries.c.delivery_id.in_(sa.select(_due.c.delivery_id)))
    .values(next_attempt_time=sa.bindparam("lease", type_=TIME))
    .returning(
        *(
            deliveries.c[name]
            for name in ("delivery_id", "endpoint_id", "event_id", "attempts", "attempts_before", "next_attempt_time")
        )
    )
    .cte("leased")
)
_CLAIM = statement(
    sa.select(
        _lease,
        webhook_endpoints.c.url,
        webhook_endpoints.c.kind,
        webhook_endpoints.c.language,
        webhook_endpoints.c.secret,
        sa.case((webhook_endpoints.c.old_secret_expire_time > _now, webhook_endpoints.c.old_secret)).label(
            "old_secret"
        ),
        webhook_endpoints.c.failing_since,
        events.c.payload,
        events.c.type,
        events.c.aggregate_id,
        events.c.order_id,
        events.c.trace_id,
    )
    .join(webhook_endpoints, webhook_endpoints.c.endpoint_id == _lease.c.endpoint_id)
    .join(events, events.c.event_id == _lease.c.event_id),
    ClaimRow,
)
_note = (
    pg.insert(delivery_attempts)
    .values(parameters_for(delivery_attempts, prefix="a_"))
    .on_conflict_do_nothing()
    .returning(delivery_attempts.c.delivery_id)
    .cte("noted")
)
_succeeded = sa.bindparam("succeeded", type_=sa.Boolean)
# an endpoint's row changes only when it begins to fail, or to work
_health = (
    sa.update(webhook_endpoints)
    .where(
        webhook_endpoints.c.endpoint_id == sa.bindparam("endpoint_id", type_=sa.UUID),
        webhook_endpoints.c.failing_since.is_not(None) == _succeeded,
    )
    .values(failing_since=sa.case((_succeeded, sa.null()), else_=_now))
    .returning(webhook_endpoints.c.endpoint_id)
    .cte("health")
)
_status = sa.bindparam("status", type_=sa.Text)
# what was cancelled meanwhile stays so, unless it arrived
_counts = sa.or_(deliveries.c.status == "PENDING", _succeeded)
_FINISH = statement(
    sa.update(deliveries)
    .where(deliveries.c.delivery_id == _note.c.delivery_id)
    .values(
        attempts=sa.bindparam("a_attempt", type_=sa.Integer),
        status=sa.case((_counts, _status), else_=deliveries.c.status),
        next_attempt_time=sa.case((_counts, sa.bindparam("again", type_=TIME)), else_=sa.null()),
    )
    .add_cte(_health)
)


def _delivery(row: ClaimRow) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        destination=row.url,
        secrets=tuple(filter(None, (row.secret, row.old_secret))),
        payload=row.payload,
        event_type=row.type,
        aggregate_id=row.aggregate_id,
        order_id=row.order_id,
        trace_id=row.trace_id,
        attempts=row.attempts,
        attempts_before=row.attempts_before,
        failing_since=row.failing_since,
        kind=Kind(row.kind),
        language=row.language,
    )


class DeliveryRepository:
    """Deliveries in PostgreSQL. Methods run in the session that they are given."""

    async def claim_due(
        self,
        session: Session,
        now: datetime,
        lease: datetime,
        *,
        kinds: Collection[Kind],
        limit: int,
        share: int,
        busy: Mapping[UUID, int],
    ) -> list[Delivery]:
        """Take deliveries to endpoints of some kinds that are due; no other replica sees them until `lease`.

        Endpoints take turns, and none gets more than its `share`, of which `busy` says how much is in use. A delivery
        that was never tried waits until the version before it has come, and until every earlier version of its resource
        was tried at that endpoint.
        """
        rows = await session.all(
            _CLAIM,
            now=now,
            lease=lease,
            kinds=[str(kind) for kind in kinds],
            limit=limit,
            share=share,
            busy_endpoints=list(busy.keys()),
            busy_counts=list(busy.values()),
        )
        return [_delivery(row) for row in rows]

    async def finish(
        self,
        session: Session,
        delivery: Delivery,
        attempt: Attempt,
        now: datetime,
        status: DeliveryStatus,
        again: datetime | None,
    ) -> None:
        """Log an attempt, and note what follows from it for the delivery and for the endpoint."""
        await session.run(
            _FINISH,
            a_delivery_id=delivery.delivery_id,
            a_attempt=delivery.attempts + 1,
            a_time=now,
            a_status=attempt.status,
            a_duration_ms=attempt.duration_ms,
            a_answer=attempt.answer,
            endpoint_id=delivery.endpoint_id,
            succeeded=attempt.succeeded,
            now=now,
            status=str(status),
            again=again,
        )
