"""When this database was restored, and what was given back that it may not know."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from mesh.storage.database import Session, statement
from mesh.storage.schema import TIME
from payment_svc.tables import metadata, refunds, restores


class Restore(NamedTuple):
    """The last restore: what was committed between both times is not here."""

    restore_time: datetime
    backup_time: datetime


_keys = metadata.tables["idempotency_keys"]
_LAST = statement(
    sa.select(restores.c.restore_time, restores.c.backup_time).order_by(restores.c.restore_time.desc()).limit(1),
    Restore,
)
_UNCLAIMED = statement(
    sa.select(refunds.c.refund_id)
    .where(
        refunds.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID),
        refunds.c.amount_minor == sa.bindparam("amount", type_=sa.BigInteger),
        refunds.c.status != "FAILED",
        refunds.c.is_owed.is_not(sa.true()),
        refunds.c.create_time >= sa.bindparam("since", type_=TIME),
        refunds.c.create_time < sa.bindparam("until", type_=TIME),
        ~sa.exists(sa.select(_keys.c.key).where(_keys.c.resource_id == refunds.c.refund_id)),
    )
    .order_by(refunds.c.create_time)
    .limit(1),
    UUID,
)


async def last(session: Session) -> Restore | None:
    """Return the last restore of this database; None where there was none."""
    return await session.one(_LAST)


async def unclaimed(session: Session, payment_id: UUID, amount: int, since: datetime, until: datetime) -> UUID | None:
    """Return a merchant's refund of a payment, of that time and amount, that is the answer to no key."""
    return await session.one(_UNCLAIMED, payment_id=payment_id, amount=amount, since=since, until=until)
