"""Recovers refunds, as `recovery.payments` does payments: by their objects, else by asking again under the same key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from mesh.context import Call
from mesh.storage.database import Database
from payment_svc.domain import schedule
from payment_svc.domain.payment import Payment, is_named
from payment_svc.domain.refund import Refund, RefundAmountError, RefundSnapshot, RefundStatus
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.resilience import patience
from payment_svc.storage.refunds import DueRefund
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.recovery.loop import recovering
from payment_svc.use_cases.recovery.payments import CLAIM
from payment_svc.use_cases.refunds import Refunds, at_refund


class RefundRecovery:
    """Brings open refunds in agreement with their providers, on the schedule in `domain/schedule.py`."""

    name = "refund-recovery"

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        refunds: Refunds,
        accounts: Accounts,
        patient: timedelta,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._refunds = refunds
        self._accounts = accounts
        self._patient = patient

    async def claim(self, limit: int) -> Sequence[DueRefund]:
        """Take refunds that are due to be looked up."""
        async with self._database.session() as session:
            return await self._ledger.refunds.claim_due(session, CLAIM, limit)

    def call_of(self, item: DueRefund) -> Call:
        """Return the call of a look at a refund."""
        return recovering(item.refund.merchant_id)

    async def check(self, item: DueRefund) -> None:
        """Look a refund up, else ask for it again."""
        refund = item.refund
        payment = await self._payment_of(refund)
        at = at_refund(payment, refund)
        provider = await self._accounts.of(at)
        if not is_named(at.provider_reference):
            words = f"no object of {provider.name} is known to give it back of: do it there, and say so"
            await self._ask_a_person(payment, refund, words)
            return
        try:
            if await self._refunds.look(payment, refund):
                return
        except RefundAmountError as error:
            await self._refunds.ask_of_amount(refund, error)
            return
        if self._refunds.is_remembered(provider, refund):
            with patience(self._patient.total_seconds()):
                await self._refunds.repeat(payment, refund)
        else:
            words = f"{provider.name} has not said whether it was made, for as long as it remembers the request"
            await self._ask_a_person(payment, refund, words)

    async def _ask_a_person(self, payment: Payment, refund: Refund, words: str) -> None:
        """Put the question, once for each refund; again where a process died between the two steps."""
        if refund.status == RefundStatus.PENDING:
            await self._refunds.apply_snapshot(refund, RefundSnapshot("", RefundStatus.NEEDS_REVIEW))
        await self._ledger.ask_a_person(payment, ReviewKind.UNKNOWN_REFUND, words, _about(refund))

    async def reschedule(self, item: DueRefund) -> None:
        """Say when to look again, if it is still open."""
        async with self._database.session() as session:
            await self._ledger.refunds.schedule(session, item.refund.refund_id, schedule.wait_after(item.checks))

    async def _payment_of(self, refund: Refund) -> Payment:
        async with self._ledger.work.begin() as unit:
            return await self._ledger.lock(unit, refund.payment_id)


def _about(refund: Refund) -> About:
    return About(amount=refund.amount, refund_id=refund.refund_id, reference=str(refund.refund_id))
