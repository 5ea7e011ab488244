"""Every SQL statement about refunds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb

from mesh.money import Money
from mesh.storage.database import Row, Session, Statement, parameters_for, statement
from mesh.storage.schema import TIME
from payment_svc.domain.payment import Failure
from payment_svc.domain.refund import OPEN_REFUNDS, Refund, RefundStatus
from payment_svc.tables import refunds

_id = sa.bindparam("refund_id", type_=sa.UUID)
_payment = refunds.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID)
_limit = sa.bindparam("limit", type_=sa.Integer)

_INSERT = statement(sa.insert(refunds).values(parameters_for(refunds, prefix="b_")))
_LOCK = statement(sa.select(refunds).where(refunds.c.refund_id == _id).with_for_update())
_GET = statement(
    sa.select(refunds).where(
        refunds.c.refund_id == _id, refunds.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
    )
)
_FIND = statement(
    sa.select(refunds.c.refund_id)
    .where(
        _payment,
        refunds.c.provider_reference == sa.bindparam("reference", type_=sa.Text),
        refunds.c.provider_reference != "",
    )
    .limit(1)
)
_UPDATE = statement(
    sa.update(refunds)
    .where(
        refunds.c.refund_id == sa.bindparam("b_refund_id", type_=sa.UUID),
        refunds.c.version == sa.bindparam("b_version", type_=sa.Integer) - 1,
    )
    .values(
        parameters_for(
            refunds,
            *("provider_reference", "status", "failure", "version", "update_time", "next_check_time"),
            prefix="b_",
        )
    )
)
_SCHEDULE = statement(
    sa.update(refunds)
    .where(refunds.c.refund_id == _id, refunds.c.status.in_(sorted(OPEN_REFUNDS)))
    .values(next_check_time=sa.bindparam("next_check_time", type_=TIME))
)
_TAKEN = statement(
    sa.select(
        sa.func.coalesce(sa.func.sum(refunds.c.amount_minor), 0).label("taken"),
        sa.func.coalesce(sa.func.sum(refunds.c.amount_minor).filter(refunds.c.status == "SUCCESS"), 0).label("given"),
    ).where(_payment, refunds.c.status != "FAILED")
)
_due = (
    sa.select(refunds.c.refund_id)
    .where(refunds.c.next_check_time <= sa.bindparam("now", type_=TIME))
    .order_by(refunds.c.next_check_time)
    .limit(_limit)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = statement(
    sa.update(refunds)
    .where(refunds.c.refund_id.in_(_due))
    .values(next_check_time=sa.bindparam("lease", type_=TIME), checks=refunds.c.checks + 1)
    .returning(refunds)
)


@cache
def _list(after: bool) -> Statement:
    query = sa.select(refunds).where(_payment)
    if after:
        query = query.where(refunds.c.refund_id < sa.bindparam("after", type_=sa.UUID))
    return statement(query.order_by(refunds.c.refund_id.desc()).limit(_limit))


@dataclass(frozen=True, slots=True)
class DueRefund:
    """A refund that is due to be looked up, and how often it has been."""

    refund: Refund
    checks: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Minor units of a payment's refunds: `taken` by all that may still succeed, `given` by those that did."""

    taken: int
    given: int


def _refund(row: Row) -> Refund:
    return Refund(
        refund_id=row.refund_id,
        payment_id=row.payment_id,
        merchant_id=row.merchant_id,
        order_id=row.order_id,
        amount=Money(row.amount_minor, row.currency),
        status=RefundStatus(row.status),
        reason=row.reason,
        provider_reference=row.provider_reference,
        failure=Failure(**row.failure) if row.failure else None,
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
    )


def _changing(refund: Refund, next_check: datetime | None) -> dict[str, object]:
    return {
        "b_refund_id": refund.refund_id,
        "b_provider_reference": refund.provider_reference,
        "b_status": str(refund.status),
        "b_failure": Jsonb(asdict(refund.failure)) if refund.failure else None,
        "b_version": refund.version,
        "b_update_time": refund.update_time,
        "b_next_check_time": next_check if refund.status in OPEN_REFUNDS else None,
    }


class RefundRepository:
    """Refunds in PostgreSQL. Methods run in the session that they are given."""

    async def insert(self, session: Session, refund: Refund, next_check: datetime) -> None:
        """Store a new refund."""
        await session.run(
            _INSERT,
            **_changing(refund, next_check),
            b_payment_id=refund.payment_id,
            b_merchant_id=refund.merchant_id,
            b_order_id=refund.order_id,
            b_amount_minor=refund.amount.minor,
            b_currency=refund.amount.currency,
            b_reason=refund.reason,
            b_create_time=refund.create_time,
            b_checks=0,
        )

    async def get(self, session: Session, merchant_id: UUID, refund_id: UUID) -> Refund | None:
        """Return a merchant's refund."""
        row = await session.one(_GET, merchant_id=merchant_id, refund_id=refund_id)
        return _refund(row) if row else None

    async def lock(self, session: Session, refund_id: UUID) -> Refund | None:
        """Return a refund and hold its row. Lock its payment first: that is the order everywhere."""
        row = await session.one(_LOCK, refund_id=refund_id)
        return _refund(row) if row else None

    async def find(self, session: Session, payment_id: UUID, reference: str) -> UUID | None:
        """Return the refund of a payment behind a provider's object."""
        row = await session.one(_FIND, payment_id=payment_id, reference=reference)
        return row.refund_id if row else None

    async def update(self, session: Session, refund: Refund, next_check: datetime | None) -> None:
        """Store the refund's next version. Raises RuntimeError when somebody else stored it first."""
        if await session.run(_UPDATE, **_changing(refund, next_check)) != 1:
            raise RuntimeError(f"refund {refund.refund_id} is no longer at version {refund.version - 1}")

    async def schedule(self, session: Session, refund_id: UUID, next_check: datetime) -> None:
        """Say when the refund is looked up next, if it is still open."""
        await session.run(_SCHEDULE, refund_id=refund_id, next_check_time=next_check)

    async def sums(self, session: Session, payment_id: UUID) -> Sums:
        """Add up a payment's refunds; hold the payment's row to rely on it."""
        row = await session.one(_TAKEN, payment_id=payment_id)
        return Sums(int(row.taken), int(row.given)) if row else Sums(0, 0)

    async def claim_due(self, session: Session, now: datetime, lease: datetime, limit: int) -> list[DueRefund]:
        """Take refunds that are due to be looked up; no other replica sees them until `lease`."""
        rows = await session.all(_CLAIM, now=now, lease=lease, limit=limit)
        return [DueRefund(_refund(row), row.checks) for row in rows]

    async def page(self, session: Session, payment_id: UUID, *, after: UUID | None, limit: int) -> list[Refund]:
        """Return a payment's refunds, newest first, from the one after `after`."""
        given = {"after": after} if after else {}
        rows = await session.all(_list(after is not None), payment_id=payment_id, limit=limit, **given)
        return [_refund(row) for row in rows]
