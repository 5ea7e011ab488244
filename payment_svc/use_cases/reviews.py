"""What a person answers about money that the gateway cannot tell of, and what follows from the answer."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from mesh.errors import failed_precondition, invalid, not_found
from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from payment_svc.domain import operation as operation_domain
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain import refund as refund_domain
from payment_svc.domain.operation import OperationStatus
from payment_svc.domain.payment import (
    BY_REVIEW,
    Fact,
    Failure,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    is_current,
)
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.domain.review import ALLOWED, Resolution, Review, ReviewKind
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.refunds import Refunds

log = get_logger(__name__)
NOT_CAPTURED = Failure("not_captured", "a person has found that no money was captured")
AMOUNT_DIFFERS = Failure("amount_differs", "another amount than the payment's was received")


class Reviews:
    """The queue of questions to a person."""

    def __init__(
        self, database: Database, ledger: Ledger, refunds: Refunds, second_person_above: int, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._refunds = refunds
        self._second_person_above = second_person_above
        self._clock = clock

    async def get(self, review_id: UUID) -> Review:
        """Return a review. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            review = await self._ledger.reviews.get(session, review_id)
        return _found(review, review_id)

    async def page(self, *, resolved: bool, after: UUID | None, limit: int) -> list[Review]:
        """Return reviews, oldest first."""
        async with self._database.session() as session:
            return await self._ledger.reviews.page(session, resolved=resolved, after=after, limit=limit)

    async def resolve(self, review_id: UUID, answer: Resolution, operator: str, why: str) -> Review:
        """Answer a review, and act on it in the same transaction. Raises ApiError as the contract says."""
        async with self._ledger.work.begin() as unit:
            review = _found(await self._ledger.reviews.lock(unit.session, review_id), review_id)
            if not review.is_open:
                raise failed_precondition(
                    "REVIEW_RESOLVED", f"{review.resolved_by} has answered it: {review.resolution}"
                )
            if answer not in ALLOWED[review.kind]:
                raise invalid("resolution", f"a review of kind {review.kind} is not answered {answer}")
            if review.received and answer == Resolution.GIVE_BACK:
                _check_returnable(await self._ledger.lock(unit, review.payment_id), review.received)
            answered = self._answered(review, answer, operator, why)
            await self._ledger.reviews.resolve(unit.session, answered)
            if not answered.is_open:
                await self._act(unit, answered)
        log.warning(
            "review answered",
            review_id=review_id,
            payment_id=review.payment_id,
            resolution=str(answered.resolution),
            operator=operator,
            why=why,
            is_final=not answered.is_open,
        )
        if answered.resolution is None:
            raise failed_precondition(
                "ANSWERS_DIFFER", f"{review.resolved_by} said {review.resolution}; both are withdrawn"
            )
        return answered

    def _answered(self, review: Review, answer: Resolution, operator: str, why: str) -> Review:
        """Return the review with an answer: for good, or the first of the two that its amount takes."""
        now = self._clock()
        if review.amount.minor <= self._second_person_above and not review.resolution:
            return replace(review, resolution=answer, resolved_by=operator, why=why, resolve_time=now)
        if not review.resolution:
            return replace(review, resolution=answer, resolved_by=operator, why=why)
        if review.resolved_by == operator:
            raise failed_precondition("SECOND_PERSON_REQUIRED", "somebody else has to give the same answer")
        if review.resolution != answer:
            return replace(review, resolution=None, resolved_by="", why="")
        return replace(review, confirmed_by=operator, why=f"{review.why}; {operator}: {why}", resolve_time=now)

    async def _act(self, unit: UnitOfWork, review: Review) -> None:
        if review.kind == ReviewKind.UNKNOWN_REFUND and review.refund_id:
            await self._settle_refund(unit, review, review.refund_id)
            return
        payment = await self._ledger.lock(unit, review.payment_id)
        if review.received:
            await self._turn_down(unit, payment, review, review.received)
        if review.kind == ReviewKind.UNKNOWN_OUTCOME:
            payment = await self._settle_payment(unit, payment, review)
        if review.resolution == Resolution.GIVE_BACK and review.kind != ReviewKind.AMOUNT_DIFFERS:
            await self._ledger.returns.give_back(unit, payment, review)

    async def _turn_down(self, unit: UnitOfWork, payment: Payment, review: Review, received: Received) -> None:
        """End a payment that other money came for; what is to go back follows from what its attempt says."""
        if _is_paid_by(payment, received):
            return
        owed = review.resolution == Resolution.GIVE_BACK
        versions = transitions.turn_down(payment, received, AMOUNT_DIFFERS, self._clock(), owed=owed)
        await self._ledger.save(unit, payment, versions)

    async def _settle_payment(self, unit: UnitOfWork, payment: Payment, review: Review) -> Payment:
        """End a payment by what a person has found at the provider: their word stands for the provider's."""
        now = self._clock()
        captured = review.resolution in (Resolution.CAPTURED, Resolution.GIVE_BACK)
        reference = payment.provider_reference or (f"{BY_REVIEW}{review.review_id}" if captured else "")
        said = (
            Snapshot(reference, PaymentStatus.SUCCESS, payment.amount)
            if captured
            else Snapshot(reference, PaymentStatus.FAILED, failure=NOT_CAPTURED)
        )
        for one in await self._ledger.operations.lock_open(unit.session, payment.payment_id):
            if not is_current(payment, one.attempt):
                # what is to be closed elsewhere is no part of the question
                continue
            status = OperationStatus.DONE if captured else OperationStatus.REFUSED
            await self._ledger.operations.end(unit.session, operation_domain.end(one, status, now))
        if payment.status == PaymentStatus.AUTHORIZED and not captured:
            # the money is held: it may be captured anew, or is voided when its time is over
            return payment
        versions = transitions.apply(payment, Fact(payment.attempt.number, said), now)
        payment = await self._ledger.save(unit, payment, versions)
        if not captured and payment.provider_reference:
            # not captured is not closed: its object may hold money, or take it yet
            await self._ledger.close(unit, payment, payment.attempt)
        return payment

    async def _settle_refund(self, unit: UnitOfWork, review: Review, refund_id: UUID) -> None:
        made = review.resolution == Resolution.CAPTURED
        snapshot = RefundSnapshot(
            "", RefundStatus.SUCCESS if made else RefundStatus.FAILED, failure=None if made else _NOT_MADE
        )
        await self._refunds.apply_in(unit, refund_id, lambda refund, now: refund_domain.apply(refund, snapshot, now))


_NOT_MADE = Failure("not_made", "a person has found that the money did not go back")


def _is_paid_by(payment: Payment, received: Received) -> bool:
    """Whether the object has shown the payment's own amount since."""
    return payment.status == PaymentStatus.SUCCESS and is_current(payment, received.attempt)


def _check_returnable(payment: Payment, received: Received) -> None:
    """Refuse to give back what the gateway cannot. Raises ApiError INVALID_ARGUMENT."""
    by_hand = "give it back at the provider, then answer NOT_CAPTURED"
    if _is_paid_by(payment, received):
        raise invalid("resolution", "the payment has its whole amount since: refund it, and answer NOT_CAPTURED")
    if received.amount.currency != payment.amount.currency and not received.is_held:
        raise invalid("resolution", f"{received.amount} is not of the payment's currency: {by_hand}")
    attempt = next(a for a in payment.attempts if a.number == received.attempt)
    if attempt.provider_reference not in ("", received.reference):
        raise invalid("resolution", f"{received.reference} is not the object of attempt {attempt.number}: {by_hand}")


def _found(review: Review | None, review_id: UUID) -> Review:
    if review is None:
        raise not_found("review", str(review_id))
    return review
