"""Every SQL statement about disputes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.money import Money
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.listing import Listing, Pages
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW
from payment_svc.domain.dispute import DECIDED, Dispute, DisputeStatus
from payment_svc.tables import disputes


class DisputeRow(NamedTuple):
    """A dispute as it is stored."""

    dispute_id: UUID
    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    provider: str
    provider_reference: str
    amount_minor: int
    currency: str
    status: str
    reason: str
    respond_before: datetime | None
    version: int
    create_time: datetime
    update_time: datetime
    merchant_order_id: str
    withdrawn_minor: int
    withdraw_time: datetime | None
    reinstate_time: datetime | None
    in_refunds: bool


class VersionRow(NamedTuple):
    """How often a dispute has changed."""

    version: int


_COLUMNS = columns_of(disputes, DisputeRow)
# an interval that is null ends the schedule
_next = {"next_check_time": sa.func.db_now() + sa.bindparam("wait", type_=sa.Interval)}
_INSERT = statement(
    pg.insert(disputes)
    .values({**parameters_for(disputes, *DisputeRow._fields, prefix="b_"), **_next})
    .on_conflict_do_nothing(index_elements=["provider", "provider_reference"])
)
_GET = statement(
    sa.select(*_COLUMNS).where(
        disputes.c.dispute_id == sa.bindparam("dispute_id", type_=sa.UUID),
        disputes.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
    ),
    DisputeRow,
)
_LOCK = statement(
    sa.select(*_COLUMNS)
    .where(
        disputes.c.provider == sa.bindparam("provider", type_=sa.Text),
        disputes.c.provider_reference == sa.bindparam("reference", type_=sa.Text),
    )
    .with_for_update(),
    DisputeRow,
)
_VERSION = statement(
    sa.select(disputes.c.version).where(
        disputes.c.provider == sa.bindparam("provider", type_=sa.Text),
        disputes.c.provider_reference == sa.bindparam("reference", type_=sa.Text),
    ),
    VersionRow,
)
_UPDATE = statement(
    sa.update(disputes)
    .where(
        disputes.c.dispute_id == sa.bindparam("b_dispute_id", type_=sa.UUID),
        disputes.c.version == sa.bindparam("b_version", type_=sa.Integer) - 1,
    )
    .values(
        {
            **parameters_for(
                disputes,
                *("amount_minor", "status", "reason", "respond_before", "version", "update_time"),
                *("withdrawn_minor", "withdraw_time", "reinstate_time", "in_refunds"),
                prefix="b_",
            ),
            **_next,
        }
    )
)
_due = (
    sa.select(disputes.c.dispute_id)
    .where(
        disputes.c.next_check_time <= NOW,
        # the version before leaves what is decided on its schedule
        *(disputes.c.status != str(status) for status in sorted(DECIDED)),
    )
    .order_by(disputes.c.next_check_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = statement(
    sa.update(disputes).where(disputes.c.dispute_id.in_(_due)).values(_next).returning(*_COLUMNS), DisputeRow
)
_SCHEDULE = statement(
    sa.update(disputes)
    .where(
        disputes.c.dispute_id == sa.bindparam("dispute_id", type_=sa.UUID),
        # a change has said it anew
        disputes.c.version == sa.bindparam("version", type_=sa.Integer),
    )
    .values(_next)
)


PAGES = Pages(disputes, "dispute_id", DisputeRow, _COLUMNS)


def _dispute(row: DisputeRow) -> Dispute:
    return Dispute(
        dispute_id=row.dispute_id,
        payment_id=row.payment_id,
        merchant_id=row.merchant_id,
        order_id=row.order_id,
        provider=row.provider,
        provider_reference=row.provider_reference,
        amount=Money(row.amount_minor, row.currency),
        status=DisputeStatus(row.status),
        reason=row.reason,
        respond_before=row.respond_before,
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        merchant_order_id=row.merchant_order_id,
        withdrawn=row.withdrawn_minor,
        withdraw_time=row.withdraw_time,
        reinstate_time=row.reinstate_time,
        in_refunds=row.in_refunds,
    )


def _changing(dispute: Dispute) -> dict[str, object]:
    return {
        "b_dispute_id": dispute.dispute_id,
        "b_amount_minor": dispute.amount.minor,
        "b_status": str(dispute.status),
        "b_reason": dispute.reason,
        "b_respond_before": dispute.respond_before,
        "b_version": dispute.version,
        "b_update_time": dispute.update_time,
        "b_withdrawn_minor": dispute.withdrawn,
        **{f"b_{name}": getattr(dispute, name) for name in ("withdraw_time", "reinstate_time", "in_refunds")},
    }


class DisputeRepository:
    """Disputes in PostgreSQL. Methods run in the session that they are given."""

    async def insert(self, session: Session, dispute: Dispute, wait: timedelta | None) -> bool:
        """Store a new dispute, looked at after `wait`; return False when the provider's object is here already."""
        changed = await session.run(
            _INSERT,
            **_changing(dispute),
            wait=wait,
            b_payment_id=dispute.payment_id,
            b_merchant_id=dispute.merchant_id,
            b_order_id=dispute.order_id,
            b_provider=dispute.provider,
            b_provider_reference=dispute.provider_reference,
            b_currency=dispute.amount.currency,
            b_create_time=dispute.create_time,
            b_merchant_order_id=dispute.merchant_order_id,
        )
        return changed == 1

    async def get(self, session: Session, merchant_id: UUID, dispute_id: UUID) -> Dispute | None:
        """Return a merchant's dispute."""
        row = await session.one(_GET, merchant_id=merchant_id, dispute_id=dispute_id)
        return _dispute(row) if row else None

    async def version(self, session: Session, provider: str, reference: str) -> int:
        """Return the version of the dispute behind a provider's object; zero where it is not here."""
        row = await session.one(_VERSION, provider=provider, reference=reference)
        return row.version if row else 0

    async def lock(self, session: Session, provider: str, reference: str) -> Dispute | None:
        """Return the dispute behind a provider's object, and hold its row."""
        row = await session.one(_LOCK, provider=provider, reference=reference)
        return _dispute(row) if row else None

    async def update(self, session: Session, dispute: Dispute, wait: timedelta | None) -> None:
        """Store the dispute's next version, looked at after `wait`. Raises RuntimeError when it was stored already."""
        if await session.run(_UPDATE, **_changing(dispute), wait=wait) != 1:
            raise RuntimeError(f"dispute {dispute.dispute_id} is no longer at version {dispute.version - 1}")

    async def claim_due(self, session: Session, lease: timedelta, limit: int) -> list[Dispute]:
        """Take open disputes that are due to be looked at; no other replica sees them for as long as `lease`."""
        return [_dispute(row) for row in await session.all(_CLAIM, wait=lease, limit=limit)]

    async def schedule(self, session: Session, dispute: Dispute, wait: timedelta | None) -> None:
        """Say when the dispute is looked at next, unless it has changed."""
        await session.run(_SCHEDULE, dispute_id=dispute.dispute_id, version=dispute.version, wait=wait)

    async def page(self, session: Session, listing: Listing, *, after: UUID | None, limit: int) -> list[Dispute]:
        """Return the disputes of a listing, from the one after `after`."""
        return [_dispute(row) for row in await PAGES.read(session, listing, after, limit)]
