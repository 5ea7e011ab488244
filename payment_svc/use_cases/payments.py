"""The use cases of payments: start one, look at them, capture, cancel. `charging` carries them on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import grpc
from psycopg.errors import UniqueViolation

from mesh.errors import ApiError, failed_precondition, invalid, not_found
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.service import BackgroundTasks
from mesh.storage import history, idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from mesh.storage.listing import Listing
from mesh.storage.lock import Locks
from payment_svc.contract import events as facts
from payment_svc.domain import payment as domain
from payment_svc.domain.operation import Lease, Operation, OperationKind, Requester
from payment_svc.domain.payment import (
    TERMINAL,
    CaptureMethod,
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Route,
    Snapshot,
)
from payment_svc.metrics import PAYMENTS
from payment_svc.order_port import OrderClient, PayableOrder
from payment_svc.providers.base import AmountNotSupportedError, Provider
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage import intents
from payment_svc.storage.intents import Intent
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts, Tenant
from payment_svc.use_cases.answers import check_cancellable, check_capturable, check_part, raise_if_open
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.operations import Operations
from payment_svc.use_cases.routing import Router, RoutingRequest

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
    cancel_url: str
    capture_method: CaptureMethod
    customer_country: str = ""
    mode: str = ""

    @property
    def tenant(self) -> Tenant:
        """Who asks."""
        return Tenant(self.merchant_id, self.mode)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the use cases of payments need of their process."""

    locks: Locks
    background: BackgroundTasks
    first_check: timedelta
    clock: Clock = utc_now
    ids: NewId = new_id


class Payments:
    """Starts payments, and changes them as merchants ask."""

    def __init__(
        self,
        ledger: Ledger,
        operations: Operations,
        orders: OrderClient,
        accounts: Accounts,
        router: Router,
        database: Database,
        runtime: Runtime,
    ) -> None:
        self._ledger = ledger
        self._operations = operations
        self._orders = orders
        self._accounts = accounts
        self._router = router
        self._database = database
        self._runtime = runtime

    async def create(self, new: NewPayment, claim: Claim | None) -> Payment | Record:
        """Start a payment, or return the record of the request that started it under the same key.

        Raises ApiError as the contract's CreatePayment says; then nothing was stored and nothing charged, unless the
        error names a payment.
        """
        try:
            intended = await self._intend(new, claim)
        except ApiError:
            # what speaks against another payment is most likely the one that the first request has made
            record = await self._find(claim)
            if record is None:
                raise
            intended = record
        if isinstance(intended, Record):
            return await self._repeat(intended, claim, new.merchant_id)
        payment, replaces = intended
        lease = Lease(self._runtime.ids())
        start = await self._commit_intent(payment, lease.driver, claim)
        if start is None:
            record = await self._find(claim)
            return await self._repeat(record, claim, new.merchant_id) if record else await self.create(new, claim)
        work = self._start(payment, start, lease, claim, replaces)
        finished: Payment = await self._runtime.background.shielded(work)
        return finished

    async def _intend(self, new: NewPayment, claim: Claim | None) -> Record | tuple[Payment, UUID | None]:
        """Return a payment to be made and the one that it replaces; or the record of the first request.

        The record is asked for only where the order is not NEW: there a repetition would do something before the
        insert of its key tells that it is one.
        """
        if new.provider:
            check_start(new, await self._accounts.get(new.tenant, new.provider))
        order = await self._orders.get(new.order_id)
        if order.status != "NEW" and (record := await self._find(claim)):
            return record
        replaces = await self._close_waiting(new, order)
        order.check_payable(self._runtime.clock(), replaced=replaces is not None)
        payment_id = self._runtime.ids()
        provider, route = await self._choose(new, order, payment_id)
        return self._intent(new, order, payment_id, provider, route), replaces

    async def get(self, merchant_id: UUID, payment_id: UUID) -> Payment:
        """Return a merchant's payment. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            payment = await self._ledger.payments.get(session, merchant_id, payment_id)
        if payment is None:
            raise not_found("payment", str(payment_id))
        return payment

    async def page(self, listing: Listing, *, after: UUID | None, limit: int) -> list[Payment]:
        """Return a page of a merchant's payments."""
        async with self._database.session() as session:
            return await self._ledger.payments.page(session, listing, after=after, limit=limit)

    async def capture(self, merchant_id: UUID, payment_id: UUID, amount: Money | None) -> Payment:
        """Capture an authorized payment, all or a part of it. Raises ApiError as the contract's CapturePayment says."""
        payment = await self.get(merchant_id, payment_id)
        wanted = amount or payment.amount
        if payment.status == PaymentStatus.SUCCESS and payment.captured == wanted.minor:
            return payment
        check_capturable(payment)
        check_part(wanted, payment.amount)
        provider = await self._accounts.of(payment)
        if wanted != payment.amount:
            check_capability(provider.capabilities.partial_capture, "amount", provider.name, "capture a part")
            _check_amount(wanted, provider, "amount.value")
        return await self._operate(payment, OperationKind.CAPTURE, wanted.minor, check_capturable)

    async def cancel(self, merchant_id: UUID, payment_id: UUID) -> Payment:
        """Cancel a payment before money moved. Raises ApiError as the contract's CancelPayment says."""
        payment = await self.get(merchant_id, payment_id)
        if payment.status == PaymentStatus.CANCELLED:
            return payment
        check_cancellable(payment)
        return await self._operate(payment, OperationKind.CANCEL, 0, check_cancellable)

    async def _operate(
        self, payment: Payment, kind: OperationKind, amount: int, check: Callable[[Payment], None]
    ) -> Payment:
        """Have the provider do something, to the end even when the caller is gone; the answer is the operation's."""

        async def work() -> tuple[Payment, Operation]:
            # the provider's own event about this waits, so that the payment says who did it
            async with self._runtime.locks.hold(f"order:{payment.order_id}", wait=0):
                return await self._operations.operate(payment.payment_id, kind, Requester.MERCHANT, amount, check)

        done, operation = await self._runtime.background.shielded(work())
        raise_if_open(done, operation)
        finished: Payment = done
        return finished

    async def _close_waiting(self, new: NewPayment, order: PayableOrder) -> UUID | None:
        """Close the payment of an order that waits for a customer who has to act: another one takes its place.

        Return its id. Raises ApiError FAILED_PRECONDITION, reason PAYMENT_IN_PROGRESS, with the id of the payment when
        it turns out to be paid, or cannot be closed now.
        """
        if order.status != "PROCESSING":
            return None
        async with self._database.session() as session:
            waiting = await self._ledger.payments.live_of_order(session, new.order_id)
        if waiting is None:
            raise await self._just_ended(new)
        if waiting.merchant_id != new.merchant_id:
            return None
        if waiting.status != PaymentStatus.REQUIRES_ACTION:
            raise _in_progress(waiting)
        try:
            closed = await self._operate(waiting, OperationKind.CANCEL, 0, check_cancellable)
        except ApiError as error:
            raise _in_progress(waiting) from error
        if closed.status != PaymentStatus.CANCELLED:
            raise _in_progress(closed)
        return closed.payment_id

    async def _just_ended(self, new: NewPayment) -> ApiError:
        """Return the refusal while the order has not heard yet how its payment ended, with the id of that payment."""
        of_order = Listing({"merchant_id": new.merchant_id, "order_id": new.order_id})
        last = await self.page(of_order, after=None, limit=1)
        if not last:
            where = {"order_id": str(new.order_id)}
            return failed_precondition("PAYMENT_IN_PROGRESS", "another payment of this order is under way", **where)
        return _in_progress(last[0])

    async def _choose(
        self, new: NewPayment, order: PayableOrder, payment_id: UUID
    ) -> tuple[ResilientProvider, Route | None]:
        """Return the provider that was asked for, or the one that the merchant's policy gives."""
        if new.provider:
            provider = await self._accounts.get(new.tenant, new.provider)
            _check_amount(order.amount, provider, "order_id")
            return provider, None

        def fits(provider: Provider) -> None:
            check_start(new, provider)
            provider.check_amount(order.amount)

        wanted = RoutingRequest(new.tenant, order.amount, new.customer_country)
        return await self._router.choose(wanted, payment_id, fits)

    async def _start(
        self, payment: Payment, start: Operation, lease: Lease, claim: Claim | None, replaces: UUID | None = None
    ) -> Payment:
        """Reserve the order and ask the provider, while webhooks and look-ups of the same order wait.

        Raises ApiError when the order was taken meanwhile; the payment is CANCELLED then. Any other error names the
        payment: it is recorded, and goes on.
        """
        async with (
            self._runtime.locks.under_way.working(payment.payment_id) as work,
            self._runtime.locks.hold(f"order:{payment.order_id}", wait=0),
            self._operations.driven(payment.payment_id, lease),
        ):
            await self._reserve(payment, start, claim, replaces)
            started, _ = await self._operations.execute(payment, start, claim, lease)
            work.outcome = started
        return started

    async def _reserve(self, payment: Payment, start: Operation, claim: Claim | None, replaces: UUID | None) -> None:
        try:
            await self._orders.reserve(payment, replaces)
        except ApiError as error:
            if error.code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND):
                await self._abandon(payment, start, error, claim)
                raise
            if claim:
                async with self._database.session() as session:
                    await idempotency.hand_over(session, claim)
            words = f"{error.message}; the payment is recorded and goes on, ask for it or repeat the call"
            where = {**error.metadata, "payment_id": str(payment.payment_id), "status": str(payment.status)}
            raise ApiError(error.code, error.reason, words, metadata=where) from error

    async def _abandon(self, payment: Payment, start: Operation, error: ApiError, claim: Claim | None) -> None:
        """Cancel an intent whose order was taken; the refused request leaves its key free."""
        failure = Failure("cancelled", error.message)
        never_sent = Fact(start.attempt, Snapshot("", PaymentStatus.CANCELLED, failure=failure))
        await self._ledger.finish(start, never_sent, refusal=failure)
        if claim:
            async with self._database.session() as session:
                await idempotency.release(session, claim)

    def _intent(
        self, new: NewPayment, order: PayableOrder, payment_id: UUID, provider: ResilientProvider, route: Route | None
    ) -> Payment:
        now = self._runtime.clock()
        return Payment(
            payment_id=payment_id,
            merchant_id=new.merchant_id,
            order_id=new.order_id,
            provider=provider.name,
            mode=new.mode,
            account_id=provider.account_id,
            provider_reference="",
            amount=order.amount,
            description=order.description,
            status=PaymentStatus.INITIATED,
            capture_method=new.capture_method,
            captured=0,
            refunded=0,
            payment_method=new.payment_method,
            return_url=new.return_url,
            cancel_url=new.cancel_url,
            redirect_url="",
            failure=None,
            version=1,
            create_time=now,
            update_time=now,
            attempts=(domain.first_attempt(provider.name, now, provider.account_id),),
            route=route,
        )

    async def _commit_intent(self, payment: Payment, driver: UUID, claim: Claim | None) -> Operation | None:
        """Store the intent with its first operation and the lease of who drives it; None when the key was taken.

        Raises ApiError FAILED_PRECONDITION, reason PAYMENT_IN_PROGRESS, when the order has a live payment.
        """
        start = self._ledger.operation(payment, OperationKind.START, Requester.MERCHANT)
        happened = history.entries(changes.of_payment(payment))
        intent = Intent(payment, start, facts.payment_event(payment, None), happened, driver)
        wait, driving = self._runtime.first_check, self._operations.lease
        try:
            async with self._ledger.work.statement() as session:
                is_new = await intents.store(session, intent, claim, wait=wait, driving=driving, answering=LEASE)
        except UniqueViolation:
            raise _in_progress(payment, known=False) from None
        if not is_new:
            return None
        PAYMENTS.labels(payment.provider, payment.status).inc()
        return start

    async def _find(self, claim: Claim | None) -> Record | None:
        if claim is None:
            return None
        async with self._database.session() as session:
            return await idempotency.find(session, claim)

    async def _repeat(self, record: Record, claim: Claim | None, merchant_id: UUID) -> Payment | Record:
        """Answer a repeated request: with the stored answer, or by continuing what died half-way."""
        assert claim, "a record is of a key"
        if record.response is not None:
            return record
        payment = await self.get(merchant_id, record.resource_id)
        if payment.status not in TERMINAL:
            # an outcome that stands needs no lease: nobody who is still at work could change it
            async with self._database.session() as session:
                await idempotency.take_over(session, claim, LEASE)
            payment = await self._runtime.background.shielded(self.resume(payment))
        async with self._database.session() as session:
            await idempotency.answer(session, claim, payment.payment_id, payment)
        return payment

    async def resume(self, payment: Payment) -> Payment:
        """Carry on a payment whose start has no answer: its order is reserved, and its provider is asked again."""
        async with self._database.session() as session:
            known = await self._ledger.operations.of_payment(session, payment.payment_id)
        for one in known:
            if one.kind == OperationKind.START and one.is_open:
                await self._reserve(payment, one, None, None)
                await self._operations.repeat(one)
        return await self.get(payment.merchant_id, payment.payment_id)


def _in_progress(payment: Payment, *, known: bool = True) -> ApiError:
    where = {"order_id": str(payment.order_id)}
    if known:
        where |= {"payment_id": str(payment.payment_id), "status": str(payment.status)}
    return failed_precondition("PAYMENT_IN_PROGRESS", "another payment of this order is under way", **where)


def check_capability(has: bool, field: str, provider: str, what: str) -> None:
    """Refuse what a provider cannot do. Raises ApiError INVALID_ARGUMENT, reason CAPABILITY_NOT_SUPPORTED."""
    if not has:
        raise invalid(field, f"{provider} does not {what}", "CAPABILITY_NOT_SUPPORTED")


def check_start(new: NewPayment, provider: Provider) -> None:
    """Refuse a payment that a provider cannot start as asked. Raises ApiError INVALID_ARGUMENT."""
    can = provider.capabilities
    if new.payment_method:
        fits = bool(can.tokens) and re.fullmatch(can.tokens, new.payment_method) is not None
        check_capability(fits, "payment_method", provider.name, "take such a payment-method token")
    else:
        check_capability(can.hosted_page, "payment_method", provider.name, "have a hosted page; a token is required")
    if new.capture_method == CaptureMethod.MANUAL:
        holds = can.authorization_lifetime is not None
        check_capability(holds, "capture_method", provider.name, "hold money for a later capture")


def _check_amount(amount: Money, provider: Provider, field: str) -> None:
    """Refuse, with nothing stored, what the provider's wire form cannot hold. Raises ApiError INVALID_ARGUMENT."""
    try:
        provider.check_amount(amount)
    except AmountNotSupportedError as error:
        raise invalid(field, str(error), "AMOUNT_NOT_SUPPORTED") from None
