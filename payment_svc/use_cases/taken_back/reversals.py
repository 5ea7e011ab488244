"""Money that a provider has taken back by itself: it is written down as a refund that nobody here asked for."""

from __future__ import annotations

from dataclasses import replace

from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.providers.base import ObjectNotFoundError, ProviderEvent, UnavailableError
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.payment_events import PaymentEvents
from payment_svc.use_cases.taken_back.losses import REVERSED, Losses


class UndecidedError(UnavailableError):
    """The provider answers, and has not decided yet, which may take it weeks."""


class Reversals:
    """Writes down what was taken back, so that the payment, its order and the merchant know of it."""

    def __init__(self, ledger: Ledger, payments: PaymentEvents, losses: Losses) -> None:
        self._ledger = ledger
        self._payments = payments
        self._losses = losses

    async def apply_event(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict:
        """Ask what was taken back, and write it down once; the capture itself comes first, should it be new here.

        Raises UndecidedError while the provider has not decided: the event is applied later. Raises ProviderError, as
        ObjectNotFoundError where the provider shows nothing that it has taken.
        """
        verdict = await self._payments.apply_event(provider, event, payment)
        current = verdict.payment or payment
        if verdict.status != "APPLIED" or current.status != PaymentStatus.SUCCESS:
            return verdict
        taken = await provider.reversals(current, event.refund_reference)
        if any(one.status == RefundStatus.PENDING for one in taken):
            raise UndecidedError(f"{provider.name} has not decided yet")
        if not taken:
            raise ObjectNotFoundError(f"{provider.name} shows nothing that it has taken back")
        done = [one for one in taken if one.status == RefundStatus.SUCCESS]
        if not done:
            return Verdict("QUARANTINED", "the provider does not show what it has taken back", current)
        refused = [reason for one in done if (reason := await self._record(current, one))]
        return Verdict("QUARANTINED", refused[0], current) if refused else Verdict("APPLIED", "", current)

    async def _record(self, payment: Payment, taken: RefundSnapshot) -> str:
        """Write one of them down unless it is known; return why not where it cannot be.

        Raises UndecidedError while it is not known how much was left.
        """
        async with self._ledger.work.begin() as unit:
            current = await self._ledger.lock(unit, payment.payment_id)
            if await self._losses.is_known(unit, payment, taken.reference):
                return ""
            sums = await self._ledger.refunds.sums(unit.session, payment.payment_id)
            if taken.amount is None and sums.unnamed:
                raise UndecidedError("whether a refund was made before it was taken back is not known yet")
            # what is under way is not there to be taken: all that was left is what remains beside it
            amount = taken.amount or current.money(current.captured - sums.taken)
            return await self._losses.record(unit, current, replace(taken, amount=amount), REVERSED)
