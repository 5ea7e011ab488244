"""Every SQL statement that counts what is open, or looks whether something is due.

Each reads an index of what is open, never what has ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from mesh.storage.database import Session, Statement, statement
from mesh.storage.schema import NOW
from payment_svc.domain.dispute import DECIDED, DisputeStatus
from payment_svc.domain.refund import RefundStatus
from payment_svc.tables import attempts, backups, disputes, operations, payments, provider_events, refunds, reviews


class Open(NamedTuple):
    """How many of a kind are open at a provider, and how old the oldest is."""

    provider: str
    kind: str
    accounts: str
    """Whose account it is about, where that makes a difference: `platform` or `merchants`."""
    number: int
    oldest: timedelta


class Disputed(NamedTuple):
    """How many disputes stand so, how long there is to answer the most urgent of them, and for how many it is late."""

    kind: str
    number: int
    left: timedelta | None
    missed: int


class Due(NamedTuple):
    """Of what something is due."""

    webhooks: bool
    payments: bool
    operations: bool
    refunds: bool


def _open(of: tuple[Any, Any, Any], since: sa.ColumnElement[Any], source: Any, *conditions: Any) -> Statement[Open]:
    provider, kind, accounts = of
    columns = (provider.label("provider"), kind.label("kind"), accounts.label("accounts"))
    count, oldest = sa.func.count().label("number"), (NOW - sa.func.min(since)).label("oldest")
    query = sa.select(*columns, count, oldest).select_from(source).where(*conditions)
    return statement(query.group_by(*(sa.literal_column(number) for number in ("1", "2", "3"))), Open)


def _accounts(is_platform: sa.ColumnElement[bool]) -> sa.ColumnElement[str]:
    # whether a merchant's own account can be asked is the merchant's business
    return sa.case(
        (is_platform, sa.literal_column("'platform'", sa.Text)), else_=sa.literal_column("'merchants'", sa.Text)
    )


_nothing = sa.literal_column("''", sa.Text)
_action = sa.literal_column("'REQUIRES_ACTION'", sa.Text)
_status = sa.case((payments.c.requires_action, _action), else_=payments.c.status)
_PAYMENTS = _open(
    (payments.c.provider, _status, _nothing), payments.c.create_time, payments, payments.c.next_check_time.is_not(None)
)
_OPERATIONS = _open(
    (attempts.c.provider, operations.c.kind, _accounts(attempts.c.account_id.is_(None))),
    operations.c.create_time,
    # of the attempt that was asked: a payment may have moved on to another account meanwhile
    operations.join(
        attempts,
        sa.and_(attempts.c.payment_id == operations.c.payment_id, attempts.c.number == operations.c.attempt),
    ),
    operations.c.next_try_time.is_not(None),
    operations.c.status == sa.literal_column("'UNKNOWN'"),
)
_REVIEWS = _open((_nothing, reviews.c.kind, _nothing), reviews.c.create_time, reviews, reviews.c.resolve_time.is_(None))
_EVENTS = _open(
    (provider_events.c.provider, _nothing, _accounts(provider_events.c.account == sa.literal_column("''"))),
    provider_events.c.receive_time,
    provider_events,
    provider_events.c.next_attempt_time.is_not(None),
)
_REFUNDS = _open(
    (payments.c.provider, _nothing, _nothing),
    refunds.c.create_time,
    refunds.join(payments, payments.c.payment_id == refunds.c.payment_id),
    refunds.c.next_check_time.is_not(None),
    refunds.c.status == sa.literal_column(f"'{RefundStatus.PENDING}'"),
)
# a name at the provider is an answer; what is only awaited then, such as a bank's transfer, is among `_REFUNDS`
_REFUNDS_UNKNOWN = _open(
    (payments.c.provider, sa.literal_column("'REFUND'", sa.Text), _accounts(payments.c.account_id.is_(None))),
    refunds.c.create_time,
    refunds.join(payments, payments.c.payment_id == refunds.c.payment_id),
    refunds.c.next_check_time.is_not(None),
    refunds.c.status == sa.literal_column(f"'{RefundStatus.PENDING}'"),
    refunds.c.provider_reference == sa.literal_column("''"),
)
_is_late = disputes.c.respond_before <= NOW
_UNDECIDED = sorted(frozenset(DisputeStatus) - DECIDED)
_undecided: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{status}'") for status in _UNDECIDED]
_DISPUTES = statement(
    sa.select(
        disputes.c.status.label("kind"),
        sa.func.count().label("number"),
        (sa.func.min(disputes.c.respond_before).filter(sa.not_(_is_late)) - NOW).label("left"),
        sa.func.count().filter(_is_late).label("missed"),
    )
    .where(disputes.c.status.in_(_undecided))
    .group_by(disputes.c.status),
    Disputed,
)


def _is_due(time: sa.Column[Any]) -> sa.ColumnElement[bool]:
    # the first of the index; to find out whether there is one, the planner would read the table, which ends at the
    # first that it meets: of those that have ended, none
    return sa.func.coalesce(sa.select(sa.func.min(time)).scalar_subquery() <= NOW, sa.false())


_DUE = statement(
    sa.select(
        _is_due(provider_events.c.next_attempt_time).label("webhooks"),
        _is_due(payments.c.next_check_time).label("payments"),
        _is_due(operations.c.next_try_time).label("operations"),
        _is_due(refunds.c.next_check_time).label("refunds"),
    ),
    Due,
)
_BACKUP_AGE = statement(
    sa.select(NOW - backups.c.backup_time).order_by(backups.c.backup_time.desc()).limit(1), timedelta
)


class MeasureRepository:
    """Counts in PostgreSQL. Methods run in the session that they are given."""

    async def due(self, session: Session) -> Due:
        """Return of what something is due now."""
        return await session.one(_DUE) or Due(True, True, True, True)

    async def payments(self, session: Session) -> list[Open]:
        """Return payments that have not ended, by provider and status."""
        return await session.all(_PAYMENTS)

    async def unknown(self, session: Session) -> list[Open]:
        """Return operations and refunds whose answer is not known, by provider, kind and whose account was asked."""
        return [*await session.all(_OPERATIONS), *await session.all(_REFUNDS_UNKNOWN)]

    async def reviews(self, session: Session) -> list[Open]:
        """Return questions to a person, by kind."""
        return await session.all(_REVIEWS)

    async def events(self, session: Session) -> list[Open]:
        """Return provider events that are not applied yet, by provider and by whose account they came for."""
        return await session.all(_EVENTS)

    async def refunds(self, session: Session) -> list[Open]:
        """Return refunds that have not ended, by the payment's provider."""
        return await session.all(_REFUNDS)

    async def backup_age(self, session: Session) -> timedelta | None:
        """Return how long ago this database was dumped; None where nobody has said so yet."""
        return await session.one(_BACKUP_AGE)

    async def disputes(self, session: Session) -> list[Disputed]:
        """Return disputes that are not decided, by status."""
        return await session.all(_DISPUTES)
