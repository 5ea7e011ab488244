"""Events that are old enough go, with their deliveries and the attempts at those; then endpoints that were deleted."""

from __future__ import annotations

import sqlalchemy as sa

from mesh.storage.database import statement
from mesh.storage.retention import PERIOD, oldest
from mesh.storage.schema import NOW
from notify_svc.tables import deliveries, delivery_attempts, events, webhook_endpoints

BATCH = 200
"""How many events go at once, each with all its deliveries."""
# by one look into an index for each event: of an EXISTS the planner may make a look at the whole table
_due = (
    sa.select(sa.true())
    .where(deliveries.c.event_id == events.c.event_id, deliveries.c.next_attempt_time.is_not(None))
    .limit(1)
    .scalar_subquery()
    .is_not(None)
)
# passed over, as otherwise a batch of them would keep all that is younger
_places = oldest(events, events.c.position, events.c.create_time, _due, batch=BATCH)
_gone = sa.select(events.c.event_id).where(sa.literal_column("events.ctid") == sa.func.any(_places), ~_due).cte("gone")
_gone_deliveries = sa.select(deliveries.c.delivery_id).where(deliveries.c.event_id.in_(sa.select(_gone.c.event_id)))
_attempts = sa.delete(delivery_attempts).where(delivery_attempts.c.delivery_id.in_(_gone_deliveries)).cte("attempts")
_deliveries = sa.delete(deliveries).where(deliveries.c.event_id.in_(sa.select(_gone.c.event_id))).cte("taken")
_old = webhook_endpoints.alias("old")
_left = sa.select(sa.true()).where(deliveries.c.endpoint_id == _old.c.endpoint_id).limit(1).scalar_subquery()
_ended = sa.select(_old.c.endpoint_id).where(_old.c.delete_time < NOW - PERIOD, _left.is_(None))
DELETE_ENDPOINTS = statement(
    sa.delete(webhook_endpoints).where(
        webhook_endpoints.c.endpoint_id == sa.func.any(sa.func.array(_ended.limit(BATCH).scalar_subquery()))
    )
)
"""Deletes endpoints that were deleted so long ago that nothing refers to them; its parameter is `period`."""
DELETE_EVENTS = statement(
    sa.delete(events).where(events.c.event_id.in_(sa.select(_gone.c.event_id))).add_cte(_attempts, _deliveries)
)
"""Deletes the oldest events whose time is over, but those that are still to be delivered; its parameter is `period`."""
