"""The use cases of payments: start one, look at them, capture, cancel. `charging` carries them on."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from psycopg.errors import UniqueViolation

from mesh.errors import failed_precondition, invalid, not_found, unavailable
from mesh.events.unit_of_work import UnitsOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.money import Money
from mesh.service import BackgroundTasks
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from mesh.storage.lock import Locks
from payment_svc.contract import messages as mapping
from payment_svc.domain import payment as domain
from payment_svc.domain.payment import TERMINAL, CaptureMethod, Payment, PaymentStatus, Route, Snapshot
from payment_svc.order_port import OrderClient, PayableOrder
from payment_svc.providers.base import AmountNotSupportedError, Provider, ProviderError, RejectedError
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.payments import PaymentRepository
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts, Tenant
from payment_svc.use_cases.charging import Charging
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
    capture_method: CaptureMethod
    customer_country: str = ""
    mode: str = ""

    @property
    def owner(self) -> Tenant:
        """Who asks."""
        return Tenant(self.merchant_id, self.mode)


class Payments:
    """Starts payments, and changes them as merchants ask."""

    def __init__(
        self,
        database: Database,
        store: PaymentRepository,
        orders: OrderClient,
        accounts: Accounts,
        router: Router,
        charging: Charging,
        locks: Locks,
        background: BackgroundTasks,
        work: UnitsOfWork,
        *,
        first_check: timedelta,
        clock: Clock = utc_now,
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._store = store
        self._orders = orders
        self._accounts = accounts
        self._router = router
        self._charging = charging
        self._locks = locks
        self._background = background
        self._work = work
        self._first_check = first_check
        self._clock = clock
        self._ids = ids

    async def create(self, new: NewPayment, claim: Claim | None) -> Payment | Record:
        """Start a payment, or return the record of the request that started it under the same key.

        Raises ApiError as the contract's CreatePayment says; then nothing was stored and nothing charged.
        """
        if claim and (record := await self._find(claim)):
            return await self._repeat(record, claim, new.merchant_id)
        if new.provider:
            check_start(new, await self._accounts.get(new.owner, new.provider))
        order = await self._orders.get(new.order_id)
        order.check_payable(self._clock())
        payment_id = self._ids()
        provider, route = await self._choose(new, order, payment_id)
        payment = self._intent(new, order, payment_id, provider, route)
        if not await self._commit_intent(payment, claim):
            return await self.create(new, claim)
        finished: Payment = await self._background.shielded(self._drive(payment, claim))
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
        provider = await self._accounts.of(payment)
        if wanted != payment.amount:
            check_capability(provider.capabilities.partial_capture, "amount", provider.name, "capture a part")
            _check_amount(wanted, provider, "amount.value")
        return await self._operate(payment, lambda one: provider.capture(one, wanted))

    async def cancel(self, merchant_id: UUID, payment_id: UUID) -> Payment:
        """Cancel a payment before money moved. Raises ApiError as the contract's CancelPayment says."""
        payment = await self.get(merchant_id, payment_id)
        if payment.status == PaymentStatus.CANCELLED:
            return payment
        at_provider = bool(payment.provider_reference)
        if payment.status not in (PaymentStatus.INITIATED, PaymentStatus.AUTHORIZED) or not at_provider:
            raise failed_precondition("PAYMENT_NOT_CANCELLABLE", f"the payment is {payment.status}")
        return await self._operate(payment, (await self._accounts.of(payment)).cancel)

    async def _operate(self, payment: Payment, call: Callable[[Payment], Awaitable[Snapshot]]) -> Payment:
        """Change the provider's object and agree with it, to the end even when the caller is gone.

        The provider may refuse because the object has moved on: then what it says now decides. Raises ApiError
        UNAVAILABLE when it does not answer, FAILED_PRECONDITION when it refuses and nothing has changed.
        """

        async def work() -> Payment:
            # the provider's own event about this waits, so that the payment says who did it
            async with self._locks.hold(f"order:{payment.order_id}", wait=0):
                return await operate()

        async def operate() -> Payment:
            try:
                return await self._charging.apply_snapshot(payment.payment_id, await call(payment))
            except RejectedError as error:
                said = await (await self._accounts.of(payment)).fetch(payment)
                now = await self._charging.sync(payment, said)
                if now.status == payment.status:
                    raise failed_precondition("PROVIDER_REFUSED", error.failure.message) from None
                return now
            except ProviderError as error:
                raise unavailable("PROVIDER_UNAVAILABLE", f"{error}; repeat the call") from error

        finished: Payment = await self._background.shielded(work())
        return finished

    async def _choose(
        self, new: NewPayment, order: PayableOrder, payment_id: UUID
    ) -> tuple[ResilientProvider, Route | None]:
        """Return the provider that was asked for, or the one that the merchant's policy gives."""
        if new.provider:
            provider = await self._accounts.get(new.owner, new.provider)
            _check_amount(order.amount, provider, "order_id")
            return provider, None

        def fits(provider: Provider) -> None:
            check_start(new, provider)
            provider.check_amount(order.amount)

        return await self._router.choose(
            RoutingRequest(new.owner, order.amount, new.customer_country), payment_id, fits
        )

    async def _drive(self, payment: Payment, claim: Claim | None, *, again: bool = False) -> Payment:
        """Carry a payment on while webhooks and look-ups of the same order wait."""
        async with self._locks.hold(f"order:{payment.order_id}", wait=0):
            return await self._charging.execute(payment, claim, again=again)

    def _intent(
        self, new: NewPayment, order: PayableOrder, payment_id: UUID, provider: ResilientProvider, route: Route | None
    ) -> Payment:
        now = self._clock()
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
            redirect_url="",
            failure=None,
            version=1,
            create_time=now,
            update_time=now,
            attempts=(domain.first_attempt(provider.name, now),),
            route=route,
        )

    async def _commit_intent(self, payment: Payment, claim: Claim | None) -> bool:
        """Store the intent; return False when the key was taken meanwhile.

        Raises ApiError FAILED_PRECONDITION, reason PAYMENT_IN_PROGRESS, when the order has a live payment.
        """
        now = payment.create_time
        try:
            async with self._work.begin() as unit:
                if claim and not await idempotency.begin(unit.session, claim, payment.payment_id, now, LEASE):
                    return False
                await self._store.insert(unit.session, payment, now + self._first_check)
                unit.add(mapping.payment_event(payment, None), changes.of_payment(payment))
        except UniqueViolation:
            raise failed_precondition(
                "PAYMENT_IN_PROGRESS", "another payment of this order is under way", order_id=str(payment.order_id)
            ) from None
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
            resumed: Payment = await self._background.shielded(self._drive(payment, claim, again=True))
            return resumed
        async with self._database.session() as session:
            await idempotency.answer(session, claim, payment.payment_id, payment)
        return payment


def check_part(part: Money, whole: Money) -> None:
    """Refuse an amount that is not a part of another. Raises ApiError INVALID_ARGUMENT."""
    if part.currency != whole.currency:
        raise invalid("amount.currency", f"the payment is in {whole.currency}")
    if part.minor > whole.minor:
        raise invalid("amount.value", f"at most {whole.value} {whole.currency} is possible", "AMOUNT_TOO_LARGE")


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
