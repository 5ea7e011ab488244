"""The use cases of payments: start, look, capture, cancel; `operations` asks providers, `ledger` writes down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import grpc
from psycopg.errors import UniqueViolation

from mesh.errors import ApiError, not_found
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.service import BackgroundTasks
from mesh.storage import history, idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from mesh.storage.listing import Listing
from mesh.storage.lock import Locks
from mesh.storage.recorded import recorded
from mesh.telemetry import get_logger
from payment_svc.contract import events as facts
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain.account import Tenant
from payment_svc.domain.new_payment import NewPayment, Way, intent
from payment_svc.domain.operation import Lease, Operation, OperationKind, Requester
from payment_svc.domain.payment import TERMINAL, Fact, Failure, Payment, PaymentStatus, Route, Snapshot
from payment_svc.metrics import PAYMENTS
from payment_svc.order_port import OrderClient, PayableOrder
from payment_svc.providers.base import Provider
from payment_svc.providers.registry import discover
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage import intents
from payment_svc.storage.intents import Intent
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import (
    check_amount,
    check_cancellable,
    check_capability,
    check_capturable,
    check_part,
    check_start,
    in_progress,
    raise_if_open,
)
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.operations import Operations
from payment_svc.use_cases.predecessors import Predecessor, Predecessors
from payment_svc.use_cases.routing.router import Router, RoutingRequest

log = get_logger(__name__)
REFUSALS = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND)
"""How the order service refuses; anything else is no answer of its."""
LEASE = timedelta(seconds=30)
"""How long the first request under an idempotency key may take before a repetition may continue its work."""


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
        self._predecessors = Predecessors(ledger, orders, accounts, database, runtime.clock, runtime.ids)

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
            return await self._repeat(intended, claim, new)
        payment, replaces = intended
        lease = Lease(self._runtime.ids())
        start = await self._store(payment, replaces, lease.driver, claim)
        if start is None:
            record = await self._find(claim)
            return await self._repeat(record, claim, new) if record else await self.create(new, claim)
        work = self._start(payment, start, lease, claim, replaces.payment_id if replaces else None)
        async with recorded({"payment_id": payment.payment_id}, certainly=True):
            return await self._runtime.background.shielded(work)

    async def _intend(self, new: NewPayment, claim: Claim | None) -> Record | tuple[Payment, Predecessor | None]:
        """Return a payment to be made and the one that it replaces; or the record of the first request.

        All that can refuse it is asked here, where nothing has been done yet.
        The record is asked for only where the order is not NEW: there a repetition would do something before the
        insert of its key tells that it is one.
        """
        if new.provider:
            named = await self._accounts.get(Tenant(new.merchant_id, new.mode), new.provider)
            check_start(new.payment_method, new.capture_method, named)
        order = await self._orders.get(new.order_id)
        if order.status != "NEW" and (record := await self._find(claim)):
            return record
        replaces = await self._predecessors.before(new, order)
        order.check_payable(self._runtime.clock(), replaced=replaces is not None)
        payment_id = self._runtime.ids()
        provider, route = await self._choose(new, order, payment_id)
        way = Way(provider.name, provider.account_id, route)
        return intent(new, order.copied, payment_id, way, self._runtime.clock()), replaces

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

    async def behind(self, merchant_id: UUID, provider: str, reference: str) -> UUID | None:
        """Return the merchant's payment that a provider, or any where none is named, knows by a reference."""
        providers = [provider] if provider else sorted(discover())
        async with self._database.session() as session:
            return await self._ledger.payments.behind(session, merchant_id, providers, reference)

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
            check_amount(wanted, provider, "amount.value")
        return await self._operate(payment, OperationKind.CAPTURE, wanted.minor, check_capturable)

    async def cancel(self, merchant_id: UUID, payment_id: UUID) -> Payment:
        """Cancel a payment before money moved. Raises ApiError as the contract's CancelPayment says."""
        payment = await self.get(merchant_id, payment_id)
        if payment.status == PaymentStatus.CANCELLED:
            return payment
        check_cancellable(payment)
        return await self._operate(payment, OperationKind.CANCEL, 0, check_cancellable)

    async def give_up(self, payment: Payment) -> None:
        """End a payment whose page nobody was given, so that another one may take its place.

        Raises ApiError FAILED_PRECONDITION, reason PAYMENT_IN_PROGRESS, while somebody works on it, or when it has one.
        """

        async def work() -> None:
            async with self._operations.driving(payment.payment_id) as free:
                if not free or not await self._ledger.give_up(payment.payment_id):
                    raise in_progress(payment)

        await self._runtime.background.shielded(work())

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
        return done

    async def _close(self, waiting: Payment) -> None:
        """Close a payment whose place another one takes. Raises PAYMENT_IN_PROGRESS when it is paid or stays open."""
        try:
            closed = await self._operate(waiting, OperationKind.CANCEL, 0, check_cancellable)
        except ApiError as error:
            if error.code in REFUSALS:
                raise in_progress(waiting) from error
            raise
        if closed.status != PaymentStatus.CANCELLED:
            raise in_progress(closed)

    async def _choose(
        self, new: NewPayment, order: PayableOrder, payment_id: UUID
    ) -> tuple[ResilientProvider, Route | None]:
        """Return the provider that was asked for, or the one that the merchant's policy gives."""
        if new.provider:
            provider = await self._accounts.get(Tenant(new.merchant_id, new.mode), new.provider)
            check_amount(order.amount, provider, "order_id")
            return provider, None

        def fits(provider: Provider) -> None:
            check_start(new.payment_method, new.capture_method, provider)
            provider.check_amount(order.amount)

        wanted = RoutingRequest(Tenant(new.merchant_id, new.mode), order.amount, new.customer_country)
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
            async with self._database.session() as session:
                # from here on it may have been sent, whatever becomes of this process
                sent = await self._ledger.operations.send(session, start.operation_id, self._runtime.first_check)
            if sent is None:
                # somebody else has carried it on meanwhile
                return await self._answered(payment, claim)
            started, _ = await self._operations.execute(payment, sent, claim, lease)
            work.outcome = started
        return started

    async def _reserve(self, payment: Payment, start: Operation, claim: Claim | None, replaces: UUID | None) -> None:
        try:
            await self._predecessors.reserve(payment, replaces)
        except ApiError as error:
            is_abandoned = await self._abandon(payment, start, error)
            # a refused request leaves its key free
            await self._leave(claim, payment, is_free=is_abandoned)
            if is_abandoned:
                raise
            words = f"{error.message}; the payment is recorded and goes on, ask for it or repeat the call"
            where = {**error.metadata, "payment_id": str(payment.payment_id), "status": str(payment.status)}
            raise ApiError(error.code, error.reason, words, metadata=where) from error

    async def _abandon(self, payment: Payment, start: Operation, error: ApiError) -> bool:
        """Cancel an intent whose order was taken; return False when that was not said, or its provider may know it.

        What was sent is ended by its provider alone: an order that has been taken since says nothing of the money.
        """
        if error.code not in REFUSALS:
            return False
        never_sent = Snapshot("", PaymentStatus.CANCELLED, failure=Failure("cancelled", error.message))
        async with self._ledger.work.begin() as unit:
            current = await self._ledger.lock(unit, payment.payment_id)
            operation = await self._ledger.operations.lock(unit.session, start.operation_id)
            if operation is None or not operation.is_unsent:
                return False
            now = self._runtime.clock()
            await self._ledger.save(unit, current, transitions.apply(current, Fact(start.attempt, never_sent), now))
        return True

    async def _store(
        self, payment: Payment, replaces: Predecessor | None, driver: UUID, claim: Claim | None
    ) -> Operation | None:
        """Store the intent, in the place of one that waits where there is one; None when the key was taken.

        What waits is closed under the key alone: a repetition would close what the first request has made.
        Raises ApiError FAILED_PRECONDITION, reason PAYMENT_IN_PROGRESS; the key is free then.
        """
        if replaces is None or replaces.waiting is None:
            return await self._commit_intent(payment, driver, claim)
        if claim:
            async with self._database.session() as session:
                if not await idempotency.begin(session, claim, payment.payment_id, LEASE):
                    return None
        try:
            await self._close(replaces.waiting)
            return await self._commit_intent(payment, driver, claim, is_claimed=True)
        except ApiError as error:
            # what may be stored is found by who repeats the request
            await self._leave(claim, payment, is_free=error.metadata.get("payment_id") != str(payment.payment_id))
            raise

    async def _commit_intent(
        self, payment: Payment, driver: UUID, claim: Claim | None, *, is_claimed: bool = False
    ) -> Operation | None:
        """Store the intent with its first operation and the lease of who drives it; None when the key was taken.

        Raises ApiError FAILED_PRECONDITION: PAYMENT_IN_PROGRESS when the order has a live payment, ORDER_NOT_PAYABLE
        when it has been paid by one, whatever it says of itself.
        """
        start = replace(self._ledger.operation(payment, OperationKind.START, Requester.MERCHANT), sends=0)
        entries = history.entries(changes.of_payment(payment))
        first = Intent(payment, start, facts.payment_event(payment, None), entries, driver)
        leases = {"wait": self._runtime.first_check, "driving": self._operations.lease, "answering": LEASE}
        try:
            may_be = recorded({"payment_id": payment.payment_id}, certainly=False)
            async with may_be, self._ledger.work.statement() as session:
                stored = await intents.store(session, first, claim, is_claimed=is_claimed, **leases)
        except UniqueViolation as error:
            raise await self._predecessors.taken(payment, error) from None
        if not stored:
            return None
        self._ledger.work.carry(stored)
        PAYMENTS.labels(payment.provider, payment.status).inc()
        return start

    async def _leave(self, claim: Claim | None, payment: Payment, *, is_free: bool) -> None:
        """Free the key of a request that failed, or hand it to who repeats it; its lease ends where that fails too."""
        if claim:
            with suppress(ApiError):
                async with self._database.session() as session:
                    leave = idempotency.release if is_free else idempotency.hand_over
                    await leave(session, claim, payment.payment_id)

    async def _find(self, claim: Claim | None) -> Record | None:
        if claim is None:
            return None
        async with self._database.session() as session:
            return await idempotency.find(session, claim)

    async def _repeat(self, record: Record, claim: Claim | None, new: NewPayment) -> Payment | Record:
        """Answer a repeated request: with the stored answer, or by continuing what died half-way."""
        assert claim, "a record is of a key"
        if record.response is not None:
            return record
        async with self._database.session() as session:
            payment = await self._ledger.payments.get(session, new.merchant_id, record.resource_id)
            # an outcome that stands needs no lease: nobody who is still at work could change it
            if payment is None or payment.status not in TERMINAL:
                await idempotency.take_over(session, claim, LEASE)
            if payment is None:
                # the first one died before it had stored anything but its key
                await idempotency.release(session, claim, record.resource_id)
        if payment is None:
            return await self.create(new, claim)
        if payment.status not in TERMINAL:
            payment = await self._runtime.background.shielded(self.resume(payment))
        return await self._answered(payment, claim)

    async def _answered(self, payment: Payment, claim: Claim | None) -> Payment:
        """Return a payment as it is now, and store it as the answer of its request."""
        payment = await self.get(payment.merchant_id, payment.payment_id)
        if claim:
            async with self._database.session() as session:
                await idempotency.answer(session, claim, payment.payment_id, payment)
        return payment

    async def resume(self, payment: Payment) -> Payment:
        """Carry on a payment whose start has no answer: its order is reserved, and its provider is asked again.

        Raises ApiError when the order is refused to it, and its provider was certainly never asked: it is CANCELLED.
        Else it goes on: what it takes is settled with the order, or given back.
        """
        async with self._database.session() as session:
            known = await self._ledger.operations.of_payment(session, payment.payment_id)
        for one in known:
            if one.kind == OperationKind.START and one.is_open:
                await self._reserve_again(payment, one)
                await self._operations.repeat(one)
        return await self.get(payment.merchant_id, payment.payment_id)

    async def _reserve_again(self, payment: Payment, start: Operation) -> None:
        try:
            await self._predecessors.reserve(payment, None)
        except ApiError as error:
            if error.code not in REFUSALS or await self._abandon(payment, start, error):
                raise
            log.warning("the order is refused, and the provider may have been asked", payment_id=payment.payment_id)
            async with self._ledger.work.begin() as unit:
                await self._ledger.turn_away(unit, await self._ledger.lock(unit, payment.payment_id))
