"""The use cases of refunds. What is refunded is the sum of refunds, never a flag.

A refund is committed as PENDING, under the lock of its payment and within what is left of the capture; only then is the
provider asked, under an idempotency key of the refund. What dies in between is picked up by recovery.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from mesh.errors import invalid, not_found
from mesh.events.unit_of_work import UnitOfWork
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim, Record
from mesh.storage.listing import Listing
from mesh.storage.recorded import recorded
from mesh.telemetry import alert, get_logger
from payment_svc.contract import events as facts
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain import refund as refund_domain
from payment_svc.domain import schedule
from payment_svc.domain.new_refund import NewRefund, pending
from payment_svc.domain.payment import Failure, Payment, PaymentStatus, is_named
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.refund import (
    ENDED_REFUNDS,
    GIVEN_BEFORE,
    OPEN_REFUNDS,
    Refund,
    RefundAmountError,
    RefundSnapshot,
    RefundStatus,
)
from payment_svc.domain.review import ABOUT_REFUNDS, Resolution
from payment_svc.metrics import REFUND_MADE_AFTER_ALL
from payment_svc.providers.base import (
    AmountNotSupportedError,
    ObjectNotFoundError,
    ProviderError,
    ProviderEvent,
    RejectedError,
    UnavailableError,
    is_outage,
)
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.restores import Restore
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import ask_for_refund, at_refund, check_capability, check_part, not_refundable
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.lost_refunds import LostRefunds
from payment_svc.use_cases.payments import LEASE, Runtime
from payment_svc.use_cases.taken_back.losses import Losses, whole

log = get_logger(__name__)


class _KeyTakenError(Exception):
    """The same request was committed by somebody else while this one waited for the payment."""


class Refunds:
    """Gives money back and keeps refunds in agreement with their providers."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        accounts: Accounts,
        runtime: Runtime,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._payments = ledger.payments
        self._store = ledger.refunds
        self._work = ledger.work
        self._accounts = accounts
        self._background = runtime.background
        self._first_check = runtime.first_check
        self._clock = runtime.clock
        self._ids = runtime.ids
        self.losses = Losses(ledger, self.apply_in, clock=runtime.clock, ids=runtime.ids)
        self._lost = LostRefunds(ledger, database, self.apply_in, self.losses, runtime.clock)
        self.write_down = self._lost.write_down

    async def create(self, new: NewRefund, claim: Claim | None) -> Refund | Record:
        """Give money back, or return the record of the same request made before.

        Raises ApiError as the contract's CreateRefund says; then nothing was stored and no money moved.
        """
        provider, restore = await self._provider_of(new)
        ids: dict[str, UUID] = {}
        try:
            async with recorded(ids, certainly=False), self._work.begin() as unit:
                record = await idempotency.find(unit.session, claim) if claim else None
                if record is None:
                    if restore and claim and (known := await self._known(unit, new, claim, restore)):
                        return known
                    ids |= {"refund_id": self._ids(), "payment_id": new.payment_id}
                    payment, refund = await self._take(unit, new, ids["refund_id"], provider, claim)
        except _KeyTakenError:
            return await self.create(new, claim)
        if record is not None:
            return await self._repeat(record, new, claim)
        async with recorded(ids, certainly=True):
            return await self._background.shielded(self.execute(payment, refund, claim))

    async def get(self, merchant_id: UUID, refund_id: UUID) -> Refund:
        """Return a merchant's refund. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            refund = await self._store.get(session, merchant_id, refund_id)
        if refund is None:
            raise not_found("refund", str(refund_id))
        return refund

    async def page(
        self, owner_id: UUID, payment_id: UUID | None, listing: Listing, *, after: UUID | None, limit: int
    ) -> list[Refund]:
        """Return a page of a merchant's refunds. Raises ApiError NOT_FOUND for a payment that is not the merchant's."""
        async with self._database.session() as session:
            if payment_id and await self._payments.get(session, owner_id, payment_id) is None:
                raise not_found("payment", str(payment_id))
            return await self._store.page(session, listing, after=after, limit=limit)

    async def execute(self, payment: Payment, refund: Refund, claim: Claim | None = None) -> Refund:
        """Ask the provider and commit the outcome; an answer that never came leaves the refund PENDING.

        Whoever asks, and however late: nothing is sent under a key that the provider may have forgotten.
        A provider out of reach did nothing now, but when it was asked before it may have done it then. What is
        owed stays open; of that is raised what may stay so, such as a refusal of the credentials.
        """
        at = at_refund(payment, refund)
        provider = await self._accounts.of(at)
        if not (self.is_remembered(provider, refund) and is_named(at.provider_reference)):
            return await self._end(refund, claim, lambda _current, _now: None)
        try:
            snapshot = await ask_for_refund(provider, at, refund)
        except RejectedError as error:
            refusal = error.failure
            return await self._end(refund, claim, lambda current, now: refund_domain.refuse(current, refusal, now))
        except UnavailableError as error:
            ended = await self._end(refund, claim, _not_sent(refund.version, error))
            if refund.is_owed and refund.sends == 1:
                async with self._database.session() as session:
                    await self._store.not_sent(session, refund.refund_id)
            if refund.is_owed and not is_outage(error):
                raise
            return ended
        except ProviderError as error:
            log.warning("outcome unknown", refund_id=refund.refund_id, error=repr(error))
            return await self._end(refund, claim, lambda _current, _now: None)
        try:
            return await self.apply_snapshot(refund, snapshot, claim)
        except RefundAmountError as error:
            await self.ask_of_amount(refund, error)
            return await self._end(refund, claim, lambda _current, _now: None)

    async def repeat(self, payment: Payment, refund: Refund, claim: Claim | None = None) -> Refund:
        """Ask the provider for an open refund again, under the same key; the try is counted before it is made.

        One that has ended, or has a name at its provider, is not sent.
        """
        refund = await self._lost.recount(payment, refund, await self._accounts.of(at_refund(payment, refund)))
        async with self._database.session() as session:
            sent = await self._store.send(session, refund.refund_id)
        if sent is None:
            return await self._end(refund, claim, lambda _current, _now: None)
        return await self.execute(payment, sent, claim)

    async def look(self, payment: Payment, refund: Refund) -> bool:
        """Apply what the provider shows of a refund; return whether it shows one.

        Raises RefundAmountError when the provider gives back another amount; ProviderError.
        """
        snapshot = await self.shown(payment, refund)
        if snapshot is None:
            return False
        await self.apply_snapshot(refund, snapshot)
        return True

    async def shown(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Return what the provider shows of a refund; None when it shows none. Raises ProviderError."""
        at = at_refund(payment, refund)
        provider = await self._accounts.of(at)
        return await provider.fetch_refund(at, refund)

    async def ask_of_amount(self, refund: Refund, error: RefundAmountError) -> None:
        """Put the question which amount of a refund is right to a person."""
        async with self._work.begin() as unit:
            payment = await self._ledger.lock(unit, refund.payment_id)
            await self._ledger.questions.ask_of_refund(unit, payment, refund, error)

    def is_remembered(self, provider: ResilientProvider, refund: Refund) -> bool:
        """Whether its provider knows the key of a refund still, or cannot know it yet: else it went back twice."""
        return refund.may_be_sent(self._clock(), provider.capabilities.repeatable_for)

    async def apply_snapshot(self, refund: Refund, snapshot: RefundSnapshot, claim: Claim | None = None) -> Refund:
        """Apply what the provider shows, in one transaction with the payment's sum, the events and the stored answer.

        Raises RefundAmountError when the provider gives back another amount.
        """
        return await self._end(refund, claim, lambda current, now: refund_domain.apply(current, snapshot, now))

    async def apply_in(self, unit: UnitOfWork, refund_id: UUID, change: refund_domain.Change) -> Refund:
        """Change a refund in a unit of work, with its payment's sum; return it as it is. Raises ApiError NOT_FOUND."""
        now = self._clock()
        payment_id = await self._store.payment_of(unit.session, refund_id)
        payment = await self._payments.lock(unit.session, payment_id) if payment_id else None
        current = await self._store.lock(unit.session, refund_id)
        if payment is None or current is None:
            raise not_found("refund", str(refund_id))
        changed = change(current, now)
        if changed and current.status == RefundStatus.FAILED:
            alert(REFUND_MADE_AFTER_ALL, log, refund_id=refund_id, payment_id=current.payment_id)
        if changed:
            await self._save(unit, payment, current, changed)
        return changed or current

    async def _end(self, refund: Refund, claim: Claim | None, change: refund_domain.Change) -> Refund:
        async with self._work.begin() as unit:
            ended = await self.apply_in(unit, refund.refund_id, change)
            if claim:
                await idempotency.answer(unit.session, claim, refund.refund_id, ended)
        return ended

    async def apply_event(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict | None:
        """Apply a provider's event that is about a refund, which is asked for; None: none is known of that name.

        Raises ProviderError, as ObjectNotFoundError where the provider does not show the refund.
        """
        refund = await self.named(payment, event.refund_id, event.refund_reference)
        if refund is None:
            return None
        named = replace(refund, provider_reference=event.refund_reference)
        snapshot = await provider.fetch_refund(at_refund(payment, refund), named)
        if snapshot is None:
            raise ObjectNotFoundError(f"{provider.name} shows no refund {event.refund_reference}")
        try:
            await self.apply_snapshot(refund, snapshot)
        except RefundAmountError as error:
            await self.ask_of_amount(refund, error)
            return Verdict("QUARANTINED", str(error), payment)
        return Verdict("APPLIED", "", payment)

    async def named(self, payment: Payment, label: str, reference: str) -> Refund | None:
        """Return the refund of a payment that a provider's object is of, by our id or by the provider's."""
        async with self._database.session() as session:
            return await self._store.named(session, payment, label, reference)

    async def _provider_of(self, new: NewRefund) -> tuple[ResilientProvider, Restore | None]:
        """Return who gives the money back, and the restore that may have lost refunds: they are looked for first."""
        async with self._database.session() as session:
            payment = await self._payments.get(session, new.merchant_id, new.payment_id)
            restore = await self._lost.restore_of(session, payment) if payment else None
        if payment is None:
            raise not_found("payment", str(new.payment_id))
        provider = await self._accounts.of(payment)
        if restore and payment.status == PaymentStatus.SUCCESS:
            await self._lost.bring_forward(payment, provider, restore)
        return provider, restore

    async def _known(self, unit: UnitOfWork, new: NewRefund, claim: Claim, restore: Restore) -> Refund | None:
        """Answer a request that may be the repetition of one whose key was lost with a restore."""
        payment = await self._payments.lock(unit.session, new.payment_id)
        if payment is None or new.amount is None:
            return None
        refund_id = await self._lost.same(unit.session, payment, new.amount.minor, restore)
        refund = await self._store.get(unit.session, new.merchant_id, refund_id) if refund_id else None
        if refund is None:
            return None
        if not await idempotency.begin(unit.session, claim, refund.refund_id, LEASE):
            raise _KeyTakenError
        await idempotency.answer(unit.session, claim, refund.refund_id, refund)
        return refund

    async def _take(
        self, unit: UnitOfWork, new: NewRefund, refund_id: UUID, provider: ResilientProvider, claim: Claim | None
    ) -> tuple[Payment, Refund]:
        """Store the refund within what is left of the capture, which the payment's lock keeps true."""
        session = unit.session
        payment = await self._payments.lock(session, new.payment_id)
        if payment is None or payment.merchant_id != new.merchant_id:
            raise not_found("payment", str(new.payment_id))
        left = payment.captured - (await self._store.sums(session, payment.payment_id)).taken
        if payment.status != PaymentStatus.SUCCESS or left <= 0:
            raise not_refundable(payment)
        amount = new.amount or payment.money(left)
        check_part(amount, payment.money(left))
        check_capability(provider.capabilities.refunds, "payment_id", provider.name, "give money back")
        if amount.minor != payment.captured:
            check_capability(provider.capabilities.partial_refunds, "amount", provider.name, "give a part back")
        try:
            provider.check_amount(amount)
        except AmountNotSupportedError as error:
            raise invalid("amount.value", str(error), "AMOUNT_NOT_SUPPORTED") from None
        refund = pending(payment, amount, new.reason, refund_id, self._clock())
        if claim and not await idempotency.begin(session, claim, refund.refund_id, LEASE):
            raise _KeyTakenError
        await self._store.insert(session, refund, self._first_check)
        unit.add(facts.refund_event(refund), [changes.of_refund(refund)])
        return payment, refund

    async def _repeat(self, record: Record, new: NewRefund, claim: Claim | None) -> Refund | Record:
        """Answer a repeated request: with the stored answer, or by continuing what died half-way."""
        if record.response is not None or claim is None:
            return record
        async with self._database.session() as session:
            await idempotency.take_over(session, claim, LEASE)
            payment = await self._payments.get(session, new.merchant_id, new.payment_id)
        refund = await self.get(new.merchant_id, record.resource_id)
        if payment is None:
            raise not_found("payment", str(new.payment_id))
        return await self._background.shielded(self._resume(payment, refund, claim))

    async def _resume(self, payment: Payment, refund: Refund, claim: Claim) -> Refund:
        """Continue a request that died half-way: what has ended, or has a name, is answered and not sent."""
        if refund.status in OPEN_REFUNDS and not refund.provider_reference:
            try:
                shown = await self.look(payment, refund)
            except RefundAmountError as error:
                await self.ask_of_amount(refund, error)
                shown = True
            except ProviderError:
                # the same under the same key tells
                shown = False
            if not shown:
                return await self.repeat(payment, refund, claim)
        return await self._end(refund, claim, lambda _current, _now: None)

    async def _save(self, unit: UnitOfWork, payment: Payment, before: Refund, refund: Refund) -> None:
        """Store the refund, and the payment's sum where it changed.

        A provider may have given back more than it took: that is true as well, and a person's business.
        """
        await self._store.update(unit.session, refund, schedule.wait_after(0))
        unit.add(facts.refund_event(refund), [changes.of_refund(refund)])
        if refund.status in ENDED_REFUNDS:
            answer = Resolution.CAPTURED if refund.status == RefundStatus.SUCCESS else Resolution.NOT_CAPTURED
            await self._ledger.reviews.close(
                unit.session, payment.payment_id, ABOUT_REFUNDS, answer, "it has ended", refund.refund_id
            )
        given = (await self._store.sums(unit.session, payment.payment_id)).given
        if given > payment.captured:
            await self._ledger.questions.ask_of_excess(unit, payment, refund, given)
        given = min(given, payment.captured)
        if given != payment.refunded:
            after = replace(payment, refunded=given, version=payment.version + 1, update_time=refund.update_time)
            payment = await self._ledger.put(unit, payment, after, facts.refunded_event(after))
        await self._settle_owed(unit, payment, refund, before.status == RefundStatus.SUCCESS)
        self._log(refund)

    async def _settle_owed(self, unit: UnitOfWork, payment: Payment, refund: Refund, came_back: bool) -> None:
        """Note what became of money that has to go back: what a provider refuses is a person's business.

        What a merchant's refund, or the provider itself, gives back of a surplus is owed no more; what fails of it is.
        Merchants hear that it is kept again when what was given back came back.
        """
        if not (refund.is_owed or payment.surplus) or refund.failure == GIVEN_BEFORE:
            return
        if refund.status == RefundStatus.SUCCESS:
            await self._returned(unit, payment, refund)
            return
        if refund.status != RefundStatus.FAILED:
            return
        if refund.attempt and (kept := await self._kept(unit, payment, refund, refund.attempt)):
            payment = await self._ledger.put(unit, payment, kept, facts.surplus_event(kept, returned=False))
        elif came_back and payment.surplus and not refund.attempt:
            unit.add(facts.surplus_event(payment, returned=False))
        if refund.is_owed:
            await self._ledger.returns.refused(unit, payment, refund)
        else:
            await self._ledger.returns.owe_again(unit, payment, refund)

    async def _returned(self, unit: UnitOfWork, payment: Payment, refund: Refund) -> None:
        """Note that a surplus went back, once all has: a part may be found after a restore, and the rest is owed."""
        given = (await self._store.sums(unit.session, payment.payment_id, refund.attempt)).given
        if given < whole(payment, refund.attempt):
            return
        after = transitions.return_surplus(payment, refund.attempt, refund.update_time) if refund.attempt else None
        if after:
            await self._ledger.put(unit, payment, after, facts.surplus_event(after, returned=True))
        else:
            unit.add(facts.surplus_event(payment, returned=True))

    async def _kept(self, unit: UnitOfWork, payment: Payment, failed: Refund, attempt: int) -> Payment | None:
        """Return the payment after money of an attempt came back: its surplus is what all refunds of it are against."""
        others = (await self._store.sums(unit.session, payment.payment_id, attempt)).taken
        return transitions.keep_surplus(payment, attempt, others + failed.amount.minor, failed.update_time)

    def _log(self, refund: Refund) -> None:
        said = ("refund_id", "payment_id", "order_id", "status", "version")
        log.info("refund changed", **{name: getattr(refund, name) for name in said})


def _not_sent(version: int, error: UnavailableError) -> refund_domain.Change:
    failure = Failure("provider_unavailable", f"try again later: {error}")
    return lambda refund, now: refund_domain.not_sent(refund, version, failure, now)
