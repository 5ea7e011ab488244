"""Every SQL statement about payments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from mesh.money import Money
from mesh.storage.database import Row, Session, Statement, parameters_for, statement
from mesh.storage.schema import TIME
from payment_svc.domain.payment import (
    TERMINAL,
    Attempt,
    AttemptStatus,
    CaptureMethod,
    Failure,
    Payment,
    PaymentStatus,
    Route,
)
from payment_svc.tables import payments

_id = sa.bindparam("payment_id", type_=sa.UUID)
_now = sa.bindparam("now", type_=TIME)
_limit = sa.bindparam("limit", type_=sa.Integer)


_INSERT = statement(sa.insert(payments).values(parameters_for(payments, prefix="b_")))
_LOCK = statement(sa.select(payments).where(payments.c.payment_id == _id).with_for_update())
_GET = statement(
    sa.select(payments).where(
        payments.c.payment_id == _id, payments.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
    )
)
_UPDATE = statement(
    sa.update(payments)
    .where(
        payments.c.payment_id == sa.bindparam("b_payment_id", type_=sa.UUID),
        payments.c.version == sa.bindparam("b_version", type_=sa.Integer) - 1,
    )
    .values(
        parameters_for(
            payments,
            *("provider", "provider_reference", "status", "captured_minor", "refunded_minor", "redirect_url"),
            *("failure", "version", "update_time", "attempts", "capture_before", "account_id", "next_check_time"),
            prefix="b_",
        )
    )
)
_SCHEDULE = statement(
    sa.update(payments)
    .where(payments.c.payment_id == _id)
    .values(next_check_time=sa.bindparam("next_check_time", type_=TIME))
)
_FIND = statement(
    sa.select(payments.c.payment_id)
    .where(
        payments.c.provider == sa.bindparam("provider", type_=sa.Text),
        payments.c.provider_reference == sa.bindparam("reference", type_=sa.Text),
        payments.c.provider_reference != "",
    )
    .limit(1)
)
_due = (
    sa.select(payments.c.payment_id)
    .where(payments.c.next_check_time <= _now)
    .order_by(payments.c.next_check_time)
    .limit(_limit)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = statement(
    sa.update(payments)
    .where(payments.c.payment_id.in_(_due))
    .values(next_check_time=sa.bindparam("lease", type_=TIME), checks=payments.c.checks + 1)
    .returning(payments)
)
_CREATED = statement(
    sa.select(payments)
    .where(
        payments.c.provider == sa.bindparam("provider", type_=sa.Text),
        payments.c.account_id.is_(None),
        payments.c.create_time >= sa.bindparam("since", type_=TIME),
        payments.c.create_time < sa.bindparam("until", type_=TIME),
    )
    .order_by(payments.c.create_time)
)
_BY_IDS = statement(
    sa.select(payments).where(payments.c.payment_id == sa.any_(sa.bindparam("ids", type_=pg.ARRAY(sa.UUID))))
)


@cache
def _list(by_order: bool, by_status: bool, after: bool) -> Statement:
    """Build a list page for a combination of filters; each has an index that ends in the payment id."""
    query = sa.select(payments).where(payments.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID))
    if by_order:
        query = query.where(payments.c.order_id == sa.bindparam("order_id", type_=sa.UUID))
    if by_status:
        query = query.where(payments.c.status == sa.bindparam("status", type_=sa.Text))
    if after:
        query = query.where(payments.c.payment_id < sa.bindparam("after", type_=sa.UUID))
    return statement(query.order_by(payments.c.payment_id.desc()).limit(_limit))


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A payment that is due to be looked up, and how often it has been."""

    payment: Payment
    checks: int


def _payment(row: Row) -> Payment:
    return Payment(
        payment_id=row.payment_id,
        merchant_id=row.merchant_id,
        order_id=row.order_id,
        provider=row.provider,
        provider_reference=row.provider_reference,
        amount=Money(row.amount_minor, row.currency),
        description=row.description,
        status=PaymentStatus(row.status),
        capture_method=CaptureMethod(row.capture_method),
        captured=row.captured_minor,
        refunded=row.refunded_minor,
        payment_method=row.payment_method,
        return_url=row.return_url,
        redirect_url=row.redirect_url,
        failure=Failure(**row.failure) if row.failure else None,
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        attempts=tuple(_attempt(stored) for stored in row.attempts),
        route=_route(row.route) if row.route else None,
        capture_before=row.capture_before,
        mode=row.mode,
        account_id=row.account_id,
    )


def _attempt(stored: dict[str, Any]) -> Attempt:
    return Attempt(
        number=stored["number"],
        provider=stored["provider"],
        provider_reference=stored["provider_reference"],
        status=AttemptStatus(stored["status"]),
        failure=Failure(**stored["failure"]) if stored["failure"] else None,
        create_time=datetime.fromisoformat(stored["create_time"]),
        end_time=datetime.fromisoformat(stored["end_time"]) if stored["end_time"] else None,
    )


def _stored(attempt: Attempt) -> dict[str, Any]:
    return asdict(attempt) | {
        "status": str(attempt.status),
        "create_time": attempt.create_time.isoformat(),
        "end_time": attempt.end_time.isoformat() if attempt.end_time else None,
    }


def _route(stored: dict[str, Any]) -> Route:
    return Route(stored["rule"], stored["reason"], tuple(stored["alternatives"]))


def _changing(payment: Payment, next_check: datetime | None) -> dict[str, object]:
    """Return the columns that a change of the payment writes."""
    return {
        "b_payment_id": payment.payment_id,
        "b_provider": payment.provider,
        "b_provider_reference": payment.provider_reference,
        "b_status": str(payment.status),
        "b_captured_minor": payment.captured,
        "b_refunded_minor": payment.refunded,
        "b_redirect_url": payment.redirect_url,
        "b_failure": Jsonb(asdict(payment.failure)) if payment.failure else None,
        "b_version": payment.version,
        "b_update_time": payment.update_time,
        "b_attempts": Jsonb([_stored(attempt) for attempt in payment.attempts]),
        "b_capture_before": payment.capture_before,
        "b_account_id": payment.account_id,
        "b_next_check_time": None if payment.status in TERMINAL else next_check,
    }


class PaymentRepository:
    """Payments and provider events in PostgreSQL. Methods run in the session that they are given."""

    async def insert(self, session: Session, payment: Payment, next_check: datetime) -> None:
        """Store a new payment. Raises psycopg's UniqueViolation when the order has a live one."""
        await session.run(
            _INSERT,
            **_changing(payment, next_check),
            b_merchant_id=payment.merchant_id,
            b_order_id=payment.order_id,
            b_amount_minor=payment.amount.minor,
            b_currency=payment.amount.currency,
            b_description=payment.description,
            b_capture_method=str(payment.capture_method),
            b_payment_method=payment.payment_method,
            b_return_url=payment.return_url,
            b_create_time=payment.create_time,
            b_mode=payment.mode,
            b_route=Jsonb(asdict(payment.route)) if payment.route else None,
            b_checks=0,
        )

    async def get(self, session: Session, merchant_id: UUID, payment_id: UUID) -> Payment | None:
        """Return a merchant's payment."""
        row = await session.one(_GET, merchant_id=merchant_id, payment_id=payment_id)
        return _payment(row) if row else None

    async def lock(self, session: Session, payment_id: UUID) -> Payment | None:
        """Return a payment and hold its row until the transaction ends."""
        row = await session.one(_LOCK, payment_id=payment_id)
        return _payment(row) if row else None

    async def update(self, session: Session, payment: Payment, next_check: datetime | None) -> None:
        """Store the payment's next version. Raises RuntimeError when somebody else stored it first."""
        if await session.run(_UPDATE, **_changing(payment, next_check)) != 1:
            raise RuntimeError(f"payment {payment.payment_id} is no longer at version {payment.version - 1}")

    async def schedule(self, session: Session, payment_id: UUID, next_check: datetime | None) -> None:
        """Say when the payment is looked up next."""
        await session.run(_SCHEDULE, payment_id=payment_id, next_check_time=next_check)

    async def find(self, session: Session, provider: str, reference: str) -> UUID | None:
        """Return the payment behind a provider's object."""
        row = await session.one(_FIND, provider=provider, reference=reference)
        return row.payment_id if row else None

    async def claim_due(self, session: Session, now: datetime, lease: datetime, limit: int) -> list[DueCheck]:
        """Take payments that are due to be looked up; no other replica sees them until `lease`."""
        rows = await session.all(_CLAIM, now=now, lease=lease, limit=limit)
        return [DueCheck(_payment(row), row.checks) for row in rows]

    async def page(
        self,
        session: Session,
        merchant_id: UUID,
        *,
        order_id: UUID | None,
        status: PaymentStatus | None,
        after: UUID | None,
        limit: int,
    ) -> list[Payment]:
        """Return the merchant's payments that match, newest first, from the one after `after`."""
        query = _list(order_id is not None, status is not None, after is not None)
        given = {"order_id": order_id, "status": status and str(status), "after": after}
        rows = await session.all(
            query, merchant_id=merchant_id, limit=limit, **{name: value for name, value in given.items() if value}
        )
        return [_payment(row) for row in rows]

    async def created(self, session: Session, provider: str, since: datetime, until: datetime) -> list[Payment]:
        """Return all payments through the platform's account that were created in a span of time, oldest first."""
        return [_payment(row) for row in await session.all(_CREATED, provider=provider, since=since, until=until)]

    async def by_ids(self, session: Session, payment_ids: Sequence[UUID]) -> list[Payment]:
        """Return the payments of these ids that there are."""
        return [_payment(row) for row in await session.all(_BY_IDS, ids=list(payment_ids))]
