"""Every SQL statement of the sender: which deliveries are tried next, and what came of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import Session, statement
from mesh.storage.schema import NOW
from notify_svc.domain.delivery import Attempt, Delivery, DeliveryStatus
from notify_svc.domain.endpoint import Kind
from notify_svc.storage import outcomes
from notify_svc.tables import deliveries, events, webhook_endpoints

GAP_PATIENCE = timedelta(minutes=2)
"""How long a version waits for the one before it, which the stream brings again when a consumer died with it."""

LOOK_BACK = 20
"""How many versions before it are looked for: few resources have as many, and each is an entry of an index to read."""


class ClaimRow(NamedTuple):
    """A delivery that was taken, with where it goes and what it carries."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    attempts: int
    attempts_before: int
    resends: int
    claim_time: datetime
    merchant_id: UUID
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
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """What a dispatcher has room for: in all, at each endpoint, for each merchant; and what is in use.

    Endpoints that fail, and those that are `slow`, have a room of their own.
    """

    limit: int
    share: int
    failing_share: int
    busy: Mapping[UUID, int]
    merchant_share: int
    busy_merchants: Mapping[UUID, int]
    slow: Collection[UUID] = ()


class Waiting(NamedTuple):
    """Endpoints of a kind with something to deliver: how many, how many of them fail.

    And how late the others' oldest is, and that of those that fail; None where nothing is due.
    """

    kind: str
    number: int
    failing: int
    due_for: timedelta | None
    failing_due_for: timedelta | None


_share = sa.case(
    (webhook_endpoints.c.failing_since.is_(None), sa.bindparam("share", type_=sa.Integer)),
    else_=sa.bindparam("failing_share", type_=sa.Integer),
)
_is_apart = sa.or_(
    webhook_endpoints.c.failing_since.is_not(None),
    webhook_endpoints.c.endpoint_id == sa.any_(sa.bindparam("slow", type_=pg.ARRAY(sa.UUID))),
)
_kinds = sa.bindparam("kinds", type_=pg.ARRAY(sa.Text))
_queued = deliveries.alias("queued")
_earlier = deliveries.alias("earlier")
_before = events.alias("before")
_tried = deliveries.alias("tried")


def _some(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[bool]:
    """Return true when there is such a row, else NULL: by one look into an index for each row that asks.

    EXISTS is the same, but beside an OR the planner may read a whole table for it once.
    """
    return sa.select(sa.true()).where(*conditions).limit(1).scalar_subquery()


_earlier_events = (
    _before.c.aggregate_id == _queued.c.aggregate_id,
    _before.c.aggregate_version < _queued.c.aggregate_version,
    _before.c.aggregate_version >= _queued.c.aggregate_version - LOOK_BACK,
)
# all that are earlier: of one before an event that the endpoint does not take, nothing else would tell
_came = sa.select(sa.func.count(_before.c.aggregate_version.distinct())).where(*_earlier_events)
# what is missing before a version that was tried anywhere has had its time: it delays no other
_settled = (
    sa.select(sa.func.max(_before.c.aggregate_version))
    .select_from(_before.join(_tried, _tried.c.event_id == _before.c.event_id))
    .where(*_earlier_events, _tried.c.attempts + _tried.c.attempts_before > 0)
    .correlate(_queued)
    .scalar_subquery()
)
_came_since = _came.where(_before.c.aggregate_version > _settled)
_is_next = sa.or_(
    _queued.c.aggregate_version <= 1,
    _queued.c.next_attempt_time <= NOW - GAP_PATIENCE,
    _came.scalar_subquery() >= sa.func.least(_queued.c.aggregate_version - 1, LOOK_BACK),
    _came_since.scalar_subquery() >= _queued.c.aggregate_version - 1 - _settled,
)
_waits = _some(
    _earlier.c.endpoint_id == _queued.c.endpoint_id,
    _earlier.c.aggregate_id == _queued.c.aggregate_id,
    _earlier.c.aggregate_version < _queued.c.aggregate_version,
    # the words of the partial index
    _earlier.c.attempts == sa.literal_column("0"),
    # what was cancelled keeps nobody waiting
    _earlier.c.status == "PENDING",
)
_is_due = sa.and_(
    _queued.c.next_attempt_time <= NOW, sa.or_(_queued.c.attempts > 0, sa.and_(_is_next, _waits.is_(None)))
)


def _first_queue(*conditions: sa.ColumnElement[bool]) -> sa.Select[UUID]:
    return (
        sa.select(deliveries.c.endpoint_id)
        .where(deliveries.c.next_attempt_time.is_not(None), *conditions)
        .order_by(deliveries.c.endpoint_id)
        .limit(1)
    )


_queues = sa.select(_first_queue().scalar_subquery().label("endpoint_id")).cte("queues", recursive=True)
QUEUES = _queues.union_all(
    sa.select(_first_queue(deliveries.c.endpoint_id > _queues.c.endpoint_id).scalar_subquery()).where(
        _queues.c.endpoint_id.is_not(None)
    )
)
"""Which endpoints have a queue: one look into the index for each, however long the queues are."""


def _in_use(whose: str, column: str) -> sa.TableValuedAlias:
    """Return a table of what is under way, from two parameters."""
    return (
        sa.func.unnest(
            sa.bindparam(f"busy_{whose}", type_=pg.ARRAY(sa.UUID)),
            sa.bindparam(f"busy_{whose}_counts", type_=pg.ARRAY(sa.Integer)),
        )
        .table_valued(sa.column(column, sa.UUID), sa.column("count", sa.Integer), name=f"busy_{whose}")
        .render_derived()
    )


_busy, _busy_merchant = _in_use("endpoints", "endpoint_id"), _in_use("merchants", "merchant_id")
_under_way = sa.func.coalesce(_busy.c.count, 0)
_head = (
    sa.select(_queued.c.delivery_id, _queued.c.next_attempt_time)
    # the endpoint's own column, as no plan may lock what is not of these endpoints: others who look would pass over it
    .where(_queued.c.endpoint_id == webhook_endpoints.c.endpoint_id, _is_due)
    .order_by(_queued.c.next_attempt_time)
    .limit(sa.func.greatest(_share - _under_way, 0))
    .with_for_update(skip_locked=True, of=_queued)
    .lateral("head")
)
# everybody's first comes before anybody's second, counting what is under way
_turn = _under_way + sa.func.row_number().over(partition_by=QUEUES.c.endpoint_id, order_by=_head.c.next_attempt_time)
_of_merchant = sa.func.coalesce(_busy_merchant.c.count, 0) + sa.func.row_number().over(
    partition_by=webhook_endpoints.c.merchant_id, order_by=_head.c.next_attempt_time
)
_ready = (
    sa.select(
        _head.c.delivery_id,
        _head.c.next_attempt_time,
        _turn.label("turn"),
        _of_merchant.label("of_merchant"),
    )
    .select_from(
        QUEUES.join(webhook_endpoints, webhook_endpoints.c.endpoint_id == QUEUES.c.endpoint_id)
        .outerjoin(_busy, _busy.c.endpoint_id == QUEUES.c.endpoint_id)
        .outerjoin(_busy_merchant, _busy_merchant.c.merchant_id == webhook_endpoints.c.merchant_id)
        .join(_head, sa.true())
    )
    .where(
        webhook_endpoints.c.enabled,
        webhook_endpoints.c.kind == sa.func.any(_kinds),
        _is_apart == sa.bindparam("apart", type_=sa.Boolean),
    )
    .subquery("ready")
)
_due = (
    sa.select(_ready.c.delivery_id)
    # nor does one merchant get all there is, however many endpoints it has
    .where(_ready.c.of_merchant <= sa.bindparam("merchant_share", type_=sa.Integer))
    .order_by(_ready.c.turn, _ready.c.next_attempt_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .cte("due")
    .prefix_with("MATERIALIZED")
)
_lease = (
    sa.update(deliveries)
    # as an array, and events and endpoints one by one below: however many the planner expects, it reads no whole table
    .where(deliveries.c.delivery_id == sa.func.any(sa.func.array(sa.select(_due.c.delivery_id).scalar_subquery())))
    .values(next_attempt_time=NOW + sa.bindparam("lease", type_=sa.Interval))
    .returning(
        *(
            deliveries.c[name]
            for name in ("delivery_id", "endpoint_id", "event_id", "attempts", "attempts_before", "resends")
        ),
        NOW.label("claim_time"),
    )
    .cte("leased")
)
_to = (
    sa.select(
        webhook_endpoints.c.merchant_id,
        webhook_endpoints.c.url,
        webhook_endpoints.c.kind,
        webhook_endpoints.c.language,
        webhook_endpoints.c.secret,
        sa.case((webhook_endpoints.c.old_secret_expire_time > NOW, webhook_endpoints.c.old_secret)).label("old_secret"),
        webhook_endpoints.c.failing_since,
    )
    .where(webhook_endpoints.c.endpoint_id == _lease.c.endpoint_id)
    .limit(1)
    .lateral("to")
)
_what = (
    sa.select(
        *(events.c[name] for name in ("payload", "type", "aggregate_id", "order_id", "trace_id")),
        events.c.create_time.label("event_time"),
    )
    .where(events.c.event_id == _lease.c.event_id)
    .limit(1)
    .lateral("what")
)
_CLAIM = statement(
    sa.select(_lease, _to, _what).select_from(_lease.join(_to, sa.true()).join(_what, sa.true())), ClaimRow
)
_oldest = (
    sa.select(_queued.c.next_attempt_time)
    .where(_queued.c.endpoint_id == QUEUES.c.endpoint_id, _queued.c.next_attempt_time <= NOW)
    .order_by(_queued.c.next_attempt_time)
    .limit(1)
    .scalar_subquery()
)
_works = webhook_endpoints.c.failing_since.is_(None)
_WAITING = statement(
    sa.select(
        webhook_endpoints.c.kind,
        sa.func.count().label("number"),
        sa.func.count(webhook_endpoints.c.failing_since).label("failing"),
        (NOW - sa.func.min(sa.case((_works, _oldest)))).label("due_for"),
        (NOW - sa.func.min(sa.case((~_works, _oldest)))).label("failing_due_for"),
    )
    .select_from(QUEUES.join(webhook_endpoints, webhook_endpoints.c.endpoint_id == QUEUES.c.endpoint_id))
    .where(webhook_endpoints.c.enabled)
    .group_by(webhook_endpoints.c.kind),
    Waiting,
)


def _delivery(row: ClaimRow) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        merchant_id=row.merchant_id,
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
        resends=row.resends,
        claim_time=row.claim_time,
        failing_since=row.failing_since,
        event_time=row.event_time,
        kind=Kind(row.kind),
        language=row.language,
    )


class DeliveryRepository:
    """Deliveries in PostgreSQL. Methods run in the session that they are given."""

    async def claim_due(
        self, session: Session, lease: timedelta, kinds: Collection[Kind], room: Room, *, apart: bool
    ) -> list[Delivery]:
        """Take deliveries that are due to endpoints of some kinds that fail or are slow, or that are neither.

        No other replica sees them for the length of the lease. Endpoints take turns, and none gets more than its share,
        nor does a merchant.
        A delivery that was never tried waits until the versions before it have come, and until every earlier version of
        its resource was tried at that endpoint.
        """
        rows = await session.all(
            _CLAIM,
            lease=lease,
            kinds=[str(kind) for kind in kinds],
            limit=room.limit,
            share=room.share,
            failing_share=room.failing_share,
            slow=list(room.slow),
            busy_endpoints=list(room.busy.keys()),
            busy_endpoints_counts=list(room.busy.values()),
            merchant_share=room.merchant_share,
            busy_merchants=list(room.busy_merchants.keys()),
            busy_merchants_counts=list(room.busy_merchants.values()),
            apart=apart,
        )
        return [_delivery(row) for row in rows]

    async def waiting(self, session: Session) -> list[Waiting]:
        """Return how much is to be delivered: one look into an index for each endpoint that something waits for."""
        return await session.all(_WAITING)

    async def finish(
        self, session: Session, delivery: Delivery, attempt: Attempt, status: DeliveryStatus, again: datetime | None
    ) -> None:
        """Log an attempt, and note what follows from it for the delivery and for the endpoint.

        Outside of a transaction: what is noted of the delivery stays when the endpoint cannot be changed.
        """
        noted = await session.one(
            outcomes.FINISH,
            id=delivery.delivery_id,
            of_resends=delivery.resends,
            succeeded=attempt.succeeded,
            outcome=str(status),
            again=again,
            a_time=delivery.claim_time,
            a_status=attempt.status,
            a_duration_ms=attempt.duration_ms,
            a_answer=attempt.answer,
        )
        # an endpoint's row changes only when it begins to fail, or to work
        if noted and not attempt.ours and (noted.failing_since is not None) == attempt.succeeded:
            await session.run(
                outcomes.HEALTH,
                id=delivery.endpoint_id,
                destination=delivery.destination,
                succeeded=attempt.succeeded,
                since=delivery.claim_time,
            )
