"""Payments as rows, for tests of statements."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from mesh.storage.database import Session, parameters_for, statement
from payment_svc.domain.payment import Payment, first_attempt
from payment_svc.storage.payments import GIVEN, new_values
from payment_svc.tables import payments
from tests.support.providers.payments import payment_at
from tests.support.rows import NAMES, NOW, ids

WAIT = timedelta(minutes=3)
_INSERT = statement(
    sa.insert(payments).values(
        {
            **parameters_for(payments, *GIVEN, prefix="b_"),
            "next_check_time": sa.func.db_now() + sa.bindparam("wait", type_=sa.Interval),
        }
    )
)


def payment_of(key: UUID, **changes: Any) -> Payment:
    """Return the payment of a row, of a merchant and an order of the same number, and its object's name."""
    provider = changes.pop("provider", "stripe")
    reference = changes.pop("provider_reference", f"pi_{NAMES[key]}" if key in NAMES else "")
    attempt = replace(first_attempt(provider, NOW), provider_reference=reference)
    mine = {"payment_id": key, "merchant_id": key, "order_id": key, "create_time": NOW, "update_time": NOW}
    return payment_at(provider, reference, **{**mine, "attempts": (attempt,)} | changes)


async def store_payments(session: Session, *given: Payment, wait: timedelta = WAIT) -> None:
    """Store payments, looked at after `wait`; three of them, if none are given."""
    for one in given or map(payment_of, ids):
        await session.run(_INSERT, **new_values(one, wait), b_driver=None)
