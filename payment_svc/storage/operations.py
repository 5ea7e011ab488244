"""Every SQL statement about operations, and about the lease that says who makes calls for a payment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb

from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.rows import columns_of
from mesh.storage.schema import NOW
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import Failure
from payment_svc.tables import operations, payments


class OperationRow(NamedTuple):
    """An operation as it is stored, without when it is asked again."""

    operation_id: UUID
    payment_id: UUID
    attempt: int
    kind: str
    amount_minor: int
    status: str
    sends: int
    requester: str
    failure: dict[str, str] | None
    create_time: datetime
    update_time: datetime


_now = sa.func.db_now()
_wait = sa.bindparam("wait", type_=sa.Interval)
_id = sa.bindparam("operation_id", type_=sa.UUID)
_payment_id = sa.bindparam("payment_id", type_=sa.UUID)
_COLUMNS = columns_of(operations, OperationRow)
_is_open = sa.or_(operations.c.status == "SENT", operations.c.status == "UNKNOWN")

_INSERT = statement(
    sa.insert(operations).values(
        {**parameters_for(operations, *OperationRow._fields, prefix="b_"), "next_try_time": _now + _wait},
    )
)
_GET = statement(sa.select(*_COLUMNS).where(operations.c.operation_id == _id).with_for_update(), OperationRow)
_OPEN = statement(
    sa.select(*_COLUMNS)
    .where(operations.c.payment_id == _payment_id, _is_open)
    .order_by(operations.c.create_time)
    .with_for_update(),
    OperationRow,
)
_OF_PAYMENT = statement(
    sa.select(*_COLUMNS).where(operations.c.payment_id == _payment_id).order_by(operations.c.create_time),
    OperationRow,
)
_END = statement(
    sa.update(operations)
    .where(operations.c.operation_id == sa.bindparam("b_operation_id", type_=sa.UUID), _is_open)
    .values(
        {
            **parameters_for(operations, "status", "failure", "update_time", prefix="b_"),
            # an interval that is null ends the schedule
            "next_try_time": _now + _wait,
        }
    )
)
_SEND = statement(
    sa.update(operations)
    .where(operations.c.operation_id == _id, _is_open)
    .values(sends=operations.c.sends + 1, next_try_time=_now + _wait)
    .returning(*_COLUMNS),
    OperationRow,
)
_POSTPONE = statement(
    sa.update(operations).where(operations.c.operation_id == _id, _is_open).values(next_try_time=_now + _wait)
)
_due = (
    sa.select(operations.c.operation_id)
    .where(operations.c.next_try_time <= NOW)
    .order_by(operations.c.next_try_time)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = statement(
    sa.update(operations)
    .where(operations.c.operation_id.in_(_due))
    .values(next_try_time=_now + _wait)
    .returning(*_COLUMNS),
    OperationRow,
)

_driver = sa.bindparam("driver", type_=sa.UUID)
_TAKE = statement(
    sa.update(payments)
    .where(
        payments.c.payment_id == _payment_id,
        sa.or_(payments.c.driving_until.is_(None), payments.c.driving_until < _now, payments.c.driver == _driver),
    )
    .values(driver=_driver, driving_until=_now + _wait)
)
_IS_FREE = statement(
    sa.select(sa.or_(payments.c.driving_until.is_(None), payments.c.driving_until < NOW).label("free")).where(
        payments.c.payment_id == _payment_id
    ),
    bool,
)
_LEAVE = statement(
    sa.update(payments)
    .where(payments.c.payment_id == _payment_id, payments.c.driver == _driver)
    .values(driver=sa.null(), driving_until=sa.null())
)


def _operation(row: OperationRow) -> Operation:
    return Operation(
        operation_id=row.operation_id,
        payment_id=row.payment_id,
        attempt=row.attempt,
        kind=OperationKind(row.kind),
        amount=row.amount_minor,
        status=OperationStatus(row.status),
        sends=row.sends,
        requester=Requester(row.requester),
        failure=Failure(**row.failure) if row.failure else None,
        create_time=row.create_time,
        update_time=row.update_time,
    )


def values(operation: Operation) -> Mapping[str, object]:
    """Return what is stored of a new operation, but for when it is asked again."""
    return {
        **{f"b_{name}": getattr(operation, name) for name in ("operation_id", "payment_id", "attempt", "sends")},
        **{f"b_{name}": getattr(operation, name) for name in ("create_time", "update_time")},
        "b_kind": str(operation.kind),
        "b_amount_minor": operation.amount,
        "b_requester": str(operation.requester),
        "b_status": str(operation.status),
        "b_failure": _failure(operation),
    }


class OperationRepository:
    """Operations in PostgreSQL. Methods run in the session that they are given; times to wait are the database's."""

    async def insert(self, session: Session, operation: Operation, wait: timedelta) -> None:
        """Store a new operation, asked again after `wait`. Raises UniqueViolation when one is open already."""
        await session.run(_INSERT, **values(operation), wait=wait)

    async def lock(self, session: Session, operation_id: UUID) -> Operation | None:
        """Return an operation and hold its row until the transaction ends."""
        row = await session.one(_GET, operation_id=operation_id)
        return _operation(row) if row else None

    async def lock_open(self, session: Session, payment_id: UUID) -> list[Operation]:
        """Return the open operations of a payment, oldest first, and hold their rows."""
        return [_operation(row) for row in await session.all(_OPEN, payment_id=payment_id)]

    async def of_payment(self, session: Session, payment_id: UUID) -> list[Operation]:
        """Return all operations of a payment, oldest first."""
        return [_operation(row) for row in await session.all(_OF_PAYMENT, payment_id=payment_id)]

    async def end(self, session: Session, operation: Operation, wait: timedelta | None = None) -> None:
        """Have stored how an operation ended; with `wait` it stays open, and is asked again after that."""
        await session.carry_out(
            _END,
            b_operation_id=operation.operation_id,
            b_status=str(operation.status),
            b_failure=_failure(operation),
            b_update_time=operation.update_time,
            wait=wait if operation.is_open else None,
        )

    async def send(self, session: Session, operation_id: UUID, wait: timedelta) -> Operation | None:
        """Count one more try, before it is made; None when the operation has ended."""
        row = await session.one(_SEND, operation_id=operation_id, wait=wait)
        return _operation(row) if row else None

    async def postpone(self, session: Session, operation_id: UUID, wait: timedelta) -> None:
        """Say when an open operation is asked again."""
        await session.run(_POSTPONE, operation_id=operation_id, wait=wait)

    async def claim_due(self, session: Session, lease: timedelta, limit: int) -> list[Operation]:
        """Take operations that are due to be asked again; no other replica sees them for as long as `lease`."""
        return [_operation(row) for row in await session.all(_CLAIM, wait=lease, limit=limit)]

    async def take(self, session: Session, payment_id: UUID, driver: UUID, lease: timedelta) -> bool:
        """Take, or renew, the lease on a payment; return False while somebody else has it."""
        return await session.run(_TAKE, payment_id=payment_id, driver=driver, wait=lease) == 1

    async def is_free(self, session: Session, payment_id: UUID) -> bool:
        """Whether nobody has the lease on a payment now."""
        return bool(await session.one(_IS_FREE, payment_id=payment_id))

    async def leave(self, session: Session, payment_id: UUID, driver: UUID) -> None:
        """Give the lease on a payment back."""
        await session.run(_LEAVE, payment_id=payment_id, driver=driver)


def _failure(operation: Operation) -> Jsonb | None:
    return Jsonb(asdict(operation.failure)) if operation.failure else None
