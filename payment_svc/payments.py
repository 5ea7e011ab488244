"""The use cases of payments: start one, look at them, and bring one in agreement with its provider.

A charge is never made inside a database transaction. The intent is committed first, then the provider is asked under
an idempotency key of the payment, then the outcome is committed; whatever dies in between is picked up by the
reconciler or by the provider's webhook.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import grpc
from psycopg.errors import UniqueViolation

from mesh import idempotency, outbox
from mesh.database import Database, Session
from mesh.errors import ApiError, failed_precondition, invalid, not_found, unavailable
from mesh.idempotency import Claim, Record
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.service import BackgroundTasks
from mesh.telemetry import get_logger
from payment_svc import domain, mapping, schedule
from payment_svc.domain import TERMINAL, CaptureMethod, Failure, Payment, PaymentStatus, Snapshot
from payment_svc.orders import OrderClient, PayableOrder
from payment_svc.providers.base import (
    AmountNotSupportedError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.registry import Registry
from payment_svc.repository import PaymentRepository

log = get_logger(__name__)
ResultT = TypeVar("ResultT")
LEASE = timedelta(seconds=30)
"""How long the first request under an idempotency key may take before a repetition may continue its work."""


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What a merchant asks for."""

    merchant_id: UUID
    order_id: UUID
    provider: str
    payment_method: str
    return_url: str
    capture_method: CaptureMethod


class Payments:
    """Starts payments and keeps them in agreement with their providers."""

    def __init__(
        self,
        database: Database,
        store: PaymentRepository,
        orders: OrderClient,
        providers: Registry,
        background: BackgroundTasks,
        committed: Callable[[], None],
        *,
        first_check: timedelta,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._store = store
        self._orders = orders
        self._providers = providers
        self._background = background
        self._committed = committed
        self._first_check = first_check
        self._clock = clock
        self._ids = ids

    async def create(self, new: NewPayment, claim: Claim | None) -> Payment | Record:
        """Start a payment, or return the record of the request that started it under the same key.

        Raises ApiError as the contract's CreatePayment says; then nothing was stored and nothing charged.
        """
        if claim and (record := await self._find(claim)):
            return await self._repeat(record, claim, new.merchant_id)
        provider = self._providers.get(new.provider)
        order = await self._orders.get(new.order_id)
        _check(order, provider, self._clock())
        payment = self._intent(new, order)
        if not await self._commit_intent(payment, claim):
            return await self.create(new, claim)
        finished: Payment = await self._background.shielded(self.drive(payment, claim))
        return finished

    async def get(self, merchant_id: UUID, payment_id: UUID) -> Payment:
        """Return a merchant's payment. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            payment = await self._store.get(session, merchant_id, payment_id)
        if payment is None:
            raise not_found("payment", str(payment_id))
        return payment

    async def page(
        self, merchant_id: UUID, *, order_id: UUID | None, status: PaymentStatus | None, after: UUID | None, limit: int
    ) -> list[Payment]:
        """Return a page of a merchant's payments, newest first."""
        async with self._database.session() as session:
            return await self._store.page(
                session, merchant_id, order_id=order_id, status=status, after=after, limit=limit
            )

    async def capture(self, merchant_id: UUID, payment_id: UUID, amount: Money | None) -> Payment:
        """Capture an authorized payment, all or a part of it. Raises ApiError as the contract's CapturePayment says."""
        payment = await self.get(merchant_id, payment_id)
        wanted = amount or payment.amount
        if payment.status == PaymentStatus.SUCCESS and payment.captured == wanted.minor:
            return payment
        if payment.status != PaymentStatus.AUTHORIZED:
            raise failed_precondition(
                "PAYMENT_NOT_CAPTURABLE", f"the payment is {payment.status}; only an AUTHORIZED one can be captured"
            )
        check_part(wanted, payment.amount)
        provider = self._providers.get(payment.provider)
        return await self._operate(payment, "capture", lambda one: provider.capture(one, wanted))

    async def cancel(self, merchant_id: UUID, payment_id: UUID) -> Payment:
        """Cancel a payment before money moved. Raises ApiError as the contract's CancelPayment says."""
        payment = await self.get(merchant_id, payment_id)
        if payment.status == PaymentStatus.CANCELLED:
            return payment
        at_provider = bool(payment.provider_reference)
        if payment.status not in (PaymentStatus.INITIATED, PaymentStatus.AUTHORIZED) or not at_provider:
            raise failed_precondition("PAYMENT_NOT_CANCELLABLE", f"the payment is {payment.status}")
        return await self._operate(payment, "cancel", self._providers.get(payment.provider).cancel)

    async def _operate(
        self, payment: Payment, operation: str, call: Callable[[Payment], Awaitable[Snapshot]]
    ) -> Payment:
        """Change the provider's object and agree with it, to the end even when the caller is gone.

        The provider may refuse because the object has moved on: then what it says now decides. Raises ApiError
        UNAVAILABLE when it does not answer, FAILED_PRECONDITION when it refuses and nothing has changed.
        """

        async def work() -> Payment:
            try:
                return await self.agree(payment.payment_id, await timed(payment, operation, call))
            except RejectedError as error:
                fetch = self._providers.get(payment.provider).fetch
                now = await self.follow(payment, await timed(payment, "fetch", fetch))
                if now.status == payment.status:
                    raise failed_precondition("PROVIDER_REFUSED", error.failure.message) from None
                return now
            except ProviderError as error:
                raise unavailable("PROVIDER_UNAVAILABLE", f"{error}; repeat the call") from error

        finished: Payment = await self._background.shielded(work())
        return finished

    async def drive(self, payment: Payment, claim: Claim | None = None, *, again: bool = False) -> Payment:
        """Carry a committed intent on: reserve its order, ask the provider, commit the outcome.

        Safe to repeat (`again`) from any point at which an earlier run died: each step knows its earlier self by the
        payment's id.
        Raises ApiError when the order was taken meanwhile; the payment is CANCELLED then.
        """
        try:
            await self._orders.reserve(payment)
        except ApiError as error:
            if error.code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND):
                await self._abandon(payment, error, claim)
            elif claim:
                async with self._database.session() as session:
                    await idempotency.hand_over(session, claim, self._clock())
            raise
        snapshot = await self.ask(payment, "start", self._providers.get(payment.provider).start, again=again)
        return await self.agree(payment.payment_id, snapshot, claim)

    async def follow(self, payment: Payment, snapshot: Snapshot) -> Payment:
        """Agree with what the provider says, and take the money where the customer has approved that.

        The payment is PROCESSING before the money is asked for: from then on nobody can cancel it.
        Raises as `agree` does.
        """
        changed = await self.agree(payment.payment_id, snapshot)
        if not snapshot.approved or changed.status != PaymentStatus.PROCESSING:
            return changed
        complete = self._providers.get(changed.provider).complete
        return await self.agree(changed.payment_id, await self.ask(changed, "complete", complete, again=True))

    async def ask(
        self, payment: Payment, operation: str, call: Callable[[Payment], Awaitable[Snapshot]], *, again: bool = False
    ) -> Snapshot:
        """Call the provider and return what it says; an answer that never came is PROCESSING, never a failure.

        A provider out of reach did nothing now, but when it is asked `again` it may have done it the first time.
        """
        try:
            return await timed(payment, operation, call)
        except RejectedError as error:
            return Snapshot("", PaymentStatus.FAILED, failure=error.failure)
        except UnavailableError as error:
            if again:
                return Snapshot(payment.provider_reference, PaymentStatus.PROCESSING)
            return Snapshot(
                "", PaymentStatus.FAILED, failure=Failure("provider_unavailable", f"try again later: {error}")
            )
        except OutcomeUnknownError:
            return Snapshot(payment.provider_reference, PaymentStatus.PROCESSING)

    async def agree(self, payment_id: UUID, snapshot: Snapshot, claim: Claim | None = None) -> Payment:
        """Apply what the provider says, in one transaction with its events and the stored answer.

        Raises ApiError NOT_FOUND for a payment that is not here, AmountMismatchError when the money differs from ours.
        """
        async with self._database.transaction() as session:
            payment = await self._store.lock(session, payment_id)
            if payment is None:
                raise not_found("payment", str(payment_id))
            versions = domain.apply(payment, snapshot, self._clock())
            payment = await self._save(session, payment, versions)
            if claim:
                await idempotency.answer(session, claim, payment_id, mapping.payment_message(payment))
        self._committed()
        return payment

    def _intent(self, new: NewPayment, order: PayableOrder) -> Payment:
        now = self._clock()
        return Payment(
            payment_id=self._ids(),
            merchant_id=new.merchant_id,
            order_id=new.order_id,
            provider=new.provider,
            provider_reference="",
            amount=order.amount,
            description=order.description,
            status=PaymentStatus.INITIATED,
            capture_method=new.capture_method,
            captured=0,
            refunded=0,
            payment_method=new.payment_method,
            return_url=new.return_url,
            redirect_url="",
            failure=None,
            version=1,
            create_time=now,
            update_time=now,
        )

    async def _commit_intent(self, payment: Payment, claim: Claim | None) -> bool:
        """Store the intent; return False when the key was taken meanwhile.

        Raises ApiError FAILED_PRECONDITION, reason PAYMENT_IN_PROGRESS, when the order has a live payment.
        """
        now = payment.create_time
        try:
            async with self._database.transaction() as session:
                if claim and not await idempotency.begin(session, claim, payment.payment_id, now, LEASE):
                    return False
                await self._store.insert(session, payment, now + self._first_check)
                await outbox.add(session, [mapping.payment_event(payment, None)])
        except UniqueViolation:
            raise failed_precondition(
                "PAYMENT_IN_PROGRESS", "another payment of this order is under way", order_id=str(payment.order_id)
            ) from None
        self._committed()
        return True

    async def _find(self, claim: Claim) -> Record | None:
        async with self._database.session() as session:
            return await idempotency.find(session, claim)

    async def _repeat(self, record: Record, claim: Claim, merchant_id: UUID) -> Payment | Record:
        """Answer a repeated request: with the stored answer, or by continuing what died half-way."""
        if record.response is not None:
            return record
        payment = await self.get(merchant_id, record.resource_id)
        if payment.status not in TERMINAL:
            # an outcome that stands needs no lease: nobody who is still at work could change it
            async with self._database.session() as session:
                await idempotency.take_over(session, claim, self._clock(), LEASE)
            payment = await self.get(merchant_id, record.resource_id)
        if payment.status == PaymentStatus.INITIATED and not payment.provider_reference:
            resumed: Payment = await self._background.shielded(self.drive(payment, claim, again=True))
            return resumed
        async with self._database.session() as session:
            await idempotency.answer(session, claim, payment.payment_id, mapping.payment_message(payment))
        return payment

    async def _abandon(self, payment: Payment, error: ApiError, claim: Claim | None) -> None:
        """Cancel an intent whose order was taken; the refused request leaves its key free."""
        failure = Failure("cancelled", error.message)
        snapshot = Snapshot("", PaymentStatus.CANCELLED, failure=failure)
        await self.agree(payment.payment_id, snapshot)
        if claim:
            async with self._database.session() as session:
                await idempotency.release(session, claim)

    async def _save(self, session: Session, payment: Payment, versions: list[Payment]) -> Payment:
        for version in versions:
            await self._store.update(session, version, schedule.next_check(0, self._clock()))
            await outbox.add(session, [mapping.payment_event(version, payment.status)])
            payment = version
            log.info(
                "payment changed",
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                status=payment.status,
                version=payment.version,
            )
        return payment


def check_part(part: Money, whole: Money) -> None:
    """Refuse an amount that is not a part of another. Raises ApiError INVALID_ARGUMENT."""
    if part.currency != whole.currency:
        raise invalid("amount.currency", f"the payment is in {whole.currency}")
    if part.minor > whole.minor:
        raise invalid("amount.value", f"at most {whole.value} {whole.currency} is possible", "AMOUNT_TOO_LARGE")


async def timed(payment: Payment, operation: str, call: Callable[[Payment], Awaitable[ResultT]]) -> ResultT:
    """Make a provider call and log what it was, how long it took and how it ended."""
    started = time.perf_counter()
    outcome = "ok"
    try:
        return await call(payment)
    except ProviderError as error:
        outcome = type(error).__name__
        raise
    finally:
        log.info(
            "provider call",
            provider=payment.provider,
            operation=operation,
            outcome=outcome,
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            payment_id=payment.payment_id,
            order_id=payment.order_id,
        )


def _check(order: PayableOrder, provider: Provider, now: datetime) -> None:
    """Refuse early, with nothing stored, what can be seen to fail."""
    order.check_payable(now)
    try:
        provider.check_amount(order.amount)
    except AmountNotSupportedError as error:
        raise invalid("order_id", str(error), "AMOUNT_NOT_SUPPORTED") from None
