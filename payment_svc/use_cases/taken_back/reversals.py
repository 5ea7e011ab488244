"""Money that a provider has taken back by itself: it is written down as a refund that nobody here asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from payment_svc.domain.clocks import CLOCK_SKEW
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
        ObjectNotFoundError where the provider shows nothing that it has taken, or nothing that this event tells of.
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
        if not done and event.refund_reference:
            return Verdict("QUARANTINED", "the provider does not show what it has taken back", current)
        written = [await self._record(current, one) for one in done]
        if refused := [why for why in written if why]:
            return Verdict("QUARANTINED", refused[0], current)
        if not (event.refund_reference or "" in written or await self._is_told(event, current, done)):
            raise ObjectNotFoundError(f"{provider.name} shows nothing that it has taken back and was not known")
        return Verdict("APPLIED", "", current)

    async def _is_told(self, event: ProviderEvent, payment: Payment, shown: Sequence[RefundSnapshot]) -> bool:
        """Whether an event that names a capture may have no news, where all that its provider shows of it is known.

        It does where nothing is left to be taken, or what it took was written down since: at an earlier try. Anything
        else that is known went back before: a refund that the merchant made there, or what was taken another time.
        """
        async with self._ledger.work.begin() as unit:
            current = await self._ledger.lock(unit, payment.payment_id)
            if not (await self._losses.left(unit, current)).minor:
                return True
            names, since = {one.reference for one in shown}, event.create_time - CLOCK_SKEW
            gone = await self._ledger.refunds.written_off(unit.session, payment.payment_id)
            return any(one.provider_reference in names and one.create_time >= since for one in gone)

    async def _record(self, payment: Payment, taken: RefundSnapshot) -> str | None:
        """Write one of them down, and return nothing, or why not where it cannot be; None for one that is known.

        Raises UndecidedError while it is not known how much was left.
        """
        async with self._ledger.work.begin() as unit:
            current = await self._ledger.lock(unit, payment.payment_id)
            if await self._losses.is_known(unit, payment, taken.reference):
                return None
            sums = await self._ledger.refunds.sums(unit.session, payment.payment_id)
            if taken.amount is None and sums.unnamed:
                raise UndecidedError("whether a refund was made before it was taken back is not known yet")
            # what is under way is not there to be taken: all that was left is what remains beside it
            amount = taken.amount or current.money(current.captured - sums.taken)
            return await self._losses.record(unit, current, replace(taken, amount=amount), REVERSED)
