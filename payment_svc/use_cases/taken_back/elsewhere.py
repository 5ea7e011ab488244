"""Refunds that were made at the provider, or lost here: what it shows is brought into the books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from mesh.ids import Clock, utc_now
from payment_svc.domain.payment import Attempt, Payment, PaymentStatus, is_current, is_named
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.refund import GivenBack, RefundAmountError
from payment_svc.providers.base import ProviderEvent, UnavailableError
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import at_attempt
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.lost_refunds import Booked, given_back_of
from payment_svc.use_cases.payment_events import PaymentEvents
from payment_svc.use_cases.refunds import Refunds

SHOWN_WITHIN = timedelta(minutes=15)
"""How much later than its event an object may show: of many nothing else would ever tell."""


class Elsewhere:
    """Books refunds that the provider lists of a payment's own object; an event's word is not enough."""

    def __init__(
        self, ledger: Ledger, accounts: Accounts, payments: PaymentEvents, refunds: Refunds, clock: Clock = utc_now
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._payments = payments
        self._refunds = refunds
        self._clock = clock

    async def apply_event(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict:
        """Look for the refund of an event, and write it down once; the capture itself comes first, should it be new.

        Raises UnavailableError while the provider does not list it yet.
        """
        if payment.status != PaymentStatus.SUCCESS:
            verdict = await self._payments.apply_event(provider, event, payment)
            if verdict.status != "APPLIED":
                return verdict
            payment = verdict.payment or payment
        for attempt in _objects(payment):
            if (attempt.provider, attempt.account_id) != (provider.name, provider.account_id):
                continue
            given = await provider.given_back(at_attempt(payment, attempt.number), payment.create_time)
            shown = [one for one in given if one.snapshot.reference == event.refund_reference]
            if shown:
                booked = await self._refunds.write_down(payment, shown, _part(payment, attempt))
                return Verdict("QUARANTINED" if booked.differing else "APPLIED", "; ".join(booked.differing), payment)
        if self._clock() - event.create_time < SHOWN_WITHIN:
            raise UnavailableError(f"{provider.name} does not list the refund yet")
        return Verdict("QUARANTINED", "the provider lists no such refund of the payment", payment)

    async def refresh(self, payment_id: UUID) -> tuple[Payment, Booked]:
        """Bring all refunds of a payment in agreement with what its providers list; return it as it is then.

        Raises ApiError NOT_FOUND; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, while a provider does not say.
        """
        payment = await self._read(payment_id)
        booked, differing = 0, list[str]()
        for attempt in _objects(payment):
            at = at_attempt(payment, attempt.number)
            provider = await self._accounts.of(at)
            given = await given_back_of(at, provider, payment.create_time)
            found = await self._refunds.write_down(payment, given, _part(payment, attempt))
            differing += [*found.differing, *[why for one in given if (why := await self._agree(payment, one))]]
            booked += found.refunds
        return await self._read(payment_id), Booked(booked, tuple(differing))

    async def _agree(self, payment: Payment, shown: GivenBack) -> str:
        """Apply what is shown of a refund that is known; return why it does not fit."""
        refund = await self._refunds.named(payment, shown.refund_id, shown.snapshot.reference)
        if refund is None:
            return ""
        try:
            await self._refunds.apply_snapshot(refund, shown.snapshot)
        except RefundAmountError as error:
            await self._refunds.ask_of_amount(refund, error)
            return str(error)
        return ""

    async def _read(self, payment_id: UUID) -> Payment:
        async with self._ledger.work.begin() as unit:
            return await self._ledger.lock(unit, payment_id)


def _objects(payment: Payment) -> Iterator[Attempt]:
    """Yield the last attempt at each object that has a name at its provider, the newest first."""
    seen = set[tuple[str, UUID | None, str]]()
    for attempt in reversed(payment.attempts):
        key = (attempt.provider, attempt.account_id, attempt.provider_reference)
        if is_named(attempt.provider_reference) and key not in seen:
            seen.add(key)
            yield attempt


def _part(payment: Payment, attempt: Attempt) -> int | None:
    """Return the attempt whose surplus it is that goes back of its object; None: it is what the payment captured."""
    return None if is_current(payment, attempt.number) and not attempt.surplus else attempt.number
