"""Puts questions to a person, each once."""

from __future__ import annotations

from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, NewId
from mesh.telemetry import alert, get_logger
from payment_svc.domain.payment import Payment
from payment_svc.domain.refund import Refund, RefundAmountError
from payment_svc.domain.review import About, Review, ReviewKind
from payment_svc.metrics import PAYMENT_NEEDS_REVIEW
from payment_svc.storage.reviews import ReviewRepository

log = get_logger(__name__)


class Questions:
    """The way into the queue of reviews."""

    def __init__(self, reviews: ReviewRepository, *, clock: Clock, ids: NewId) -> None:
        self._reviews = reviews
        self._clock = clock
        self._ids = ids

    async def ask(self, unit: UnitOfWork, payment: Payment, kind: ReviewKind, reason: str, about: About) -> None:
        """Put a question in a unit of work; one that is open already, or was answered once for all, is not put again.

        Hold the payment's row.
        """
        review = Review(
            review_id=self._ids(),
            kind=kind,
            payment_id=payment.payment_id,
            merchant_id=payment.merchant_id,
            order_id=payment.order_id,
            refund_id=about.refund_id,
            attempt=about.attempt or payment.attempt.number,
            amount=about.amount,
            provider=about.provider or payment.provider,
            provider_reference=about.reference or payment.provider_reference,
            reason=reason,
            create_time=self._clock(),
            held=about.held,
        )
        if about.is_once and await self._reviews.was_answered(unit.session, review):
            return
        if await self._reviews.insert(unit.session, review):
            alert(PAYMENT_NEEDS_REVIEW, log, payment_id=payment.payment_id, review=str(kind), reason=reason)

    async def ask_of_refund(self, unit: UnitOfWork, payment: Payment, refund: Refund, error: RefundAmountError) -> None:
        """Ask which amount of a refund is right, ours or its provider's."""
        about = About(error.shown, reference=str(refund.refund_id), refund_id=refund.refund_id, held=False)
        await self.ask(unit, payment, ReviewKind.AMOUNT_DIFFERS, str(error), about)

    async def ask_of_return(self, unit: UnitOfWork, payment: Payment, refund: Refund, dispute: str) -> None:
        """Ask whether what was taken back has come back, as the dispute about it was won."""
        reason = f"dispute {dispute} was won after {refund.amount} had been taken back: is the money there again?"
        about = About(refund.amount, reference=str(refund.refund_id), refund_id=refund.refund_id, held=False)
        await self.ask(unit, payment, ReviewKind.UNKNOWN_REFUND, reason, about)

    async def ask_of_excess(self, unit: UnitOfWork, payment: Payment, refund: Refund, given: int) -> None:
        """Ask about more than was captured that has gone back, with a refund or by it."""
        reason = f"{payment.money(given)} went back of {payment.money(payment.captured)}"
        reference = refund.provider_reference or str(refund.refund_id)
        excess = payment.money(given - payment.captured)
        about = About(excess, reference=reference, refund_id=refund.refund_id, is_once=True)
        await self.ask(unit, payment, ReviewKind.AMOUNT_DIFFERS, reason, about)
