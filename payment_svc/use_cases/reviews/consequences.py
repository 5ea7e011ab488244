"""What follows from a person's answer to a question, in the transaction that stores the answer."""

from __future__ import annotations

from mesh.errors import failed_precondition, invalid
from mesh.events.unit_of_work import UnitOfWork
from mesh.ids import Clock, utc_now
from payment_svc.domain import operation as operation_domain
from payment_svc.domain import payment_transitions as transitions
from payment_svc.domain import refund as refund_domain
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus
from payment_svc.domain.payment import (
    BY_REVIEW,
    AmountMismatchError,
    CaptureMethod,
    Fact,
    Failure,
    ForeignObjectError,
    Payment,
    PaymentStatus,
    Received,
    Snapshot,
    StaleFactError,
    is_current,
)
from payment_svc.domain.review import BY_HAND, Effect, Review, Subject, subject_of
from payment_svc.providers.registry import capabilities_of
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.refunds import Refunds
from payment_svc.use_cases.reviews.witness import Shown
from payment_svc.use_cases.taken_back.losses import DENIED, REVERSED, Losses

_S = PaymentStatus
NOT_CAPTURED = Failure("not_captured", "a person has found that no money was captured")
AMOUNT_DIFFERS = Failure("amount_differs", "another amount than the payment's was received")
NOT_MADE = Failure("not_made", "a person has found that the money did not go back")
_RETURNS = (Effect.RETURN, Effect.SETTLE_AND_RETURN, Effect.TURN_DOWN_AND_RETURN)


class Consequences:
    """Carries answers out."""

    def __init__(self, ledger: Ledger, refunds: Refunds, losses: Losses, clock: Clock = utc_now) -> None:
        self._ledger = ledger
        self._refunds = refunds
        self._losses = losses
        self._clock = clock

    async def check(self, unit: UnitOfWork, payment: Payment, review: Review, effect: Effect, shown: Shown) -> None:
        """Refuse what cannot be carried out, before anything is stored; hold the payment's row. Raises ApiError."""
        received = review.received
        holds_only = received is not None and received.is_held
        if effect in _RETURNS and not holds_only and not capabilities_of(review.provider).refunds:
            raise invalid("resolution", f"{review.provider} gives nothing back: {BY_HAND}")
        if effect == Effect.TURN_DOWN_AND_RETURN and received:
            _check_returnable(payment, received)
        if effect in (Effect.SETTLE, Effect.SETTLE_AND_RETURN, Effect.RELEASE):
            if payment.status in (_S.SUCCESS, _S.FAILED, _S.CANCELLED, _S.AUTHORIZED):
                words = f"it has become known how it stands: the payment is {payment.status}"
                if (payment.status == _S.SUCCESS) == (effect == Effect.RELEASE):
                    raise failed_precondition("PROVIDER_DISAGREES", words)
            elif effect != Effect.RELEASE:
                self._captured(payment, await self._open(unit, payment), shown)

    async def carry_out(self, unit: UnitOfWork, payment: Payment, review: Review, effect: Effect, shown: Shown) -> None:
        """Do what follows from an answer that was checked."""
        match effect:
            case Effect.SETTLE | Effect.SETTLE_AND_RETURN:
                payment = await self._settle(unit, payment, review, shown)
            case Effect.RELEASE:
                await self._release(unit, payment, shown)
            case Effect.TURN_DOWN | Effect.TURN_DOWN_AND_RETURN if review.received:
                await self._turn_down(unit, payment, review.received, owed=effect == Effect.TURN_DOWN_AND_RETURN)
            case Effect.REFUND_MADE | Effect.REFUND_NOT_MADE | Effect.TAKE_AMOUNT if review.refund_id:
                await self._of_refund(unit, review, effect, shown)
            case Effect.WRITE_OFF:
                await self._write_off(unit, payment, review)
        if effect in (Effect.SETTLE_AND_RETURN, Effect.RETURN):
            await self._ledger.returns.give_back(unit, payment, review)

    async def _open(self, unit: UnitOfWork, payment: Payment) -> list[Operation]:
        """Return the open operations on the payment's object: what is to be closed elsewhere is in no question."""
        known = await self._ledger.operations.lock_open(unit.session, payment.payment_id)
        return [one for one in known if is_current(payment, one.attempt) and one.kind != OperationKind.SETTLE]

    def _captured(self, payment: Payment, known: list[Operation], shown: Shown) -> Snapshot:
        """Return the capture that a person speaks of: as the provider shows it, else of what was asked for.

        A charge is of the payment's amount; of a hold any part may have been taken. Raises ApiError
        FAILED_PRECONDITION, reason AMOUNT_NOT_KNOWN.
        """
        if shown.snapshot and shown.snapshot.status == _S.SUCCESS:
            return shown.snapshot
        capture = next((one for one in known if one.kind == OperationKind.CAPTURE), None)
        if capture is None and payment.capture_method == CaptureMethod.MANUAL:
            words = "nobody asked for a capture here: how much was captured only the provider can show"
            raise failed_precondition("AMOUNT_NOT_KNOWN", words, payment_id=str(payment.payment_id))
        amount = payment.money(capture.amount) if capture else payment.amount
        return Snapshot(payment.provider_reference, _S.SUCCESS, amount)

    async def _settle(self, unit: UnitOfWork, payment: Payment, review: Review, shown: Shown) -> Payment:
        """End a payment as captured: a person's word stands for the provider's, where that does not show it."""
        if payment.status == _S.SUCCESS:
            return payment
        said = self._captured(payment, await self._open(unit, payment), shown)
        if not (said.reference or payment.provider_reference):
            said = Snapshot(f"{BY_REVIEW}{review.review_id}", said.status, said.amount)
        return await self._apply(unit, payment, said)

    async def _release(self, unit: UnitOfWork, payment: Payment, shown: Shown) -> None:
        """End a question by that nothing was captured; what is held for a capture is so still, and may be captured.

        What is not known to be held is closed: it may hold money, or take it yet.
        """
        if payment.status in (_S.FAILED, _S.CANCELLED, _S.AUTHORIZED):
            return
        known, now = await self._open(unit, payment), self._clock()
        said = Snapshot(payment.provider_reference, _S.FAILED, failure=NOT_CAPTURED)
        if shown.snapshot and shown.snapshot.status in (_S.AUTHORIZED, _S.FAILED, _S.CANCELLED):
            said = shown.snapshot
        elif any(one.kind == OperationKind.CAPTURE for one in known) and not shown.is_absent:
            said = Snapshot(payment.provider_reference, _S.AUTHORIZED, payment.amount)
        for one in known:
            refused = operation_domain.end(one, OperationStatus.REFUSED, now, NOT_CAPTURED)
            await self._ledger.operations.end(unit.session, refused)
        payment = await self._apply(unit, payment, said)
        if said.failure == NOT_CAPTURED and payment.provider_reference:
            await self._ledger.close(unit, payment, payment.attempt)

    async def _apply(self, unit: UnitOfWork, payment: Payment, said: Snapshot) -> Payment:
        fact = Fact(payment.attempt.number, said)
        try:
            versions = transitions.apply(payment, fact, self._clock())
        except (AmountMismatchError, ForeignObjectError, StaleFactError) as error:
            raise failed_precondition("PROVIDER_DISAGREES", f"{error}; it is asked of anew") from error
        return await self._ledger.save(unit, payment, versions)

    async def _turn_down(self, unit: UnitOfWork, payment: Payment, received: Received, *, owed: bool) -> None:
        """End a payment that other money came for; what is to go back follows from what its attempt says."""
        if _is_paid_by(payment, received):
            return
        versions = transitions.turn_down(payment, received, AMOUNT_DIFFERS, self._clock(), owed=owed)
        await self._ledger.save(unit, payment, versions)

    async def _of_refund(self, unit: UnitOfWork, review: Review, effect: Effect, shown: Shown) -> None:
        assert review.refund_id is not None
        made = refund_domain.RefundSnapshot("", refund_domain.RefundStatus.SUCCESS)
        # what it is called is known by now: the same is no news
        reference = shown.refund.reference if shown.refund else ""
        changes: dict[Effect, refund_domain.Change] = {
            Effect.REFUND_MADE: lambda refund, now: refund_domain.apply(refund, made, now),
            Effect.REFUND_NOT_MADE: lambda refund, now: refund_domain.turn_down(refund, reference, NOT_MADE, now),
            Effect.TAKE_AMOUNT: lambda refund, now: refund_domain.take_amount(refund, review.amount, now),
        }
        await self._refunds.apply_in(unit, review.refund_id, changes[effect])

    async def _write_off(self, unit: UnitOfWork, payment: Payment, review: Review) -> None:
        reason = DENIED if subject_of(review, payment) == Subject.GONE else REVERSED
        await self._losses.write_off_rest(unit, payment, review.provider_reference, reason)


def _is_paid_by(payment: Payment, received: Received) -> bool:
    """Whether the object has shown the payment's own amount since."""
    return payment.status == PaymentStatus.SUCCESS and is_current(payment, received.attempt)


def _check_returnable(payment: Payment, received: Received) -> None:
    """Refuse to give back what the gateway cannot. Raises ApiError INVALID_ARGUMENT."""
    if _is_paid_by(payment, received):
        raise invalid("resolution", "the payment has its whole amount since: refund it, and answer NOT_CAPTURED")
    if received.amount.currency != payment.amount.currency and not received.is_held:
        raise invalid("resolution", f"{received.amount} is not of the payment's currency: {BY_HAND}")
    attempt = next(a for a in payment.attempts if a.number == received.attempt)
    if attempt.provider_reference not in ("", received.reference):
        raise invalid("resolution", f"{received.reference} is not the object of attempt {attempt.number}: {BY_HAND}")
