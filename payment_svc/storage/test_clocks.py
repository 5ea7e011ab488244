"""Every SQL statement about test clocks, and what of a merchant's payments becomes due by them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.ageing import MOST, earlier, sooner
from mesh.storage.database import Session, parameters_for, statement
from payment_svc.domain.payment import LIVE, PaymentStatus
from payment_svc.domain.test_clock import MODE, TestClock, unmoved
from payment_svc.tables import operations, payments, refunds, test_clocks


class ClockRow(NamedTuple):
    """A clock as it is stored."""

    merchant_id: UUID
    version: int
    advanced: timedelta
    update_time: datetime | None


_merchant = sa.bindparam("merchant_id", type_=sa.UUID)
_by = sa.bindparam("by", type_=sa.Interval)
_lease = sa.bindparam("lease", type_=sa.Interval)
_mine = sa.select(test_clocks).where(test_clocks.c.merchant_id == _merchant)
_GET = statement(_mine, ClockRow)
_LOCK = statement(_mine.with_for_update(), ClockRow)
_BEGIN = statement(
    pg.insert(test_clocks)
    .values(parameters_for(test_clocks, prefix="b_"))
    .on_conflict_do_nothing(index_elements=["merchant_id"])
)
_SAVE = statement(
    sa.update(test_clocks)
    .where(test_clocks.c.merchant_id == sa.bindparam("b_merchant_id", type_=sa.UUID))
    .values(parameters_for(test_clocks, "version", "advanced", "update_time", prefix="b_"))
)
_OPEN = [str(status) for status in sorted(LIVE) if status != PaymentStatus.REQUIRES_ACTION]
_open_payments = (
    sa.select(payments.c.payment_id)
    .where(
        payments.c.merchant_id == _merchant,
        payments.c.mode == sa.literal_column(f"'{MODE}'"),
        payments.c.status.in_([sa.literal_column(f"'{status}'") for status in _OPEN]),
    )
    .order_by(payments.c.payment_id.desc())
    .limit(MOST)
)
_PAYMENTS = statement(
    sa.update(payments)
    .where(payments.c.payment_id.in_(_open_payments))
    .values(
        next_check_time=sooner(payments.c.next_check_time, _by, _lease),
        capture_before=earlier(payments.c.capture_before, _by),
    )
)
# of those that wait for an answer: one that is being sent has its time as a lease
_OPERATIONS = statement(
    sa.update(operations)
    .where(
        operations.c.payment_id.in_(_open_payments),
        operations.c.status == sa.literal_column("'UNKNOWN'"),
        operations.c.next_try_time.is_not(None),
    )
    .values(next_try_time=sooner(operations.c.next_try_time, _by, _lease))
)
_REFUNDS = statement(
    sa.update(refunds)
    .where(
        refunds.c.refund_id.in_(
            sa.select(refunds.c.refund_id)
            .join(payments, payments.c.payment_id == refunds.c.payment_id)
            .where(
                refunds.c.next_check_time.is_not(None),
                refunds.c.merchant_id == _merchant,
                payments.c.mode == sa.literal_column(f"'{MODE}'"),
            )
            .order_by(refunds.c.refund_id.desc())
            .limit(MOST)
        )
    )
    .values(next_check_time=sooner(refunds.c.next_check_time, _by, _lease))
)


class TestClockRepository:
    """Test clocks in PostgreSQL. Methods run in the session, and so in the transaction, that they are given."""

    async def get(self, session: Session, merchant_id: UUID) -> TestClock:
        """Return a merchant's clock."""
        row = await session.one(_GET, merchant_id=merchant_id)
        return TestClock(*row) if row else unmoved(merchant_id)

    async def lock(self, session: Session, merchant_id: UUID) -> TestClock:
        """Return a merchant's clock, and hold it until the transaction ends."""
        await session.run(_BEGIN, **_values(unmoved(merchant_id)))
        row = await session.one(_LOCK, merchant_id=merchant_id)
        assert row
        return TestClock(*row)

    async def save(self, session: Session, clock: TestClock) -> None:
        """Store how far a clock was advanced."""
        await session.run(_SAVE, **_values(clock))

    async def age(self, session: Session, merchant_id: UUID, by: timedelta, lease: timedelta) -> None:
        """Have what waits of a merchant's test payments come up so much sooner.

        What may be in somebody's hands stays there: times within `lease` from now are left as they are.
        """
        for each in (_PAYMENTS, _OPERATIONS, _REFUNDS):
            await session.run(each, merchant_id=merchant_id, by=by, lease=lease)


def _values(clock: TestClock) -> dict[str, object]:
    return {f"b_{name}": getattr(clock, name) for name in ClockRow._fields}
