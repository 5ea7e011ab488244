"""Applies events of providers that are about payments: the object is asked for before anything moves."""

from __future__ import annotations

from dataclasses import replace

from mesh.errors import unavailable
from payment_svc.domain.payment import (
    Attempt,
    DoubtError,
    Fact,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Snapshot,
    StaleFactError,
    attempt_of,
    is_current,
    is_named,
)
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.review import About, ReviewKind
from payment_svc.providers.base import Loss, ProviderEvent
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.use_cases.answers import at_attempt
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.operations import Operations
from payment_svc.use_cases.reviews import doubts


class PaymentEvents:
    """Brings payments in agreement with the objects that events are about, of whichever attempt they are."""

    def __init__(self, ledger: Ledger, operations: Operations) -> None:
        self._ledger = ledger
        self._operations = operations

    async def apply_event(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict:
        """Ask for the object of an event, and apply what it shows to the attempt that it belongs to.

        Raises ProviderError, as ObjectNotFoundError where the provider does not show the object.
        """
        attempt = attempt_of(payment, provider.name, provider.account_id, event.reference)
        if attempt is None:
            # whoever owns an account can have it say anything: of other accounts' payments it is not believed
            # and without the payment: nothing of its words may stand in the payment's timeline
            return Verdict("QUARANTINED", "came from another account than the payment's")
        if verdict := self.settled(provider, event, payment):
            return verdict
        try:
            await self._check_other(provider, event, payment, attempt)
            snapshot = await self._look(provider, event, payment, attempt)
            if _is_settled(payment, attempt) and snapshot.status != PaymentStatus.SUCCESS:
                return await self._is_gone(event, payment, snapshot)
            changed = await self._operations.sync(payment, Fact(attempt.number, snapshot, payment.version))
        except StaleFactError as error:
            raise unavailable("PAYMENT_BUSY", "the payment has changed since its object was looked at") from error
        except DoubtError as error:
            await doubts.put(self._ledger, payment, error, attempt.number, event.reference)
            return Verdict("QUARANTINED", str(error), payment)
        return Verdict("APPLIED", "", changed)

    def settled(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict | None:
        """Return the verdict on an event of a charge that was captured already; None where its object says more.

        Nothing that happens to a charge takes a capture back, but for a refund and a loss: there is nothing to ask, and
        the payment may be as it was a moment ago.
        """
        if event.loss != Loss.NONE or event.refund_reference:
            return None
        attempt = attempt_of(payment, provider.name, provider.account_id, event.reference)
        if attempt is None or not _is_settled(payment, attempt) or not _is_of(provider, event, payment, attempt):
            return None
        return Verdict("APPLIED", "the payment was settled already", payment)

    async def _check_other(
        self, provider: ResilientProvider, event: ProviderEvent, payment: Payment, attempt: Attempt
    ) -> None:
        """Raise ForeignObjectError for money on an object that carries our id and is of no attempt: it is paid twice.

        What it has no name for yet, an attempt is given by `_look`.
        """
        is_named_otherwise = is_named(attempt.provider_reference) and not _is_of(provider, event, payment, attempt)
        if not is_named_otherwise or event.loss != Loss.NONE or event.refund_reference:
            return
        other = await provider.fetch(replace(at_attempt(payment, attempt.number), provider_reference=event.reference))
        if other.status in (PaymentStatus.SUCCESS, PaymentStatus.AUTHORIZED):
            words = f"{event.reference} carries the payment's id and is the object of none of its attempts"
            raise ForeignObjectError(words, replace(other, reference=event.reference))

    async def _is_gone(self, event: ProviderEvent, payment: Payment, snapshot: Snapshot) -> Verdict:
        """Ask a person: the provider does not show the capture any more that it had confirmed.

        What has come back of it, or was written off, is not in question.
        """
        reason = f"captured, and now {snapshot.status} at {payment.provider}, which sent {event.type}"
        async with self._ledger.work.begin() as unit:
            current = await self._ledger.lock(unit, payment.payment_id)
            left = current.captured - (await self._ledger.refunds.sums(unit.session, payment.payment_id)).given
            if left <= 0:
                return Verdict("APPLIED", "nothing of what was captured is left", current)
            about = About(current.money(left))
            await self._ledger.questions.ask(unit, current, ReviewKind.AMOUNT_DIFFERS, reason, about)
        return Verdict("QUARANTINED", reason, current)

    async def _look(
        self, provider: ResilientProvider, event: ProviderEvent, payment: Payment, attempt: Attempt
    ) -> Snapshot:
        """Ask for the attempt's object; one that has no name yet is asked for by what the event points at.

        A hosted page has a name of its own, which only its start tells: what was paid on it does not become that name.
        Of a page that the payment has moved on from, or that a person has ended, no start tells any more: the provider
        is asked for its name, as nothing could be closed or given back without one. Raises ApiError UNAVAILABLE while
        the start is under way.
        """
        at = at_attempt(payment, attempt.number)
        if is_named(at.provider_reference):
            return await provider.fetch(at)
        if not await self._operations.is_free(payment.payment_id):
            raise unavailable("PAYMENT_BUSY", "the payment is being started; its event is applied afterwards")
        snapshot = await provider.fetch(replace(at, provider_reference=event.reference))
        if not payment.is_hosted:
            return snapshot
        if is_current(payment, attempt.number) and not at.provider_reference:
            return replace(snapshot, reference="")
        page = await provider.find(at)
        return replace(snapshot, reference=page.reference if page else event.reference)


def _is_settled(payment: Payment, attempt: Attempt) -> bool:
    return payment.status == PaymentStatus.SUCCESS and attempt.number == payment.attempt.number


def _is_of(provider: ResilientProvider, event: ProviderEvent, payment: Payment, attempt: Attempt) -> bool:
    """Whether an event is of the object that an attempt is known by; what only a person has seen is known by none."""
    if event.reference in ("", attempt.provider_reference) or not attempt.provider_reference:
        return True
    return payment.is_hosted and provider.capabilities.names_money and is_named(attempt.provider_reference)
