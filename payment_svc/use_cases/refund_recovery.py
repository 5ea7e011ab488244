"""Asks providers about every refund that is open, as `reconciler` does about payments."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

from mesh import context
from mesh.errors import ApiError
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.telemetry import alert, get_logger
from mesh.worker import Worker
from payment_svc.domain import schedule
from payment_svc.domain.payment import AmountMismatchError, Payment
from payment_svc.domain.refund import Refund, RefundSnapshot, RefundStatus
from payment_svc.providers.base import ProviderError
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.refunds import DueRefund, RefundRepository
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.payment_recovery import BATCH, LEASE
from payment_svc.use_cases.refunds import Refunds

log = get_logger(__name__)
REPEATABLE = timedelta(hours=20)
"""How long a refund may be sent again: providers remember its idempotency key for a day."""


class RefundReconciler:
    """Brings open refunds in agreement with their providers, on the schedule in `schedule`."""

    def __init__(
        self,
        database: Database,
        payments: PaymentRepository,
        store: RefundRepository,
        refunds: Refunds,
        accounts: Accounts,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._payments = payments
        self._store = store
        self._refunds = refunds
        self._accounts = accounts
        self._clock = clock
        self.worker = Worker("refund-reconciler", self._check_due, interval=2.0)

    async def _check_due(self) -> bool:
        now = self._clock()
        async with self._database.session() as session:
            due = await self._store.claim_due(session, now, now + LEASE, BATCH)
        await asyncio.gather(*(self._check_safely(check) for check in due))
        return len(due) == BATCH

    async def _check_safely(self, due: DueRefund) -> None:
        refund = due.refund
        context.enter(context.Call(secrets.token_hex(16), merchant_id=str(refund.merchant_id), method="reconciler"))
        try:
            await self._check(refund)
        except AmountMismatchError as error:
            alert("refund_amount_differs", log, refund_id=refund.refund_id, reason=str(error))
        except (ProviderError, ApiError) as error:
            log.warning("look-up failed", refund_id=refund.refund_id, error=repr(error))
        except Exception as error:
            log.error("look-up failed", refund_id=refund.refund_id, exc_info=error)
        async with self._database.session() as session:
            await self._store.schedule(session, refund.refund_id, schedule.next_check(due.checks, self._clock()))

    async def _check(self, refund: Refund) -> None:
        payment = await self._payment_of(refund)
        provider = await self._accounts.of(payment)
        snapshot = await provider.fetch_refund(payment, refund)
        if snapshot is not None:
            await self._refunds.apply_snapshot(refund, snapshot)
        elif self._clock() - refund.create_time < REPEATABLE:
            # the provider never received it: the process died before, or the request was lost
            await self._refunds.execute(payment, refund, again=True)
        elif refund.status == RefundStatus.PENDING:
            alert("refund_needs_review", log, refund_id=refund.refund_id, payment_id=refund.payment_id)
            await self._refunds.apply_snapshot(refund, RefundSnapshot("", RefundStatus.NEEDS_REVIEW))

    async def _payment_of(self, refund: Refund) -> Payment:
        async with self._database.session() as session:
            payment = await self._payments.get(session, refund.merchant_id, refund.payment_id)
        if payment is None:
            raise LookupError(f"refund {refund.refund_id} has no payment")
        return payment
