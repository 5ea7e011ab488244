"""What a person answers about money that the gateway cannot tell of, and what follows from the answer."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from mesh.errors import failed_precondition, invalid, not_found, unavailable
from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from payment_svc.domain.payment import Payment
from payment_svc.domain.review import ANSWERS, Effect, Refused, Resolution, Review, subject_of
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.reviews.consequences import Consequences
from payment_svc.use_cases.reviews.witness import Shown, Witness, check_agrees

log = get_logger(__name__)


class Reviews:
    """The queue of questions to a person."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        witness: Witness,
        consequences: Consequences,
        second_person_above: int,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._witness = witness
        self._consequences = consequences
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
        """Answer a review, and act on it in the same transaction. Raises ApiError as the contract says.

        An answer that is not carried out is refused, and nothing is stored.
        """
        shown = await self._look(review_id)
        async with self._ledger.work.begin() as unit:
            payment = await self._ledger.lock(unit, (await self.get(review_id)).payment_id)
            # the payment is held first: so does whoever closes a review by a fact
            review = _found(await self._ledger.reviews.lock(unit.session, review_id), review_id)
            if not review.is_open:
                raise failed_precondition(
                    "REVIEW_RESOLVED", f"{review.resolved_by} has answered it: {review.resolution}"
                )
            effect = await self._effect(unit, payment, review, answer, shown)
            answered = self._answered(review, answer, operator, why)
            await self._ledger.reviews.resolve(unit.session, answered)
            if not answered.is_open:
                await self._consequences.carry_out(unit, payment, answered, effect, shown)
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

    async def _look(self, review_id: UUID) -> Shown:
        """Return what the provider shows of what a review is about, before anything is held."""
        review = await self.get(review_id)
        async with self._ledger.work.begin() as unit:
            payment = await self._ledger.lock(unit, review.payment_id)
        return await self._witness.look(review, payment, subject_of(review, payment))

    async def _effect(
        self, unit: UnitOfWork, payment: Payment, review: Review, answer: Resolution, shown: Shown
    ) -> Effect:
        """Return what follows from an answer. Raises ApiError where it is none, or the provider contradicts it."""
        subject = subject_of(review, payment)
        effect = ANSWERS[subject][answer]
        if isinstance(effect, Refused):
            raise invalid("resolution", f"a review of kind {review.kind} is not answered {answer} here: {effect.why}")
        if shown.snapshot and shown.version != payment.version:
            raise unavailable("PAYMENT_BUSY", "the payment has changed since its object was looked at; answer again")
        check_agrees(review, payment, subject, answer, shown)
        await self._consequences.check(unit, payment, review, effect, shown)
        return effect

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


def _found(review: Review | None, review_id: UUID) -> Review:
    if review is None:
        raise not_found("review", str(review_id))
    return review
