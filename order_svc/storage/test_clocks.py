"""What of a merchant's orders and links comes to its end sooner, when its test clock was advanced."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from mesh.storage import idempotency
from mesh.storage.ageing import MOST, earlier
from mesh.storage.database import Session, statement
from mesh.storage.schema import NOW
from order_svc.domain import UNPAID
from order_svc.tables import link_turns, orders, payment_links

_merchant = sa.bindparam("merchant_id", type_=sa.UUID)
_by = sa.bindparam("by", type_=sa.Interval)
_unpaid = (
    sa.select(orders.c.order_id)
    .where(
        orders.c.merchant_id == _merchant,
        orders.c.status.in_([sa.literal_column(f"'{status}'") for status in sorted(UNPAID)]),
    )
    .order_by(orders.c.order_id.desc())
    .limit(MOST)
)
_links = (
    sa.select(payment_links.c.payment_link_id)
    .where(payment_links.c.merchant_id == _merchant, payment_links.c.expire_time > NOW)
    .order_by(payment_links.c.payment_link_id.desc())
    .limit(MOST)
)
# a link is locked after its orders, here and everywhere
_STATEMENTS = (
    statement(
        sa.update(orders).where(orders.c.order_id.in_(_unpaid)).values(expire_time=earlier(orders.c.expire_time, _by)),
    ),
    statement(
        sa.update(link_turns)
        .where(link_turns.c.order_id.in_(_unpaid))
        .values(turn_time=earlier(link_turns.c.turn_time, _by)),
    ),
    statement(
        sa.update(payment_links)
        .where(payment_links.c.payment_link_id.in_(_links))
        .values(expire_time=earlier(payment_links.c.expire_time, _by)),
    ),
)


async def age(session: Session, merchant_id: UUID, by: timedelta) -> None:
    """Have what is unpaid of a test merchant end so much sooner, inside of the given transaction."""
    for each in _STATEMENTS:
        await session.run(each, merchant_id=merchant_id, by=by)
    await idempotency.age(session, merchant_id, by)
