"""Provider webhooks: verified and stored at once, applied afterwards.

An event is only a hint. Before anything changes, the provider is asked for the object again, so that events which come
twice, late, reordered or forged (with a stolen secret) cannot move a payment where the provider's records do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from mesh import context
from mesh.errors import ApiError, invalid, permission_denied, unauthenticated, unavailable
from mesh.events.unit_of_work import UnitsOfWork
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.storage.lock import Locks
from mesh.telemetry import alert, get_logger
from mesh.worker import Worker
from payment_svc.domain.payment import AmountMismatchError, Payment, PaymentStatus
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.providers.base import (
    ObjectNotFoundError,
    ProviderError,
    ProviderEvent,
    SignatureInvalidError,
)
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.provider_events import StoredEvent, WebhookRepository
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.charging import Charging
from payment_svc.use_cases.disputes import Disputes
from payment_svc.use_cases.refunds import Refunds

log = get_logger(__name__)
BATCH = 16
LEASE = timedelta(seconds=30)
BACKOFF = tuple(timedelta(seconds=s) for s in (0.5, 2, 5, 15, 30, 60, 300, 900, 3600))
"""The waits between attempts to apply an event; after the last it is dead, and the reconciler still has the payment."""
LOCK_WAIT_SECONDS = 2.0
CLIENT_KEY = "x-client-address"
"""Where the edge says who the client is, behind the proxies that are trusted; a client's own is taken off."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event, why, and the payment that it belongs to."""

    status: str
    reason: str
    payment: Payment | None = None


class Webhooks:
    """Takes provider events in and applies them."""

    def __init__(
        self,
        database: Database,
        work: UnitsOfWork,
        store: WebhookRepository,
        payments: PaymentRepository,
        charging: Charging,
        refunds: Refunds,
        disputes: Disputes,
        accounts: Accounts,
        locks: Locks,
        sources: WebhookAllowlist,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._work = work
        self._store = store
        self._payments = payments
        self._charging = charging
        self._refunds = refunds
        self._disputes = disputes
        self._accounts = accounts
        self._locks = locks
        self._sources = sources
        self._clock = clock
        self.worker = Worker("webhook-inbox", self._apply_due, interval=2.0)

    async def receive(
        self, provider_name: str, account_id: UUID | None, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """Verify a webhook on its raw bytes and store it; one that is here already changes nothing.

        Raises ApiError PERMISSION_DENIED, reason IP_NOT_ALLOWED; UNAUTHENTICATED, reason WEBHOOK_SIGNATURE_INVALID;
        INVALID_ARGUMENT for a provider that is not on or a body that is not an event; UNAVAILABLE when the signature
        cannot be checked now: it is sent again.
        """
        if provider_name:
            provider = await self._accounts.by_id(provider_name, account_id)
        else:
            provider = self._accounts.recognize(headers)
        if not self._sources.allow(provider.name, headers.get(CLIENT_KEY, "")):
            raise permission_denied("IP_NOT_ALLOWED", f"{provider.name} does not send from this address")
        try:
            await provider.verify(body, headers, self._clock())
            event = provider.translate(body)
        except SignatureInvalidError as error:
            raise unauthenticated("WEBHOOK_SIGNATURE_INVALID", str(error)) from None
        except ProviderError as error:
            raise unavailable("PROVIDER_UNAVAILABLE", f"{error}; send the event again") from error
        except ValueError as error:
            raise invalid("payload", str(error), "WEBHOOK_NOT_AN_EVENT") from None
        call = context.current()
        call.log.update(provider=provider.name, event_type=event.type, payment_id=event.payment_id)
        stored = StoredEvent(
            *(provider.name, account_id, event.event_id, event.type, body, call.trace_id, 0, self._clock())
        )
        async with self._database.session() as session:
            if await self._store.receive(session, stored):
                self.worker.wake()

    async def _apply_due(self) -> bool:
        now = self._clock()
        async with self._database.session() as session:
            events = await self._store.claim_events(session, now, now + LEASE, BATCH)
        await asyncio.gather(*(self._apply_safely(event) for event in events))
        return len(events) == BATCH

    async def _apply_safely(self, stored: StoredEvent) -> None:
        """Apply one event; whatever fails is tried again, and given up on only with an alert."""
        context.enter(context.Call(trace_id=stored.trace_id, method=f"webhook:{stored.provider}:{stored.type}"))
        try:
            verdict = await self._judge(stored)
        except (ProviderError, ApiError) as error:
            await self._try_again(stored, repr(error))
        except Exception as error:
            log.error("webhook failed", event_id=stored.event_id, exc_info=error)
            await self._try_again(stored, repr(error))
        else:
            await self._close(stored, verdict)

    async def _judge(self, stored: StoredEvent) -> Verdict:
        """Apply an event to the payment that it belongs to, and say what became of it."""
        provider = await self._accounts.by_id(stored.provider, stored.account_id)
        event = provider.translate(stored.payload)
        if event.dispute_reference:
            return await self._apply_dispute(provider, event)
        payment = await self._payment_of(stored.provider, event)
        if payment is None and event.refund_reference:
            owner = await provider.owner_of(event.reference)
            payment = await self._payment_of(stored.provider, replace(event, payment_id=owner))
        if payment is None and event.payment_id:
            return Verdict("QUARANTINED", "claims to be of a payment that is not here")
        if payment is None:
            return Verdict("IGNORED", "belongs to no payment of ours")
        if payment.provider == provider.name and payment.account_id != stored.account_id:
            # whoever owns an account can have it say anything: of other accounts' payments it is not believed
            return Verdict("QUARANTINED", "came from another account than the payment's", payment)
        # whoever works on the order now, most likely the request that the event is an echo of, goes first
        async with self._locks.hold(f"order:{payment.order_id}", wait=LOCK_WAIT_SECONDS):
            verdict = await self._apply(provider, event, payment)
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
        return verdict

    async def _apply(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict:
        if payment.provider != provider.name:
            return Verdict(*await self._look_at_given_up(provider, event, payment), payment)
        if event.refund_reference:
            return Verdict(*await self._apply_refund(provider, event, payment), payment)
        if payment.status == PaymentStatus.SUCCESS:
            # nothing that happens to a charge takes a capture back, so there is nothing to ask
            return Verdict("APPLIED", "the payment was settled already", payment)
        # what the payment is known to refer to; before its first answer was stored, what the event points at
        named = replace(payment, provider_reference=payment.provider_reference or event.reference)
        try:
            changed = await self._charging.sync(payment, await provider.fetch(named))
        except ObjectNotFoundError:
            return Verdict("QUARANTINED", "the provider knows no such object", payment)
        except AmountMismatchError as error:
            return Verdict("QUARANTINED", str(error), payment)
        return Verdict("APPLIED", "", changed)

    async def _look_at_given_up(
        self, provider: ResilientProvider, event: ProviderEvent, payment: Payment
    ) -> tuple[str, str]:
        """Look at an object of a provider that the payment has moved on from: money there is a person's business."""
        try:
            said = await provider.fetch(replace(payment, provider_reference=event.reference))
        except ObjectNotFoundError:
            return "IGNORED", "the provider knows no such object"
        if said.amount is not None:
            return "QUARANTINED", f"money moved at {provider.name}, which the payment had been taken from"
        return "IGNORED", f"the payment has moved on to {payment.provider}"

    async def _apply_dispute(self, provider: ResilientProvider, event: ProviderEvent) -> Verdict:
        snapshot = await provider.fetch_dispute(event.dispute_reference)
        payment = await self._payment_of(provider.name, replace(event, payment_id=snapshot.payment_id))
        if payment is None:
            return Verdict("IGNORED", "a dispute of no payment of ours")
        if payment.account_id != provider.account_id:
            return Verdict("QUARANTINED", "came from another account than the payment's", payment)
        await self._disputes.apply_snapshot(payment, snapshot)
        return Verdict("APPLIED", "", payment)

    async def _apply_refund(
        self, provider: ResilientProvider, event: ProviderEvent, payment: Payment
    ) -> tuple[str, str]:
        refund = await self._refunds.of_event(payment, _uuid(event.refund_id), event.refund_reference)
        if refund is None:
            return "QUARANTINED", "a refund that was not made here"
        snapshot = await provider.fetch_refund(payment, replace(refund, provider_reference=event.refund_reference))
        if snapshot is None:
            return "QUARANTINED", "the provider knows no such refund"
        try:
            await self._refunds.apply_snapshot(refund, snapshot)
        except AmountMismatchError as error:
            return "QUARANTINED", str(error)
        return "APPLIED", ""

    async def _payment_of(self, provider: str, event: ProviderEvent) -> Payment | None:
        """Find our payment: by our id in the object's metadata, else by the provider's reference."""
        async with self._database.session() as session:
            payment_id = _uuid(event.payment_id) or await self._payments.find(session, provider, event.reference)
            payment = await self._payments.lock(session, payment_id) if payment_id else None
        used = {attempt.provider for attempt in payment.attempts} if payment else set()
        return payment if provider in used else None

    async def _try_again(self, stored: StoredEvent, reason: str) -> None:
        if stored.attempts > len(BACKOFF):
            await self._close(stored, Verdict("DEAD", reason))
            return
        async with self._database.session() as session:
            again = self._clock() + BACKOFF[stored.attempts - 1]
            await self._store.close_event(session, stored, "PENDING", reason, again)

    async def _close(self, stored: StoredEvent, verdict: Verdict) -> None:
        status, reason, payment = verdict.status, verdict.reason, verdict.payment
        async with self._work.begin() as unit:
            await self._store.close_event(unit.session, stored, status, reason)
            if payment:
                unit.add(changes=[changes.of_webhook(payment, stored, status, reason, self._clock())])
        if status in ("QUARANTINED", "DEAD"):
            alert(f"webhook_{status.lower()}", log, provider=stored.provider, event_id=stored.event_id, reason=reason)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
