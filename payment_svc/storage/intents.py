"""The one statement, hence one round trip and one transaction, that stores a new payment.

With it go the record of its key, its first operation, its event and its entry of the timeline. The record decides:
where the key is taken nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from mesh.events import outbox
from mesh.events.envelope import OutboxEvent, columns
from mesh.events.outbox import Unpublished
from mesh.storage import history
from mesh.storage.database import Session, Statement, parameters_for, statement
from mesh.storage.history import Entry
from mesh.storage.idempotency import Claim, claim_parameters, insert_claim, renew_claim
from payment_svc.domain.operation import Operation
from payment_svc.domain.payment import Payment
from payment_svc.storage import operations as operation_storage
from payment_svc.storage import payments as payment_storage
from payment_svc.tables import operations, payments

_WAIT = sa.func.db_now() + sa.bindparam("wait", type_=sa.Interval)
_PAYMENT = {
    **parameters_for(payments, *payment_storage.GIVEN, prefix="b_"),
    "next_check_time": _WAIT,
    # whoever stores it drives it
    "driving_until": sa.func.db_now() + sa.bindparam("lease", type_=sa.Interval),
}
_OPERATION = {
    **parameters_for(operations, *operation_storage.OperationRow._fields, prefix="o_"),
    "next_try_time": _WAIT,
}


def _insert(table: sa.Table, values: Mapping[str, sa.ColumnElement[Any]], where: sa.ColumnElement[bool]) -> Any:
    # what is null has no type of its own
    cells = (sa.cast(value, table.c[name].type) for name, value in values.items())
    return sa.insert(table).from_select(list(values), sa.select(*cells).where(where))


def _store(key: Any = None) -> Statement[outbox.Stored]:
    is_free = sa.true() if key is None else sa.exists(sa.select(key.cte("claim").c.resource_id))
    beside = [
        _insert(payments, _PAYMENT, is_free).cte("new_payment"),
        _insert(operations, _OPERATION, is_free).cte("new_operation"),
        history.rows_to_insert(is_free).cte("new_entry"),
    ]
    return statement(outbox.inserted(is_free).add_cte(*beside), outbox.Stored)


_WITH_KEY, _WITH_MINE, _WITHOUT = _store(insert_claim()), _store(renew_claim()), _store()


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment that is about to be started, with all that is stored of it."""

    payment: Payment
    start: Operation
    event: OutboxEvent
    entries: Sequence[Entry]
    driver: UUID
    """Who has the lease on it."""


async def store(
    session: Session,
    intent: Intent,
    claim: Claim | None,
    *,
    is_claimed: bool,
    wait: timedelta,
    driving: timedelta,
    answering: timedelta,
) -> list[Unpublished]:
    """Store an intent, looked at after `wait`; return its event, or nothing where the key is taken.

    A key that `is_claimed` for this payment already is taken where somebody has taken it over since.
    `driving` is the lease of the driver, `answering` that of the key. Raises psycopg's UniqueViolation when the order
    has a live payment.
    """
    key = claim_parameters(claim, intent.payment.payment_id, lease=answering) if claim else {}
    stored = await session.all(
        (_WITH_MINE if is_claimed else _WITH_KEY) if claim else _WITHOUT,
        **payment_storage.new_values(intent.payment, wait),
        **{f"o_{name[2:]}": value for name, value in operation_storage.values(intent.start).items()},
        **columns([intent.event]),
        **history.parameters(intent.entries),
        **key,
        b_driver=intent.driver,
        lease=driving,
    )
    return outbox.handed([intent.event], stored)
