"""Carries a committed payment on: asks its provider, agrees with the answer, and moves on to another provider.

A charge is never made inside a database transaction. The intent is committed first, then the provider is asked under
an idempotency key of the payment, then the outcome is committed; whatever dies in between is picked up by the
reconciler or by the provider's webhook.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import grpc

from mesh.errors import ApiError, not_found
from mesh.events.unit_of_work import UnitOfWork, UnitsOfWork
from mesh.ids import Clock, utc_now
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim
from mesh.telemetry import get_logger
from payment_svc.contract import messages as mapping
from payment_svc.domain import payment as domain
from payment_svc.domain import schedule
from payment_svc.domain.payment import LIVE, Failure, Payment, PaymentStatus, Snapshot
from payment_svc.order_port import OrderClient
from payment_svc.providers.base import OutcomeUnknownError, ProviderError, RejectedError, UnavailableError
from payment_svc.providers.registry import capabilities_of
from payment_svc.storage.payments import PaymentRepository
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts, Tenant

log = get_logger(__name__)


class Charging:
    """Keeps payments in agreement with their providers."""

    def __init__(
        self,
        database: Database,
        store: PaymentRepository,
        orders: OrderClient,
        accounts: Accounts,
        work: UnitsOfWork,
        *,
        authorization: timedelta | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._orders = orders
        self._accounts = accounts
        self._work = work
        self._authorization = authorization
        self._clock = clock

    async def execute(self, payment: Payment, claim: Claim | None = None, *, again: bool = False) -> Payment:
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
        snapshot = await self._start(payment, again=again)
        return await self.apply_snapshot(payment.payment_id, snapshot, claim)

    async def sync(self, payment: Payment, snapshot: Snapshot) -> Payment:
        """Agree with what the provider says, and take the money where the customer has approved that.

        The payment is PROCESSING before the money is asked for: from then on nobody can cancel it.
        Raises as `agree` does.
        """
        changed = await self.apply_snapshot(payment.payment_id, snapshot)
        if not snapshot.approved or changed.status != PaymentStatus.PROCESSING:
            return changed
        completed = await self._answer(changed, (await self._accounts.of(changed)).complete)
        return await self.apply_snapshot(changed.payment_id, completed)

    async def apply_snapshot(self, payment_id: UUID, snapshot: Snapshot, claim: Claim | None = None) -> Payment:
        """Apply what the provider says, in one transaction with its events and the stored answer.

        Raises ApiError NOT_FOUND for a payment that is not here, AmountMismatchError when the money differs from ours.
        """
        async with self._work.begin() as unit:
            payment = await self._store.lock(unit.session, payment_id)
            if payment is None:
                raise not_found("payment", str(payment_id))
            versions = domain.apply(payment, snapshot, self._clock(), self._hold(payment.provider))
            payment = await self._save(unit, payment, versions)
            if claim:
                await idempotency.answer(unit.session, claim, payment_id, payment)
        return payment

    async def _start(self, payment: Payment, *, again: bool) -> Snapshot:
        """Create the object at the provider, or at the next one while it is certain that nobody was charged.

        A customer cannot have paid on a page whose address was never given out; a direct charge is certain not to have
        happened only when the provider was not reached, and that only at the first time.
        """
        while True:
            try:
                return await (await self._accounts.of(payment)).start(payment)
            except RejectedError as error:
                return Snapshot("", PaymentStatus.FAILED, failure=error.failure)
            except (UnavailableError, OutcomeUnknownError) as error:
                unpaid = payment.is_hosted and not payment.provider_reference
                unreached = isinstance(error, UnavailableError) and not again
                failure = Failure("provider_unavailable", f"try again later: {error}")
                moved = await self._move_on(payment, failure) if unpaid or unreached else None
                if moved is None and unreached:
                    return Snapshot("", PaymentStatus.FAILED, failure=failure)
                if moved is None:
                    return Snapshot(payment.provider_reference, PaymentStatus.PROCESSING)
                payment, again = moved, False

    async def _move_on(self, payment: Payment, failure: Failure) -> Payment | None:
        """Commit the next provider of the payment's route, before it is asked; None when there is none left."""
        tried = {attempt.provider for attempt in payment.attempts}
        left = [name for name in (payment.route.alternatives if payment.route else ()) if name not in tried]
        open_to = {
            guard.name: guard for guard in await self._accounts.available(Tenant(payment.merchant_id, payment.mode))
        }
        following = next((open_to[name] for name in left if name in open_to), None)
        if following is None:
            return None
        async with self._work.begin() as unit:
            current = await self._store.lock(unit.session, payment.payment_id)
            if current is None or current.version != payment.version or current.status not in LIVE:
                return None
            moved = domain.move_on(current, following.name, failure, self._clock(), following.account_id)
            moved = await self._save(unit, current, [moved])
        log.warning(
            "payment moved on",
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            given_up=payment.provider,
            provider=following.name,
            reason=failure.message,
        )
        return moved

    async def _answer(self, payment: Payment, call: Callable[[Payment], Awaitable[Snapshot]]) -> Snapshot:
        """Ask a provider that may have been asked before; without an answer the payment is PROCESSING, never failed."""
        try:
            return await call(payment)
        except RejectedError as error:
            return Snapshot("", PaymentStatus.FAILED, failure=error.failure)
        except ProviderError:
            return Snapshot(payment.provider_reference, PaymentStatus.PROCESSING)

    async def _abandon(self, payment: Payment, error: ApiError, claim: Claim | None) -> None:
        """Cancel an intent whose order was taken; the refused request leaves its key free."""
        failure = Failure("cancelled", error.message)
        snapshot = Snapshot("", PaymentStatus.CANCELLED, failure=failure)
        await self.apply_snapshot(payment.payment_id, snapshot)
        if claim:
            async with self._database.session() as session:
                await idempotency.release(session, claim)

    async def _save(self, unit: UnitOfWork, payment: Payment, versions: list[Payment]) -> Payment:
        for version in versions:
            await self._store.update(unit.session, version, schedule.next_check(0, self._clock()))
            unit.add(mapping.payment_event(version, payment.status), changes.of_payment(version, payment))
            payment = version
            log.info(
                "payment changed",
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                status=payment.status,
                version=payment.version,
            )
        return payment

    def _hold(self, name: str) -> timedelta | None:
        """Return how long the provider keeps money authorized, or we do where that is shorter."""
        lifetime = capabilities_of(name).authorization_lifetime
        return min(lifetime, self._authorization) if lifetime and self._authorization else lifetime
