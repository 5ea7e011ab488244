"""The use cases of refunds. What is refunded is the sum of refunds, never a flag.

A refund is committed as PENDING, under the lock of its payment and within what is left of the capture; only then is the
provider asked, under an idempotency key of the refund. What dies in between is picked up by the reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh.errors import failed_precondition, invalid, not_found
from mesh.events.unit_of_work import UnitOfWork, UnitsOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.service import BackgroundTasks
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from mesh.telemetry import get_logger
from payment_svc.contract import messages as mapping
from payment_svc.domain import refund as refund_domain
from payment_svc.domain import schedule
from payment_svc.domain.payment import Failure, Payment, PaymentStatus
from payment_svc.domain.refund import Refund, RefundSnapshot, RefundStatus
from payment_svc.providers.base import AmountNotSupportedError, OutcomeUnknownError, RejectedError, UnavailableError
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.refunds import RefundRepository
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.payments import LEASE, check_capability, check_part

log = get_logger(__name__)


class _KeyTakenError(Exception):
    """The same request was committed by somebody else while this one waited for the payment."""


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What a merchant asks for; without an amount, all that is left."""

    merchant_id: UUID
    payment_id: UUID
    amount: Money | None
    reason: str


class Refunds:
    """Gives money back and keeps refunds in agreement with their providers."""

    def __init__(
        self,
        database: Database,
        payments: PaymentRepository,
        store: RefundRepository,
        accounts: Accounts,
        background: BackgroundTasks,
        work: UnitsOfWork,
        *,
        first_check: timedelta,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._payments = payments
        self._store = store
        self._accounts = accounts
        self._background = background
        self._work = work
        self._first_check = first_check
        self._clock = clock
        self._ids = ids

    async def create(self, new: NewRefund, claim: Claim | None) -> Refund | Record:
        """Give money back, or return the record of the same request made before.

        Raises ApiError as the contract's CreateRefund says; then nothing was stored and no money moved.
        """
        provider = await self._provider_of(new)
        try:
            async with self._work.begin() as unit:
                record = await idempotency.find(unit.session, claim) if claim else None
                if record is None:
                    payment, refund = await self._take(unit, new, provider, claim)
        except _KeyTakenError:
            return await self.create(new, claim)
        if record is not None:
            return await self._repeat(record, new, claim)
        finished: Refund = await self._background.shielded(self.execute(payment, refund, claim))
        return finished

    async def get(self, merchant_id: UUID, refund_id: UUID) -> Refund:
        """Return a merchant's refund. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            refund = await self._store.get(session, merchant_id, refund_id)
        if refund is None:
            raise not_found("refund", str(refund_id))
        return refund

    async def page(self, merchant_id: UUID, payment_id: UUID, *, after: UUID | None, limit: int) -> list[Refund]:
        """Return a page of a payment's refunds, newest first. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            if await self._payments.get(session, merchant_id, payment_id) is None:
                raise not_found("payment", str(payment_id))
            return await self._store.page(session, payment_id, after=after, limit=limit)

    async def execute(
        self, payment: Payment, refund: Refund, claim: Claim | None = None, *, again: bool = False
    ) -> Refund:
        """Ask the provider and commit the outcome; an answer that never came leaves the refund PENDING.

        A provider out of reach did nothing now, but when it is asked `again` it may have done it the first time.
        """
        provider = await self._accounts.of(payment)
        try:
            snapshot = await provider.refund(payment, refund)
        except RejectedError as error:
            snapshot = RefundSnapshot("", RefundStatus.FAILED, failure=error.failure)
        except UnavailableError as error:
            failure = Failure("provider_unavailable", f"try again later: {error}")
            snapshot = RefundSnapshot("", RefundStatus.PENDING if again else RefundStatus.FAILED, failure=failure)
        except OutcomeUnknownError:
            snapshot = RefundSnapshot("", RefundStatus.PENDING)
        return await self.apply_snapshot(refund, snapshot, claim)

    async def apply_snapshot(self, refund: Refund, snapshot: RefundSnapshot, claim: Claim | None = None) -> Refund:
        """Apply what the provider says, in one transaction with the payment's sum, the events and the stored answer.

        Raises AmountMismatchError when the provider gave back another amount.
        """
        now = self._clock()
        async with self._work.begin() as unit:
            payment = await self._payments.lock(unit.session, refund.payment_id)
            current = await self._store.lock(unit.session, refund.refund_id)
            if payment is None or current is None:
                raise not_found("refund", str(refund.refund_id))
            changed = refund_domain.apply(current, snapshot, now)
            if changed:
                await self._save(unit, payment, changed, now)
            if claim:
                await idempotency.answer(unit.session, claim, refund.refund_id, changed or current)
        return changed or current

    async def of_event(self, payment: Payment, refund_id: UUID | None, reference: str) -> Refund | None:
        """Return the refund that a provider's event is about, by our id or by the provider's."""
        async with self._database.session() as session:
            found = refund_id or await self._store.find(session, payment.payment_id, reference)
            refund = await self._store.get(session, payment.merchant_id, found) if found else None
        return refund if refund and refund.payment_id == payment.payment_id else None

    async def _provider_of(self, new: NewRefund) -> ResilientProvider:
        async with self._database.session() as session:
            payment = await self._payments.get(session, new.merchant_id, new.payment_id)
        if payment is None:
            raise not_found("payment", str(new.payment_id))
        return await self._accounts.of(payment)

    async def _take(
        self, unit: UnitOfWork, new: NewRefund, provider: ResilientProvider, claim: Claim | None
    ) -> tuple[Payment, Refund]:
        """Store the refund within what is left of the capture, which the payment's lock keeps true."""
        session = unit.session
        payment = await self._payments.lock(session, new.payment_id)
        if payment is None or payment.merchant_id != new.merchant_id:
            raise not_found("payment", str(new.payment_id))
        left = payment.captured - (await self._store.sums(session, payment.payment_id)).taken
        if payment.status != PaymentStatus.SUCCESS or left == 0:
            raise failed_precondition("PAYMENT_NOT_REFUNDABLE", "nothing of this payment is left to refund")
        amount = new.amount or payment.money(left)
        check_part(amount, payment.money(left))
        check_capability(provider.capabilities.refunds, "payment_id", provider.name, "give money back")
        if amount.minor != payment.captured:
            check_capability(provider.capabilities.partial_refunds, "amount", provider.name, "give a part back")
        try:
            provider.check_amount(amount)
        except AmountNotSupportedError as error:
            raise invalid("amount.value", str(error), "AMOUNT_NOT_SUPPORTED") from None
        refund = self._intent(new, payment, amount)
        if claim and not await idempotency.begin(session, claim, refund.refund_id, refund.create_time, LEASE):
            raise _KeyTakenError
        await self._store.insert(session, refund, refund.create_time + self._first_check)
        unit.add(mapping.refund_event(refund), [changes.of_refund(refund)])
        return payment, refund

    def _intent(self, new: NewRefund, payment: Payment, amount: Money) -> Refund:
        now = self._clock()
        return Refund(
            refund_id=self._ids(),
            payment_id=payment.payment_id,
            merchant_id=payment.merchant_id,
            order_id=payment.order_id,
            amount=amount,
            status=RefundStatus.PENDING,
            reason=new.reason,
            provider_reference="",
            failure=None,
            version=1,
            create_time=now,
            update_time=now,
        )

    async def _repeat(self, record: Record, new: NewRefund, claim: Claim | None) -> Refund | Record:
        """Answer a repeated request: with the stored answer, or by continuing what died half-way."""
        if record.response is not None or claim is None:
            return record
        async with self._database.session() as session:
            await idempotency.take_over(session, claim, self._clock(), LEASE)
            payment = await self._payments.get(session, new.merchant_id, new.payment_id)
        refund = await self.get(new.merchant_id, record.resource_id)
        if payment is None:
            raise not_found("payment", str(new.payment_id))
        resumed: Refund = await self._background.shielded(self.execute(payment, refund, claim, again=True))
        return resumed

    async def _save(self, unit: UnitOfWork, payment: Payment, refund: Refund, now: datetime) -> None:
        """Store the refund, and the payment's sum where it changed."""
        await self._store.update(unit.session, refund, schedule.next_check(0, now))
        unit.add(mapping.refund_event(refund), [changes.of_refund(refund)])
        given = (await self._store.sums(unit.session, payment.payment_id)).given
        if given != payment.refunded:
            after = replace(payment, refunded=given, version=payment.version + 1, update_time=now)
            await self._payments.update(unit.session, after, None)
            unit.add(mapping.refunded_event(after), changes.of_payment(after, payment))
        log.info(
            "refund changed",
            refund_id=refund.refund_id,
            payment_id=refund.payment_id,
            order_id=refund.order_id,
            status=refund.status,
            version=refund.version,
        )
