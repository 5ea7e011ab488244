"""Disputes as they are stored: when they are looked at next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa

from mesh.storage.database import Database, statement
from payment_svc.domain.dispute import DEADLINE_PASSED, LOOK_AFTER, Dispute, DisputeStatus
from payment_svc.storage.disputes import DisputeRepository
from payment_svc.tables import disputes
from payment_svc.use_cases.recovery.disputes import DisputeRecovery
from payment_svc.use_cases.taken_back.disputes import Disputes
from tests.support.payment_rows import payment_of, store_payments

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR, STORE = timedelta(hours=1), DisputeRepository()
_NEXT = statement(
    sa.select(sa.cast(disputes.c.next_check_time - sa.func.db_now(), sa.Interval).label("left")), timedelta
)


@pytest.mark.parametrize(
    ("respond_before", "wait"),
    [
        (NOW + 2 * HOUR, 2 * HOUR + DEADLINE_PASSED),
        (NOW - HOUR, LOOK_AFTER),
        (NOW + 2 * LOOK_AFTER, LOOK_AFTER),
        (None, LOOK_AFTER),
    ],
)
async def test_dispute_that_was_looked_at_is_looked_at_again_when_its_time_is_up(
    database: Database, respond_before: datetime | None, wait: timedelta
) -> None:
    payment = payment_of(UUID(int=7))
    dispute = Dispute(
        UUID(int=8), payment.payment_id, payment.merchant_id, payment.order_id, payment.provider, "du_1",
        payment.amount, DisputeStatus.NEEDS_RESPONSE, "", respond_before, 1, NOW, NOW,
    )  # fmt: skip
    async with database.transaction() as session:
        await store_payments(session, payment)
        await STORE.insert(session, dispute, timedelta(0))
        assert await STORE.claim_due(session, LOOK_AFTER, 9) == [dispute]
    recovery = DisputeRecovery(Disputes(database, STORE, cast(Any, None), clock=lambda: NOW), cast(Any, None))
    await recovery.reschedule((dispute, payment))
    assert await left(database) == pytest.approx(wait, abs=timedelta(minutes=2))
    # what has changed meanwhile has said it anew
    changed = replace(dispute, version=2)
    async with database.transaction() as session:
        await STORE.update(session, changed, 5 * HOUR)
    await recovery.reschedule((dispute, payment))
    assert await left(database) == pytest.approx(5 * HOUR, abs=timedelta(minutes=2))


async def left(database: Database) -> timedelta:
    async with database.session() as session:
        found = await session.one(_NEXT)
    assert found
    return found
