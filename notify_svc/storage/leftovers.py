"""Every SQL statement about what is still on its way to endpoints that get nothing any more: it is cancelled in parts.

Disabling writes the endpoint's row alone, and nobody is claimed for it from then on. A queue may have a million rows,
and whoever cancelled them in one go would hold up all that its merchant does, and might never get to the end.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from mesh.storage.database import Session, statement
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.storage.deliveries import QUEUES
from notify_svc.tables import deliveries, webhook_endpoints

PART = 5_000
"""How many deliveries are cancelled at once."""
_id = sa.bindparam("endpoint_id", type_=sa.UUID)
# the words of the partial index
_pending = deliveries.c.status == sa.literal_column("'PENDING'")
# nobody enables it meanwhile, and what is put on its way meanwhile is not there yet
_off = (
    sa.select(webhook_endpoints.c.endpoint_id)
    .where(webhook_endpoints.c.endpoint_id == _id, ~webhook_endpoints.c.enabled)
    .with_for_update(key_share=True)
    .cte("off")
    .prefix_with("MATERIALIZED")
)
_some = (
    sa.select(deliveries.c.delivery_id)
    .where(deliveries.c.endpoint_id == sa.select(_off.c.endpoint_id).scalar_subquery(), _pending)
    .order_by(deliveries.c.event_id)
    .limit(sa.bindparam("part", type_=sa.Integer))
)
_CANCEL = statement(
    sa.update(deliveries)
    # the condition once more: what arrived meanwhile is looked at anew
    .where(deliveries.c.delivery_id == sa.func.any(sa.func.array(_some.scalar_subquery())), _pending)
    .values(status=str(DeliveryStatus.CANCELLED), next_attempt_time=sa.null())
)
# of those that have a queue, which are few, and not of all that there ever were
_LEFT = statement(
    sa.select(webhook_endpoints.c.endpoint_id)
    .select_from(QUEUES.join(webhook_endpoints, webhook_endpoints.c.endpoint_id == QUEUES.c.endpoint_id))
    .where(~webhook_endpoints.c.enabled)
    .limit(100),
    UUID,
)


async def cancel_part(session: Session, endpoint_id: UUID) -> bool:
    """Cancel a part of what is on its way to an endpoint, if that is disabled; return whether there may be more."""
    return await session.run(_CANCEL, endpoint_id=endpoint_id, part=PART) == PART


async def endpoints_left(session: Session) -> list[UUID]:
    """Return endpoints that are disabled, and have something on its way nevertheless: some of them."""
    return await session.all(_LEFT)
