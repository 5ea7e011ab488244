"""Finds out which of our resources a provider's event is about, and has that resource apply it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from mesh.errors import unavailable
from mesh.ids import Clock, parse_uuid, utc_now
from mesh.storage.database import Database
from mesh.storage.lock import Locks
from mesh.telemetry import get_logger
from payment_svc.domain.payment import TERMINAL, Payment, StaleFactError
from payment_svc.domain.provider_event import Verdict
from payment_svc.providers import event_form
from payment_svc.providers.base import (
    Loss,
    ObjectNotFoundError,
    ProviderError,
    ProviderEvent,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.provider_events import StoredEvent
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.payment_events import PaymentEvents
from payment_svc.use_cases.refunds import Refunds
from payment_svc.use_cases.taken_back.disputes import Disputes
from payment_svc.use_cases.taken_back.elsewhere import SHOWN_WITHIN, Elsewhere
from payment_svc.use_cases.taken_back.reversals import Reversals

log = get_logger(__name__)
LOCK_WAIT_SECONDS = 2.0
LOOKS = 3
"""How often a dispute is looked at for one event while others change it; then the event comes again later."""
FOREIGN = "came from another account than the payment's"
"""Said without the payment: nothing of such an event may stand in its timeline, as another wrote the words."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What events are about."""

    payments: PaymentEvents
    refunds: Refunds
    elsewhere: Elsewhere
    reversals: Reversals
    disputes: Disputes


class EventApplication:
    """Applies events to the resources that they are about."""

    def __init__(
        self,
        database: Database,
        store: PaymentRepository,
        accounts: Accounts,
        resources: Resources,
        locks: Locks,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._accounts = accounts
        self._resources = resources
        self._locks = locks
        self._clock = clock
        self._waiting: dict[object, asyncio.Future[Verdict]] = {}

    async def apply(self, stored: StoredEvent) -> Verdict:
        """Apply an event to the payment that it belongs to, and say what became of it.

        An event whose object its provider does not know, or does not show, is not believed, whatever it is about.
        Raises UnavailableError while it is too soon to say so.
        """
        provider = await self._accounts.by_id(stored.provider, stored.account_id)
        try:
            return await self._find_and_apply(provider, stored)
        except (ObjectNotFoundError, RejectedError) as error:
            return self._not_shown(error, stored)

    async def _find_and_apply(self, provider: ResilientProvider, stored: StoredEvent) -> Verdict:
        event = await provider.resolve(event_form.said(stored.payload) or provider.translate(stored.payload))
        if event.dispute_reference:
            return await self._apply_dispute(provider, event)
        if verdict := await self.echoed(provider, event, stored):
            return verdict
        payment = await self._payment_of(provider, event)
        if payment is None and event.refund_reference:
            owner = await provider.owner_of(event.reference)
            payment = await self._payment_of(provider, replace(event, payment_id=owner))
        if payment is None and event.payment_id:
            return Verdict("QUARANTINED", "claims to be of a payment that is not here")
        if payment is None:
            return Verdict("IGNORED", "belongs to no payment of ours")
        if not _is_at(provider, payment):
            # before anything of the payment's is waited for, or held: other accounts' owners say what they like of it
            return Verdict("QUARANTINED", FOREIGN)
        try:
            verdict = await self._in_turn(provider, event, payment)
        except (ObjectNotFoundError, RejectedError) as error:
            verdict = self._not_shown(error, stored, payment)
        self._log(stored, payment, verdict)
        return verdict

    async def echoed(self, provider: ResilientProvider, event: ProviderEvent, stored: StoredEvent) -> Verdict | None:
        """Return the verdict on an event that only says what this process has just done itself, once that has ended.

        None for any other, and when that takes longer. Nobody is asked, neither the provider nor the database.
        """
        if event.object_type or event.dispute_reference:
            return None
        payment = await self._started(event)
        verdict = self._resources.payments.settled(provider, event, payment) if payment else None
        if payment and verdict:
            self._log(stored, payment, verdict)
        return verdict

    async def _started(self, event: ProviderEvent) -> Payment | None:
        """Wait for a payment that is being started here; return how it stands then, most likely as the event says."""
        named = parse_uuid(event.payment_id)
        outcome = await self._locks.under_way.ended(named, LOCK_WAIT_SECONDS) if named else None
        return outcome if isinstance(outcome, Payment) else None

    async def _in_turn(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict:
        """Apply an event when its order is free; those that say the same meanwhile share the one look at the object."""
        same = (provider.name, provider.account_id, replace(event, event_id="", create_time=datetime.min))
        if waiting := self._waiting.get(same):
            return await asyncio.shield(waiting)
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting[same] = verdict
        try:
            # whoever works on the order now, most likely the request that the event is an echo of, goes first
            async with self._locks.hold(f"order:{payment.order_id}", wait=LOCK_WAIT_SECONDS):
                # the object is looked at from here on: a later event may be of what happened since
                del self._waiting[same]
                applied = await self._apply(provider, event, await self._again(payment))
        except BaseException as error:
            # those who share it try again; that this one was cancelled is no reason to cancel them
            failed = error if isinstance(error, Exception) else unavailable("PAYMENT_BUSY", "its look was given up")
            verdict.set_exception(failed)
            verdict.exception()  # whether or not anybody shares it
            raise
        finally:
            if self._waiting.get(same) is verdict:
                del self._waiting[same]
        verdict.set_result(applied)
        return applied

    async def _again(self, payment: Payment) -> Payment:
        """Return the payment as it is now that it is the event's turn: what it was waiting for may have ended it."""
        if payment.status in TERMINAL:
            return payment
        async with self._database.session() as session:
            return await self._store.read(session, payment.payment_id) or payment

    async def _apply(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict:
        if event.loss == Loss.REVERSED:
            return await self._resources.reversals.apply_event(provider, event, payment)
        if event.refund_reference:
            verdict = await self._resources.refunds.apply_event(provider, event, payment)
            return verdict or await self._resources.elsewhere.apply_event(provider, event, payment)
        return await self._resources.payments.apply_event(provider, event, payment)

    async def _apply_dispute(self, provider: ResilientProvider, event: ProviderEvent) -> Verdict:
        for _ in range(LOOKS):
            try:
                return await self._look_at_dispute(provider, event)
            except StaleFactError as error:
                log.info("looked beside another event, looking again", event_id=event.event_id, reason=str(error))
        raise unavailable("PAYMENT_BUSY", "the dispute changes whenever its object is looked at")

    async def _look_at_dispute(self, provider: ResilientProvider, event: ProviderEvent) -> Verdict:
        """Apply a dispute as its object is now. Raises StaleFactError when another look was applied meanwhile."""
        disputes = self._resources.disputes
        seen = await disputes.version(provider.name, event.dispute_reference)
        snapshot = await provider.fetch_dispute(event.dispute_reference)
        payment = await self._payment_of(provider, replace(event, payment_id=snapshot.payment_id))
        if payment is None:
            return Verdict("IGNORED", "a dispute of no payment of ours")
        if not _is_at(provider, payment):
            return Verdict("QUARANTINED", FOREIGN)
        await disputes.apply_snapshot(provider.name, payment, snapshot, seen)
        return Verdict("APPLIED", "", payment)

    async def _payment_of(self, provider: ResilientProvider, event: ProviderEvent) -> Payment | None:
        """Find our payment: by our id in the object's metadata, else by the provider's reference."""
        async with self._database.session() as session:
            named = parse_uuid(event.payment_id)
            payment_id = named or await self._store.find(session, provider.name, event.reference)
            payment = await self._store.read(session, payment_id) if payment_id else None
        used = {attempt.provider for attempt in payment.attempts} if payment else set()
        return payment if provider.name in used else None

    def _not_shown(self, error: ProviderError, stored: StoredEvent, payment: Payment | None = None) -> Verdict:
        """Return the verdict on an event of an object that is not shown: in our words, as theirs are anybody's.

        Raises UnavailableError while it may be shown yet: nothing else would ever tell of it.
        """
        is_absent = isinstance(error, ObjectNotFoundError)
        if is_absent and self._clock() - stored.receive_time < SHOWN_WITHIN:
            raise UnavailableError("the provider does not show the object yet") from error
        log.warning("object of an event not shown", error=repr(error))
        why = "the provider knows no such object" if is_absent else "the provider refuses to show its object"
        return Verdict("QUARANTINED", why, payment)

    def _log(self, stored: StoredEvent, payment: Payment, verdict: Verdict) -> None:
        log.info(
            "webhook applied",
            event_type=stored.type,
            provider=stored.provider,
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            verdict=verdict.status,
            status=verdict.payment.status if verdict.payment else payment.status,
            delay_ms=round((self._clock() - stored.receive_time).total_seconds() * 1000, 3),
        )


def _is_at(provider: ResilientProvider, payment: Payment) -> bool:
    """Whether a payment was tried at an account: of others' payments it is not believed, whatever it signs."""
    return (provider.name, provider.account_id) in {(one.provider, one.account_id) for one in payment.attempts}
