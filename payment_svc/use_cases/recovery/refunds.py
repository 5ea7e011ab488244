"""Recovers refunds, as `recovery.payments` does payments: by their objects, else by asking again under the same key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from mesh.context import Call
from mesh.errors import ApiError
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from payment_svc.domain import schedule
from payment_svc.domain.payment import Payment, is_named
from payment_svc.domain.refund import Refund, RefundAmountError, RefundSnapshot, RefundStatus
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import CredentialsRefusedError, ProviderError, is_outage
from payment_svc.providers.resilience import ResilientProvider, patience
from payment_svc.storage.looks import LookRepository
from payment_svc.storage.refunds import DueRefund
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import at_refund
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.recovery.loop import recovering
from payment_svc.use_cases.recovery.payments import CLAIM
from payment_svc.use_cases.refunds import Refunds


class RefundRecovery:
    """Brings open refunds in agreement with their providers, on the schedule in `domain/schedule.py`."""

    name = "refund-recovery"

    def __init__(
        self,
        database: Database,
        looks: LookRepository,
        ledger: Ledger,
        refunds: Refunds,
        accounts: Accounts,
        patient: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._looks = looks
        self._ledger = ledger
        self._refunds = refunds
        self._accounts = accounts
        self._patient = patient
        self._clock = clock

    async def claim(self, limit: int) -> Sequence[DueRefund]:
        """Take refunds that are due to be looked up."""
        async with self._database.session() as session:
            return await self._ledger.refunds.claim_due(session, CLAIM, limit)

    def call_of(self, item: DueRefund) -> Call:
        """Return the call of a look at a refund."""
        return recovering(item.refund.merchant_id)

    async def check(self, item: DueRefund) -> None:
        """Look a refund up, else ask for it again. Raises ProviderError, ApiError when nobody can be asked about it."""
        refund = item.refund
        payment = await self._payment_of(refund)
        try:
            provider = await self._accounts.of(at_refund(payment, refund))
        except ApiError as error:
            await self._failed(payment, refund, error)
            raise
        try:
            await self._check(payment, item, provider)
        except (ProviderError, ApiError) as error:
            await self._failed(payment, refund, error)
            raise

    async def _check(self, payment: Payment, item: DueRefund, provider: ResilientProvider) -> None:
        """Ask. Raises ProviderError for what may stay so, rather than for an outage of what can be asked again."""
        refund = item.refund
        if not is_named(at_refund(payment, refund).provider_reference):
            words = f"no object of {provider.name} is known to give it back of: do it there, and say so"
            await self._ask_a_person(payment, refund, words)
            return
        failed = None
        try:
            if await self._look(payment, refund):
                await self._answered(item)
                return
        except ProviderError as error:
            if refund.provider_reference:
                if is_outage(error):
                    return
                raise
            failed = error
        if refund.status != RefundStatus.PENDING or not self._refunds.is_remembered(provider, refund):
            words = f"{provider.name} has not said whether it was made, for as long as it remembers the request"
            await self._ask_a_person(payment, refund, words)
            return
        age = self._clock() - refund.create_time
        # a database that has lost its last commits does not know that it was sent: then only a look tells
        must_be_seen = refund.sends == 0 and age >= provider.capabilities.repeatable_for
        if failed and (must_be_seen or isinstance(failed, CredentialsRefusedError)):
            if is_outage(failed):
                return
            raise failed
        with patience(self._patient.total_seconds()):
            await self._refunds.repeat(payment, refund)
        if failed is None:
            await self._answered(item)

    async def _look(self, payment: Payment, refund: Refund) -> bool:
        """Return whether the provider shows the refund. Raises ProviderError."""
        try:
            return await self._refunds.look(payment, refund)
        except RefundAmountError as error:
            await self._refunds.ask_of_amount(refund, error)
            return True

    async def _answered(self, item: DueRefund) -> None:
        """Note that all that was asked was answered; of the first look there is none before that can have failed."""
        if item.checks > 1:
            async with self._database.session() as session:
                await self._looks.answer(session, item.refund.refund_id)

    async def _failed(self, payment: Payment, refund: Refund, error: Exception) -> None:
        """Ask a person about a refund that nobody could be asked about for longer than an outage lasts."""
        async with self._database.session() as session:
            since = await self._looks.fail(session, refund.refund_id)
        is_asked = refund.status != RefundStatus.PENDING
        if since and not is_asked and self._clock() - since > schedule.GIVE_UP:
            words = f"nobody could be asked about it since {since:%Y-%m-%d %H:%M}: {error}"
            await self._ask_a_person(payment, refund, words)

    async def _ask_a_person(self, payment: Payment, refund: Refund, words: str) -> None:
        """Put the question, once for each refund; again where a process died between the two steps."""
        if refund.status == RefundStatus.PENDING:
            asked = await self._refunds.apply_snapshot(refund, RefundSnapshot("", RefundStatus.NEEDS_REVIEW))
            if asked.status != RefundStatus.NEEDS_REVIEW:
                # it has ended meanwhile
                return
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
