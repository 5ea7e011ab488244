"""Asks providers about every payment whose outcome is open: lost webhooks and crashes heal by themselves.

Several replicas may run it: a payment is claimed for a while, and no transaction is open while a provider is asked.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from mesh import context
from mesh.errors import ApiError
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.storage.lock import Locks
from mesh.telemetry import alert, get_logger
from mesh.worker import Worker
from payment_svc.domain import schedule
from payment_svc.domain.payment import TERMINAL, AmountMismatchError, Failure, Payment, PaymentStatus, Snapshot
from payment_svc.providers.base import ObjectNotFoundError, ProviderError, RejectedError
from payment_svc.storage.payments import DueCheck, PaymentRepository
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.charging import Charging

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
        charging: Charging,
        accounts: Accounts,
        locks: Locks,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._charging = charging
        self._accounts = accounts
        self._locks = locks
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
            async with self._locks.hold(f"order:{payment.order_id}", wait=0) as free:
                # somebody is asking the provider now; if that comes to nothing there is a next time
                payment = await self._check(payment, due.checks) if free else payment
        except AmountMismatchError as error:
            alert("payment_amount_differs", log, payment_id=payment.payment_id, reason=str(error))
        except (ProviderError, ApiError) as error:
            log.warning("look-up failed", payment_id=payment.payment_id, error=repr(error))
        except Exception as error:
            log.error("look-up failed", payment_id=payment.payment_id, exc_info=error)
        if payment.status not in TERMINAL:
            again = schedule.next_check(due.checks, self._clock())
            if payment.status == PaymentStatus.AUTHORIZED and payment.capture_before:
                again = min(again, max(payment.capture_before, self._clock() + schedule.CHECKS[0]))
            async with self._database.session() as session:
                await self._store.schedule(session, payment.payment_id, again)

    async def _check(self, payment: Payment, checks: int) -> Payment:
        if schedule.is_hopeless(payment, self._clock()):
            alert("payment_needs_review", log, payment_id=payment.payment_id, order_id=payment.order_id)
            verdict = Snapshot(payment.provider_reference, PaymentStatus.NEEDS_REVIEW)
            return await self._charging.apply_snapshot(payment.payment_id, verdict)
        if _is_late_to_capture(payment, self._clock()):
            return await self._void(payment)
        snapshot = await self._look_up(payment)
        if snapshot is not None:
            return await self._charging.sync(payment, snapshot)
        if payment.status == PaymentStatus.INITIATED:
            # the process died between the intent and the provider: carry it on
            return await self._charging.execute(payment, again=True)
        if checks < NEVER_ARRIVED_AFTER:
            return payment
        failure = Failure("provider_unavailable", "the provider never received the payment, try again")
        return await self._charging.apply_snapshot(
            payment.payment_id, Snapshot("", PaymentStatus.FAILED, failure=failure)
        )

    async def _void(self, payment: Payment) -> Payment:
        """Give back what was authorized and not captured in time; where it was captured after all, that counts."""
        provider = await self._accounts.of(payment)
        try:
            said = await provider.cancel(payment)
        except RejectedError:
            said = await provider.fetch(payment)
        if said.status == PaymentStatus.CANCELLED:
            said = replace(said, failure=Failure("expired", "the authorized money was not captured in time"))
        return await self._charging.apply_snapshot(payment.payment_id, said)

    async def _look_up(self, payment: Payment) -> Snapshot | None:
        """Ask by the provider's reference, or by our own id where no answer ever brought one."""
        provider = await self._accounts.of(payment)
        if not payment.provider_reference:
            return await provider.find(payment)
        try:
            return await provider.fetch(payment)
        except ObjectNotFoundError:
            return None


def _is_late_to_capture(payment: Payment, now: datetime) -> bool:
    return (
        payment.status == PaymentStatus.AUTHORIZED
        and payment.capture_before is not None
        and payment.capture_before <= now
    )
