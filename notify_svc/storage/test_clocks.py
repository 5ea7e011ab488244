"""What of a merchant's notifications comes up sooner, when its test clock was advanced."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from mesh.storage import idempotency
from mesh.storage.ageing import MOST, earlier, sooner
from mesh.storage.database import Session, statement
from notify_svc.tables import deliveries, webhook_endpoints

_merchant = sa.bindparam("merchant_id", type_=sa.UUID)
_by = sa.bindparam("by", type_=sa.Interval)
_mine = sa.select(webhook_endpoints.c.endpoint_id).where(
    webhook_endpoints.c.merchant_id == _merchant, webhook_endpoints.c.delete_time.is_(None)
)
_ENDPOINTS = statement(
    sa.update(webhook_endpoints)
    .where(webhook_endpoints.c.endpoint_id.in_(_mine))
    .values(
        {
            name: earlier(webhook_endpoints.c[name], _by)
            for name in ("failing_since", "old_secret_expire_time", "token_expire_time")
        }
    )
)
# of those that failed before: a first attempt waits for nothing but its turn
_DELIVERIES = statement(
    sa.update(deliveries)
    .where(
        deliveries.c.delivery_id.in_(
            sa.select(deliveries.c.delivery_id)
            .where(
                deliveries.c.endpoint_id.in_(_mine),
                deliveries.c.status == sa.literal_column("'PENDING'"),
                deliveries.c.attempts > 0,
                deliveries.c.next_attempt_time.is_not(None),
            )
            .order_by(deliveries.c.delivery_id.desc())
            .limit(MOST)
        )
    )
    .values(next_attempt_time=sooner(deliveries.c.next_attempt_time, _by, sa.bindparam("lease", type_=sa.Interval)))
)


async def age(session: Session, merchant_id: UUID, by: timedelta, lease: timedelta) -> None:
    """Have what waits of a test merchant come up so much sooner, inside of the given transaction.

    What may be under way, as it is due within the length of a lease, stays as it is.
    """
    # endpoints are locked before their deliveries by everybody who locks both
    await session.run(_ENDPOINTS, merchant_id=merchant_id, by=by)
    await session.run(_DELIVERIES, merchant_id=merchant_id, by=by, lease=lease)
    await idempotency.age(session, merchant_id, by)
