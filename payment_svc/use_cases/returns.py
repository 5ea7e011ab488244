"""What goes back to the customer without a merchant asking: surpluses, and what a person has decided.

One rule says how much may still go back, under the payment's lock: what was captured, less the refunds that were made
or are under way. It holds for whoever asks, so nothing is given back twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, NewId
from mesh.telemetry import alert, get_logger
from payment_svc.contract import events as facts
from payment_svc.domain.new_refund import pending
from payment_svc.domain.payment import Attempt, Payment, PaymentStatus, is_current, is_named
from payment_svc.domain.refund import DECIDED, OTHER_AMOUNT, SURPLUS, Refund
from payment_svc.domain.review import About, Review, ReviewKind
from payment_svc.metrics import PAYMENT_SURPLUS
from payment_svc.providers.registry import capabilities_of
from payment_svc.storage.refunds import RefundRepository
from payment_svc.storage.reviews import ReviewRepository
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.reviews.questions import Questions

log = get_logger(__name__)
AT_ONCE = timedelta(0)


class Returns:
    """Gives back what the gateway owes a customer, or asks a person to."""

    def __init__(
        self,
        refunds: RefundRepository,
        reviews: ReviewRepository,
        questions: Questions,
        *,
        give_back: bool,
        clock: Clock,
        ids: NewId,
    ) -> None:
        self._refunds = refunds
        self._reviews = reviews
        self._questions = questions
        self._give_back = give_back
        self._clock = clock
        self._ids = ids

    async def left(self, unit: UnitOfWork, payment: Payment, attempt: Attempt | None = None) -> int:
        """Return the minor units that may still go back, of the payment or of an attempt's surplus.

        Hold the payment's row to rely on it.
        """
        taken = (await self._refunds.sums(unit.session, payment.payment_id, attempt.number if attempt else None)).taken
        return max((attempt.surplus if attempt else payment.captured) - taken, 0)

    async def owe(self, unit: UnitOfWork, payment: Payment, attempt: Attempt | None = None) -> int:
        """Give back all that is left of a surplus, or ask a person to; return how much that is."""
        left = await self.left(unit, payment, attempt)
        if not left:
            return left
        await self._owe(unit, payment, left, attempt)
        return left

    async def owe_again(self, unit: UnitOfWork, payment: Payment, failed: Refund) -> None:
        """Give back what a merchant's refund of a surplus has not, as far as no person is asked about it already."""
        asked = await self._reviews.open_ones(unit.session, payment.payment_id, ReviewKind.SURPLUS_KEPT)
        waits = sum(one.amount.minor for one in asked if is_current(payment, one.attempt))
        amount = min(failed.amount.minor, await self.left(unit, payment) - waits)
        if amount > 0:
            await self._owe(unit, payment, amount, None)

    async def _owe(self, unit: UnitOfWork, payment: Payment, amount: int, attempt: Attempt | None) -> None:
        provider = attempt.provider if attempt else payment.provider
        reference = attempt.provider_reference if attempt else payment.provider_reference
        alert(PAYMENT_SURPLUS, log, payment_id=payment.payment_id, order_id=payment.order_id, provider=provider)
        if is_named(reference) and self._give_back and capabilities_of(provider).refunds:
            await self._refund(unit, payment, amount, attempt)
            return
        reason = "captured although the order was paid otherwise, cancelled or expired"
        about = About(payment.money(amount), attempt.number if attempt else 0, reference, provider=provider)
        await self._questions.ask(unit, payment, ReviewKind.SURPLUS_KEPT, reason, about)

    async def give_back(self, unit: UnitOfWork, payment: Payment, review: Review) -> None:
        """Give back what a person decided about, as far as it is left: what went back meanwhile has ended the question.

        Of a payment whose outcome was not known that is all that turned out to be captured.
        """
        if review.kind == ReviewKind.UNKNOWN_OUTCOME:
            kept, amount = None, await self.left(unit, payment)
        else:
            attempt = next(a for a in payment.attempts if a.number == review.attempt)
            # money of another amount is its attempt's, though the payment is at no other object
            kept = attempt if attempt.surplus or not is_current(payment, attempt.number) else None
            amount = min(review.amount.minor, await self.left(unit, payment, kept))
        if amount:
            await self._refund(unit, payment, amount, kept)

    async def refused(self, unit: UnitOfWork, payment: Payment, refund: Refund) -> None:
        """Ask a person about what is owed and could not be given back."""
        reason = f"could not be given back: {refund.failure.message if refund.failure else 'refused'}"
        about = About(
            amount=refund.amount,
            attempt=refund.attempt or 0,
            # each of several is a question of its own
            reference=refund.provider_reference or str(refund.refund_id),
            refund_id=refund.refund_id,
        )
        await self._questions.ask(unit, payment, ReviewKind.SURPLUS_KEPT, reason, about)

    async def _refund(self, unit: UnitOfWork, payment: Payment, amount: int, attempt: Attempt | None) -> None:
        begun = pending(payment, payment.money(amount), _why(payment, attempt), self._ids(), self._clock())
        refund = replace(begun, sends=0, attempt=attempt.number if attempt else None, is_owed=True)
        await self._refunds.insert(unit.session, refund, AT_ONCE)
        unit.add(facts.refund_event(refund), [changes.of_refund(refund)])


def _why(payment: Payment, attempt: Attempt | None) -> str:
    """Return what the merchant reads as the reason."""
    if attempt is not None and payment.status != PaymentStatus.SUCCESS:
        return OTHER_AMOUNT
    return SURPLUS if attempt is not None or payment.surplus else DECIDED
