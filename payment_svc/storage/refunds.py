"""Every SQL statement about refunds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import ARRAY

from mesh.ids import parse_uuid
from mesh.money import Money
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.listing import Listing, Pages
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW
from payment_svc.domain.payment import Failure, Payment
from payment_svc.domain.reconciliation import Given
from payment_svc.domain.refund import OPEN_REFUNDS, SURPLUS, TAKEN_BACK, Refund, RefundStatus
from payment_svc.tables import refunds


class RefundRow(NamedTuple):
    """A refund as it is stored, with how often it has been looked up."""

    refund_id: UUID
    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    amount_minor: int
    currency: str
    status: str
    reason: str
    provider_reference: str
    failure: dict[str, str] | None
    version: int
    create_time: datetime
    update_time: datetime
    checks: int
    sends: int
    send_time: datetime | None
    attempt: int | None
    is_owed: bool | None
    merchant_order_id: str
    success_time: datetime | None
    reverse_time: datetime | None


@dataclass(frozen=True, slots=True)
class Sums:
    """Minor units of a payment's refunds: `taken` by all that may still succeed, `given` by those that did.

    `unnamed` is the part of `taken` that no object at the provider is known of yet.
    """

    taken: int
    given: int
    unnamed: int


class GivenRow(NamedTuple):
    """What went back of a payment's capture, or of an attempt's surplus, in minor units."""

    payment_id: UUID
    attempt: int | None
    made: int
    under_way: int
    written_off: int


_id = sa.bindparam("refund_id", type_=sa.UUID)
_payment = refunds.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID)
_limit = sa.bindparam("limit", type_=sa.Integer)

_now = sa.func.db_now()
_wait = sa.bindparam("wait", type_=sa.Interval)
_COLUMNS = columns_of(refunds, RefundRow)
_INSERT = statement(
    sa.insert(refunds).values(
        {**parameters_for(refunds, *RefundRow._fields, prefix="b_"), "next_check_time": _now + _wait}
    )
)
_LOCK = statement(sa.select(*_COLUMNS).where(refunds.c.refund_id == _id).with_for_update(), RefundRow)
_GET = statement(
    sa.select(*_COLUMNS).where(
        refunds.c.refund_id == _id, refunds.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
    ),
    RefundRow,
)
_PAYMENT_OF = statement(sa.select(refunds.c.payment_id).where(refunds.c.refund_id == _id), UUID)
_FIND = statement(
    sa.select(refunds.c.refund_id)
    .where(
        _payment,
        refunds.c.provider_reference == sa.bindparam("reference", type_=sa.Text),
        refunds.c.provider_reference != "",
    )
    .limit(1),
    UUID,
)
_UPDATE = statement(
    sa.update(refunds)
    .where(
        refunds.c.refund_id == sa.bindparam("b_refund_id", type_=sa.UUID),
        refunds.c.version == sa.bindparam("b_version", type_=sa.Integer) - 1,
    )
    .values(
        {
            **parameters_for(
                refunds,
                *("provider_reference", "status", "amount_minor", "failure", "version", "update_time"),
                *("success_time", "reverse_time"),
                prefix="b_",
            ),
            # an interval that is null ends the schedule
            "next_check_time": _now + _wait,
        }
    )
)
_SCHEDULE = statement(
    sa.update(refunds)
    .where(refunds.c.refund_id == _id, sa.or_(refunds.c.status == "PENDING", refunds.c.status == "NEEDS_REVIEW"))
    .values(next_check_time=_now + _wait)
)
_may_be_sent = sa.and_(
    refunds.c.refund_id == _id,
    # a person who is asked may be about to do it by hand
    refunds.c.status == "PENDING",
    # what has a name at its provider was made
    refunds.c.provider_reference == "",
)
_SEND = statement(
    sa.update(refunds)
    .where(_may_be_sent)
    .values(
        sends=refunds.c.sends + 1,
        send_time=sa.case((refunds.c.sends == 0, sa.func.db_now()), else_=refunds.c.send_time),
    )
    .returning(*_COLUMNS),
    RefundRow,
)
_NOT_SENT = statement(
    # where another try is counted beside it, that one may be under way
    sa.update(refunds).where(_may_be_sent, refunds.c.sends == 1).values(sends=0, send_time=sa.null())
)


def _sum(amounts: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    # a sum of bigint is a numeric, which comes as a Decimal
    return sa.cast(sa.func.coalesce(amounts, 0), sa.BigInteger)


_TAKEN = statement(
    sa.select(
        _sum(sa.func.sum(refunds.c.amount_minor)).label("taken"),
        _sum(sa.func.sum(refunds.c.amount_minor).filter(refunds.c.status == "SUCCESS")).label("given"),
        _sum(
            sa.func.sum(refunds.c.amount_minor).filter(
                refunds.c.status != "SUCCESS", refunds.c.provider_reference == ""
            )
        ).label("unnamed"),
    ).where(
        _payment,
        refunds.c.status != "FAILED",
        refunds.c.attempt.is_not_distinct_from(sa.bindparam("attempt", type_=sa.Integer)),
    ),
    Sums,
)
# what nobody asked for was written down; a merchant's own refund may have the same reason
_taken_back = sa.and_(
    refunds.c.status == "SUCCESS", refunds.c.sends == 0, refunds.c.reason.startswith(TAKEN_BACK, autoescape=True)
)
_WRITTEN_OFF = statement(sa.select(*_COLUMNS).where(_payment, _taken_back), RefundRow)
_GIVEN = statement(
    sa.select(
        refunds.c.payment_id,
        refunds.c.attempt,
        _sum(sa.func.sum(refunds.c.amount_minor).filter(refunds.c.status == "SUCCESS")).label("made"),
        _sum(sa.func.sum(refunds.c.amount_minor).filter(refunds.c.status != "SUCCESS")).label("under_way"),
        _sum(sa.func.sum(refunds.c.amount_minor).filter(_taken_back)).label("written_off"),
    )
    .where(
        refunds.c.payment_id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.UUID))),
        refunds.c.status != "FAILED",
    )
    .group_by(refunds.c.payment_id, refunds.c.attempt),
    GivenRow,
)
_due = (
    sa.select(refunds.c.refund_id)
    .where(refunds.c.next_check_time <= NOW)
    .order_by(refunds.c.next_check_time)
    .limit(_limit)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = statement(
    sa.update(refunds)
    .where(refunds.c.refund_id.in_(_due))
    .values(next_check_time=_now + _wait, checks=refunds.c.checks + 1)
    .returning(*_COLUMNS),
    RefundRow,
)


PAGES = Pages(refunds, "refund_id", RefundRow, _COLUMNS)


@dataclass(frozen=True, slots=True)
class DueRefund:
    """A refund that is due to be looked up, and how often it has been."""

    refund: Refund
    checks: int


def _refund(row: RefundRow) -> Refund:
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
        sends=row.sends,
        send_time=row.send_time,
        attempt=row.attempt,
        is_owed=_is_owed(row),
        merchant_order_id=row.merchant_order_id,
        success_time=row.success_time,
        reverse_time=row.reverse_time,
    )


def _is_owed(row: RefundRow) -> bool:
    # the version before tells it by the words alone
    return row.reason == SURPLUS if row.is_owed is None else row.is_owed


def _changing(refund: Refund, wait: timedelta | None) -> dict[str, object]:
    return {
        "b_refund_id": refund.refund_id,
        "b_provider_reference": refund.provider_reference,
        "b_status": str(refund.status),
        "b_amount_minor": refund.amount.minor,
        "b_failure": Jsonb(asdict(refund.failure)) if refund.failure else None,
        "b_version": refund.version,
        "b_update_time": refund.update_time,
        "b_success_time": refund.success_time,
        "b_reverse_time": refund.reverse_time,
        "wait": wait if refund.status in OPEN_REFUNDS else None,
    }


class RefundRepository:
    """Refunds in PostgreSQL. Methods run in the session that they are given."""

    async def insert(self, session: Session, refund: Refund, wait: timedelta) -> None:
        """Store a new refund, looked at after `wait`."""
        await session.run(
            _INSERT,
            **_changing(refund, wait),
            b_sends=refund.sends,
            b_send_time=refund.send_time,
            b_attempt=refund.attempt,
            b_is_owed=refund.is_owed,
            b_merchant_order_id=refund.merchant_order_id,
            b_payment_id=refund.payment_id,
            b_merchant_id=refund.merchant_id,
            b_order_id=refund.order_id,
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

    async def payment_of(self, session: Session, refund_id: UUID) -> UUID | None:
        """Return the payment of a refund: it is locked before the refund is."""
        return await session.one(_PAYMENT_OF, refund_id=refund_id)

    async def find(self, session: Session, payment_id: UUID, reference: str) -> UUID | None:
        """Return the refund of a payment behind a provider's object."""
        return await session.one(_FIND, payment_id=payment_id, reference=reference)

    async def update(self, session: Session, refund: Refund, wait: timedelta) -> None:
        """Store the refund's next version; while it is open it is looked at after `wait`.

        Raises RuntimeError when somebody else stored it first.
        """
        if await session.run(_UPDATE, **_changing(refund, wait)) != 1:
            raise RuntimeError(f"refund {refund.refund_id} is no longer at version {refund.version - 1}")

    async def schedule(self, session: Session, refund_id: UUID, wait: timedelta) -> None:
        """Say when the refund is looked up next, if it is still open."""
        await session.run(_SCHEDULE, refund_id=refund_id, wait=wait)

    async def send(self, session: Session, refund_id: UUID) -> Refund | None:
        """Count one more try, before it is made; None when it has ended, is a person's question, or has a name."""
        row = await session.one(_SEND, refund_id=refund_id)
        return _refund(row) if row else None

    async def not_sent(self, session: Session, refund_id: UUID) -> None:
        """Note that the only try that was counted has certainly not reached the provider."""
        await session.run(_NOT_SENT, refund_id=refund_id)

    async def named(self, session: Session, payment: Payment, label: str, reference: str) -> Refund | None:
        """Return the refund of a payment that a provider's object is of, by our id or by the provider's."""
        for found in (parse_uuid(label), await self.find(session, payment.payment_id, reference)):
            refund = await self.get(session, payment.merchant_id, found) if found else None
            if refund and refund.payment_id == payment.payment_id:
                return refund
        return None

    async def sums(self, session: Session, payment_id: UUID, attempt: int | None = None) -> Sums:
        """Add up the refunds of a payment's capture, or of an attempt's surplus; hold the payment to rely on it."""
        return await session.one(_TAKEN, payment_id=payment_id, attempt=attempt) or Sums(0, 0, 0)

    async def given(self, session: Session, payment_ids: Sequence[UUID]) -> dict[UUID, dict[int | None, Given]]:
        """Return what went back of payments: of the attempts' surpluses, and under None of what the payments captured.

        What has no refund is left out.
        """
        found: dict[UUID, dict[int | None, Given]] = {}
        for row in await session.all(_GIVEN, ids=list(payment_ids)):
            found.setdefault(row.payment_id, {})[row.attempt] = Given(row.made, row.under_way, row.written_off)
        return found

    async def written_off(self, session: Session, payment_id: UUID) -> list[Refund]:
        """Return what the provider has taken back of a payment by itself, and is still gone."""
        return [_refund(row) for row in await session.all(_WRITTEN_OFF, payment_id=payment_id)]

    async def claim_due(self, session: Session, lease: timedelta, limit: int) -> list[DueRefund]:
        """Take refunds that are due to be looked up; no other replica sees them for as long as `lease`."""
        rows = await session.all(_CLAIM, wait=lease, limit=limit)
        return [DueRefund(_refund(row), row.checks) for row in rows]

    async def page(self, session: Session, listing: Listing, *, after: UUID | None, limit: int) -> list[Refund]:
        """Return the refunds of a listing, from the one after `after`."""
        return [_refund(row) for row in await PAGES.read(session, listing, after, limit)]
