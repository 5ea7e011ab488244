"""Asks providers about every payment whose outcome is open: lost webhooks and crashes heal by themselves.

Several replicas may run it: a payment is claimed for a while, and no transaction is open while a provider is asked.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

from mesh import context
from mesh.database import Database
from mesh.errors import ApiError
from mesh.ids import Clock, utc_now
from mesh.telemetry import alert, get_logger
from mesh.worker import Worker
from payment_svc import schedule
from payment_svc.domain import TERMINAL, AmountMismatchError, Failure, Payment, PaymentStatus, Snapshot
from payment_svc.payments import Payments, timed
from payment_svc.providers.base import ObjectNotFoundError, ProviderError
from payment_svc.providers.registry import Registry
from payment_svc.repository import DueCheck, PaymentRepository

log = get_logger(__name__)
BATCH = 16
LEASE = timedelta(seconds=30)
"""How long what a process took stays with it; when that died, another takes it. Overlapping work is harmless."""

NEVER_ARRIVED_AFTER = 2
"""Look-ups that must find nothing at the provider before a call without an answer counts as never made."""


class Reconciler:
    """Brings open payments in agreement with their providers, on the schedule in `schedule`."""

    def __init__(
        self,
        database: Database,
        store: PaymentRepository,
        payments: Payments,
        providers: Registry,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._payments = payments
        self._providers = providers
        self._clock = clock
        self.worker = Worker("reconciler", self._check_due, interval=2.0)

    async def _check_due(self) -> bool:
        now = self._clock()
        async with self._database.session() as session:
            due = await self._store.claim_due(session, now, now + LEASE, BATCH)
        await asyncio.gather(*(self._check_safely(check) for check in due))
        return len(due) == BATCH

    async def _check_safely(self, due: DueCheck) -> None:
        payment = due.payment
        context.enter(context.Call(secrets.token_hex(16), merchant_id=str(payment.merchant_id), method="reconciler"))
        try:
            payment = await self._check(payment, due.checks)
        except AmountMismatchError as error:
            alert("payment_amount_differs", log, payment_id=payment.payment_id, reason=str(error))
        except (ProviderError, ApiError) as error:
            log.warning("look-up failed", payment_id=payment.payment_id, error=repr(error))
        except Exception as error:
            log.error("look-up failed", payment_id=payment.payment_id, exc_info=error)
        if payment.status not in TERMINAL:
            async with self._database.session() as session:
                again = schedule.next_check(due.checks, self._clock())
                await self._store.schedule(session, payment.payment_id, again)

    async def _check(self, payment: Payment, checks: int) -> Payment:
        if schedule.is_hopeless(payment, self._clock()):
            alert("payment_needs_review", log, payment_id=payment.payment_id, order_id=payment.order_id)
            verdict = Snapshot(payment.provider_reference, PaymentStatus.NEEDS_REVIEW)
            return await self._payments.agree(payment.payment_id, verdict)
        snapshot = await self._look_up(payment)
        if snapshot is not None:
            return await self._payments.follow(payment, snapshot)
        if payment.status == PaymentStatus.INITIATED:
            # the process died between the intent and the provider: carry it on
            return await self._payments.drive(payment, again=True)
        if checks < NEVER_ARRIVED_AFTER:
            return payment
        failure = Failure("provider_unavailable", "the provider never received the payment, try again")
        return await self._payments.agree(payment.payment_id, Snapshot("", PaymentStatus.FAILED, failure=failure))

    async def _look_up(self, payment: Payment) -> Snapshot | None:
        """Ask by the provider's reference, or by our own id where no answer ever brought one."""
        provider = self._providers.get(payment.provider)
        if not payment.provider_reference:
            return await timed(payment, "find", provider.find)
        try:
            return await timed(payment, "fetch", provider.fetch)
        except ObjectNotFoundError:
            return None
