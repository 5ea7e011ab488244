"""Every SQL statement about payments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql as pg

from mesh.money import Money
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.listing import Listing, Pages
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW
from payment_svc.domain.payment import (
    TERMINAL,
    Action,
    ActionKind,
    Attempt,
    AttemptStatus,
    CaptureMethod,
    Failure,
    Payment,
    PaymentStatus,
    Route,
)
from payment_svc.tables import attempts, payments


class PaymentRow(NamedTuple):
    """A payment as it is stored, with how often it has been looked up."""

    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    provider: str
    provider_reference: str
    amount_minor: int
    currency: str
    description: str
    status: str
    capture_method: str
    captured_minor: int
    refunded_minor: int
    payment_method: str
    return_url: str
    redirect_url: str
    failure: dict[str, str] | None
    version: int
    create_time: datetime
    update_time: datetime
    attempts: list[dict[str, Any]]
    route: dict[str, Any] | None
    capture_before: datetime | None
    mode: str
    account_id: UUID | None
    requires_action: bool
    action: dict[str, str] | None
    surplus: bool
    unwanted: bool
    cancel_url: str
    merchant_order_id: str
    checks: int


COLUMNS = columns_of(payments, PaymentRow)
"""What a payment is read from."""
_id = sa.bindparam("payment_id", type_=sa.UUID)
_now = sa.func.db_now()
_wait = sa.bindparam("wait", type_=sa.Interval)
_is_live = sa.text("payments.status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED')")

GIVEN = sorted(set(payments.c.keys()) - {"next_check_time", "driving_until", "failing_since", "capture_time"})
"""The columns of a new payment that are no time to come; a trigger keeps that of its capture."""
# null: nobody does
_leaves = payments.c.driver == sa.bindparam("leaving", type_=sa.UUID)
_LOCK = statement(sa.select(*COLUMNS).where(payments.c.payment_id == _id).with_for_update(), PaymentRow)
_READ = statement(sa.select(*COLUMNS).where(payments.c.payment_id == _id), PaymentRow)
_GET = statement(
    sa.select(*COLUMNS).where(
        payments.c.payment_id == _id, payments.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)
    ),
    PaymentRow,
)
_UPDATE = statement(
    sa.update(payments)
    .where(
        payments.c.payment_id == sa.bindparam("b_payment_id", type_=sa.UUID),
        payments.c.version == sa.bindparam("b_version", type_=sa.Integer) - sa.bindparam("steps", type_=sa.Integer),
    )
    .values(
        {
            **parameters_for(
                payments,
                *("provider", "provider_reference", "status", "captured_minor", "refunded_minor", "redirect_url"),
                *("failure", "version", "update_time", "attempts", "capture_before", "account_id"),
                *("requires_action", "action", "surplus"),
                prefix="b_",
            ),
            "next_check_time": _now + _wait,
            **{name: sa.case((_leaves, sa.null()), else_=payments.c[name]) for name in ("driver", "driving_until")},
        }
    )
)
_SCHEDULE = statement(
    sa.update(payments).where(payments.c.payment_id == _id, _is_live).values(next_check_time=_now + _wait)
)
_UNWANTED = statement(
    sa.update(payments)
    .where(payments.c.payment_id == _id, _is_live)
    .values(unwanted=True)
    .returning(payments.c.provider_reference),
    str,
)
_FIND = statement(
    sa.select(attempts.c.payment_id)
    .where(
        attempts.c.provider == sa.bindparam("provider", type_=sa.Text),
        attempts.c.provider_reference == sa.bindparam("reference", type_=sa.Text),
        attempts.c.provider_reference != "",
    )
    .limit(1),
    UUID,
)
_BEHIND = statement(
    sa.select(attempts.c.payment_id)
    .join(payments, payments.c.payment_id == attempts.c.payment_id)
    .where(
        attempts.c.provider == sa.any_(sa.bindparam("providers", type_=pg.ARRAY(sa.Text))),
        attempts.c.provider_reference == sa.bindparam("reference", type_=sa.Text),
        attempts.c.provider_reference != "",
        payments.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID),
    )
    # two providers may call two payments alike: then the newest
    .order_by(attempts.c.payment_id.desc())
    .limit(1),
    UUID,
)
_OF_ORDER = statement(
    sa.select(*COLUMNS).where(payments.c.order_id == sa.bindparam("order_id", type_=sa.UUID)), PaymentRow
)
_due = (
    sa.select(payments.c.payment_id)
    .where(payments.c.next_check_time <= NOW)
    .order_by(payments.c.next_check_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = statement(
    sa.update(payments)
    .where(payments.c.payment_id.in_(_due))
    .values(next_check_time=_now + _wait, checks=payments.c.checks + 1)
    .returning(*COLUMNS),
    PaymentRow,
)
_BY_IDS = statement(
    sa.select(*COLUMNS).where(payments.c.payment_id == sa.any_(sa.bindparam("ids", type_=pg.ARRAY(sa.UUID)))),
    PaymentRow,
)
_SHOWN = sa.case(
    (sa.and_(payments.c.status == "PROCESSING", payments.c.requires_action), "REQUIRES_ACTION"), else_=payments.c.status
)
PAGES = Pages(payments, "payment_id", PaymentRow, COLUMNS, _SHOWN)
_KEPT_AS = {"REQUIRES_ACTION": "PROCESSING"}
"""What the version before does not know is kept as what it knows, with a column beside it."""


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A payment that is due to be looked up, and how often it has been."""

    payment: Payment
    checks: int


def as_payment(row: PaymentRow) -> Payment:
    """Return the payment of a row."""
    return Payment(
        payment_id=row.payment_id,
        merchant_id=row.merchant_id,
        order_id=row.order_id,
        provider=row.provider,
        provider_reference=row.provider_reference,
        amount=Money(row.amount_minor, row.currency),
        description=row.description,
        status=_status(row),
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
        attempts=tuple(_attempt(stored, row) for stored in row.attempts),
        route=_route(row.route) if row.route else None,
        capture_before=row.capture_before,
        mode=row.mode,
        account_id=row.account_id,
        action=Action(ActionKind(row.action["kind"]), *(row.action[name] for name in _ACTION)) if row.action else None,
        surplus=row.surplus,
        unwanted=row.unwanted,
        **{name: getattr(row, name) for name in ("cancel_url", "merchant_order_id")},
    )


_ACTION = ("type", "url", "client_secret")


def _status(row: PaymentRow) -> PaymentStatus:
    """Return the status: what the version before does not know is kept as what it knows, with a column beside it."""
    status = PaymentStatus(row.status)
    return PaymentStatus.REQUIRES_ACTION if status == PaymentStatus.PROCESSING and row.requires_action else status


def _attempt(stored: dict[str, Any], row: PaymentRow) -> Attempt:
    own = row.account_id if stored["provider"] == row.provider else None
    account = stored.get("account_id", own and str(own))
    return Attempt(
        number=stored["number"],
        provider=stored["provider"],
        provider_reference=stored["provider_reference"],
        status=AttemptStatus(stored["status"]),
        failure=Failure(**stored["failure"]) if stored["failure"] else None,
        create_time=datetime.fromisoformat(stored["create_time"]),
        end_time=datetime.fromisoformat(stored["end_time"]) if stored["end_time"] else None,
        account_id=UUID(account) if account else None,
        held=stored.get("held", 0),
        surplus=stored.get("surplus", 0),
        capture_time=datetime.fromisoformat(captured) if (captured := stored.get("capture_time")) else None,
    )


def _stored(attempt: Attempt) -> dict[str, Any]:
    return {
        **{name: getattr(attempt, name) for name in ("number", "provider", "provider_reference", "held", "surplus")},
        "failure": asdict(attempt.failure) if attempt.failure else None,
        "status": str(attempt.status),
        "create_time": attempt.create_time.isoformat(),
        "end_time": attempt.end_time.isoformat() if attempt.end_time else None,
        **({"capture_time": attempt.capture_time.isoformat()} if attempt.capture_time else {}),
        "account_id": str(attempt.account_id) if attempt.account_id else None,
    }


def _route(stored: dict[str, Any]) -> Route:
    return Route(stored["rule"], stored["reason"], tuple(stored["alternatives"]))


def _changing(payment: Payment, wait: timedelta | None) -> dict[str, object]:
    """Return the columns that a change of the payment writes."""
    waits = payment.status == PaymentStatus.REQUIRES_ACTION
    return {
        "b_payment_id": payment.payment_id,
        "b_provider": payment.provider,
        "b_provider_reference": payment.provider_reference,
        "b_status": str(PaymentStatus.PROCESSING if waits else payment.status),
        "b_requires_action": waits,
        "b_action": Jsonb(asdict(payment.action)) if payment.action else None,
        "b_surplus": payment.surplus,
        "b_captured_minor": payment.captured,
        "b_refunded_minor": payment.refunded,
        "b_redirect_url": payment.redirect_url,
        "b_failure": Jsonb(asdict(payment.failure)) if payment.failure else None,
        "b_version": payment.version,
        "b_update_time": payment.update_time,
        "b_attempts": Jsonb([_stored(attempt) for attempt in payment.attempts]),
        "b_capture_before": payment.capture_before,
        "b_account_id": payment.account_id,
        "wait": None if payment.status in TERMINAL else wait,
    }


_AS_THEY_ARE = (
    *("merchant_id", "order_id", "merchant_order_id", "description", "payment_method", "return_url", "cancel_url"),
    *("create_time", "mode", "unwanted"),
)


def new_values(payment: Payment, wait: timedelta) -> dict[str, object]:
    """Return what is stored of a new payment, but for who drives it."""
    return {
        **_changing(payment, wait),
        **{f"b_{name}": getattr(payment, name) for name in _AS_THEY_ARE},
        "b_amount_minor": payment.amount.minor,
        "b_currency": payment.amount.currency,
        "b_capture_method": str(payment.capture_method),
        "b_route": Jsonb(asdict(payment.route)) if payment.route else None,
        "b_checks": 0,
    }


def _check(payment: Payment, steps: int, count: int) -> None:
    if count != 1:
        raise RuntimeError(f"payment {payment.payment_id} is no longer at version {payment.version - steps}")


class PaymentRepository:
    """Payments and provider events in PostgreSQL. Methods run in the session that they are given."""

    async def get(self, session: Session, merchant_id: UUID, payment_id: UUID) -> Payment | None:
        """Return a merchant's payment."""
        row = await session.one(_GET, merchant_id=merchant_id, payment_id=payment_id)
        return as_payment(row) if row else None

    async def read(self, session: Session, payment_id: UUID) -> Payment | None:
        """Return a payment, whosever it is."""
        row = await session.one(_READ, payment_id=payment_id)
        return as_payment(row) if row else None

    async def lock(self, session: Session, payment_id: UUID) -> Payment | None:
        """Return a payment and hold its row until the transaction ends."""
        row = await session.one(_LOCK, payment_id=payment_id)
        return as_payment(row) if row else None

    def lock_soon(self, session: Session, payment_id: UUID) -> Callable[[], Payment | None]:
        """Do as `lock` does, with what is asked next; what is returned gives the payment then."""
        asked = session.soon(_LOCK, payment_id=payment_id)
        return lambda: as_payment(asked.rows[0]) if asked.rows else None

    async def update(
        self, session: Session, payment: Payment, wait: timedelta | None, leaving: UUID | None = None
    ) -> None:
        """Store the payment's next version; unless it has ended it is looked at after `wait`.

        Who is `leaving` gives the lease on it back. Raises RuntimeError when somebody else stored it first.
        """
        _check(payment, 1, await session.run(_UPDATE, **_changing(payment, wait), leaving=leaving, steps=1))

    def update_soon(
        self, session: Session, payment: Payment, wait: timedelta | None, leaving: UUID | None = None, steps: int = 1
    ) -> Callable[[], None]:
        """Do as `update` does, together with what the transaction asks next; what is returned raises then."""
        asked = session.soon(_UPDATE, **_changing(payment, wait), leaving=leaving, steps=steps)
        return lambda: _check(payment, steps, asked.count)

    async def mark_unwanted(self, session: Session, payment_id: UUID) -> str | None:
        """Note that its order has no use for a payment; return the name of its object, None when it has ended.

        It is no version of the payment: what is written meanwhile leaves it as it is.
        """
        return await session.one(_UNWANTED, payment_id=payment_id)

    async def schedule(self, session: Session, payment_id: UUID, wait: timedelta) -> None:
        """Say when the payment is looked up next, unless it has ended."""
        await session.run(_SCHEDULE, payment_id=payment_id, wait=wait)

    async def live_of_order(self, session: Session, order_id: UUID) -> Payment | None:
        """Return the payment of an order that has not ended: there is one at the most."""
        rows = await session.all(_OF_ORDER, order_id=order_id)
        return next((payment for row in rows if (payment := as_payment(row)).status not in TERMINAL), None)

    async def others_of_order(self, session: Session, payment: Payment) -> list[Payment]:
        """Return the other payments of a payment's order."""
        rows = await session.all(_OF_ORDER, order_id=payment.order_id)
        return [as_payment(row) for row in rows if row.payment_id != payment.payment_id]

    async def find(self, session: Session, provider: str, reference: str) -> UUID | None:
        """Return the payment behind an object of a provider: of its attempt now, or of one before."""
        return await session.one(_FIND, provider=provider, reference=reference)

    async def behind(
        self, session: Session, merchant_id: UUID, providers: Sequence[str], reference: str
    ) -> UUID | None:
        """Return the merchant's payment that has an object of this name at one of the providers."""
        return await session.one(_BEHIND, merchant_id=merchant_id, providers=list(providers), reference=reference)

    async def claim_due(self, session: Session, lease: timedelta, limit: int) -> list[DueCheck]:
        """Take payments that are due to be looked up; no other replica sees them for as long as `lease`."""
        rows = await session.all(_CLAIM, wait=lease, limit=limit)
        return [DueCheck(as_payment(row), row.checks) for row in rows]

    async def page(self, session: Session, listing: Listing, *, after: UUID | None, limit: int) -> list[Payment]:
        """Return the payments of a listing, from the one after `after`."""
        return [as_payment(row) for row in await PAGES.read(session, listing, after, limit, _KEPT_AS)]

    async def by_ids(self, session: Session, payment_ids: Sequence[UUID]) -> list[Payment]:
        """Return the payments of these ids that there are."""
        return [as_payment(row) for row in await session.all(_BY_IDS, ids=list(payment_ids))]
