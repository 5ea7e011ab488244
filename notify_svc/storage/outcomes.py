"""The statements that note what came of an attempt: of the delivery, in its log, and of the endpoint."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.database import statement
from mesh.storage.schema import TIME
from notify_svc.tables import deliveries, delivery_attempts, webhook_endpoints

KEPT = 50
"""How many attempts of a delivery are kept, the newest: five schedules of them."""


class Noted(NamedTuple):
    """How an endpoint stood when an attempt was noted."""

    failing_since: datetime | None


_succeeded = sa.bindparam("succeeded", type_=sa.Boolean)
_id = sa.bindparam("id", type_=sa.UUID)
# what was sent again while an attempt was under way has a schedule of its own, which that attempt does not touch
_is_latest = deliveries.c.resends == sa.bindparam("of_resends", type_=sa.Integer)
# what was cancelled meanwhile stays so, unless it arrived
_counts = sa.or_(deliveries.c.status == "PENDING", _succeeded)
_done = (
    sa.update(deliveries)
    .where(deliveries.c.delivery_id == _id)
    .values(
        attempts=deliveries.c.attempts + 1,
        attempts_before=sa.case((_is_latest, deliveries.c.attempts_before), else_=deliveries.c.attempts_before + 1),
        status=sa.case(
            (sa.and_(_is_latest, _counts), sa.bindparam("outcome", type_=sa.Text)), else_=deliveries.c.status
        ),
        next_attempt_time=sa.case(
            (sa.not_(_is_latest), deliveries.c.next_attempt_time),
            (_counts, sa.bindparam("again", type_=TIME)),
            else_=sa.null(),
        ),
    )
    .returning(deliveries.c.delivery_id, deliveries.c.endpoint_id, deliveries.c.attempts)
    .cte("done")
)
_ATTEMPT = ("time", "status", "duration_ms", "answer")
_noted = (
    pg.insert(delivery_attempts)
    .from_select(
        ["delivery_id", "attempt", *_ATTEMPT],
        sa.select(
            _done.c.delivery_id,
            _done.c.attempts,
            *(sa.bindparam(f"a_{name}", type_=delivery_attempts.c[name].type) for name in _ATTEMPT),
        ),
    )
    .cte("noted")
)
# whoever sends an event again and again writes a row each time
_forgotten = (
    sa.delete(delivery_attempts)
    .where(
        delivery_attempts.c.delivery_id == _done.c.delivery_id, delivery_attempts.c.attempt <= _done.c.attempts - KEPT
    )
    .cte("forgotten")
)
FINISH = statement(
    sa.select(webhook_endpoints.c.failing_since)
    .join(_done, _done.c.endpoint_id == webhook_endpoints.c.endpoint_id)
    .add_cte(_noted, _forgotten),
    Noted,
)
# in a transaction of its own, as others lock the endpoint first and then its deliveries
HEALTH = statement(
    sa.update(webhook_endpoints)
    .where(
        webhook_endpoints.c.endpoint_id == _id,
        webhook_endpoints.c.url == sa.bindparam("destination", type_=sa.Text),
        webhook_endpoints.c.failing_since.is_not(None) == _succeeded,
    )
    .values(failing_since=sa.case((_succeeded, sa.null()), else_=sa.bindparam("since", type_=TIME)))
)
