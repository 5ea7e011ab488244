"""What only a person can say: outcomes that a provider does not tell, and money that fits nothing. Pure: no I/O.

`ANSWERS` says of every question what follows from every answer, or why it is refused: an answer that is taken has an
effect that ends the question for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import AmountMismatchError, ForeignObjectError, Payment, Received


class ReviewKind(StrEnum):
    """Why a person has to look; the names are the contract's."""

    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    """The provider could not be made to say, within the time for which it remembers the request's key."""
    UNKNOWN_REFUND = "UNKNOWN_REFUND"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    """Money of another amount or currency than ours."""
    FOREIGN_CAPTURE = "FOREIGN_CAPTURE"
    """Money on an object that belongs to no attempt of its payment."""
    SURPLUS_KEPT = "SURPLUS_KEPT"
    """Money that should have gone back and could not be given back."""


ABOUT_REFUNDS = frozenset({ReviewKind.UNKNOWN_REFUND, ReviewKind.AMOUNT_DIFFERS})
"""Which questions about a refund are over once it has ended. That its money is kept is another one."""


class Resolution(StrEnum):
    """What a person found out, or decided; the names are the contract's."""

    CAPTURED = "CAPTURED"
    NOT_CAPTURED = "NOT_CAPTURED"
    GIVE_BACK = "GIVE_BACK"


class Subject(StrEnum):
    """What a question is about: several are of one kind."""

    OUTCOME = "OUTCOME"
    """Whether the money of a payment was captured."""
    REFUND_OUTCOME = "REFUND_OUTCOME"
    """Whether a refund was made."""
    CAME_BACK = "CAME_BACK"
    """Whether what was taken back is there again."""
    MONEY = "MONEY"
    """Money of another amount on an attempt's object."""
    REFUND_AMOUNT = "REFUND_AMOUNT"
    """A refund that its provider shows with another amount."""
    EXCESS = "EXCESS"
    """More went back than had been captured."""
    GONE = "GONE"
    """A capture that the provider had confirmed, and does not show any more."""
    TAKEN = "TAKEN"
    """More, or other money, was taken back by the provider than was there."""
    FOREIGN = "FOREIGN"
    SURPLUS = "SURPLUS"


class Effect(StrEnum):
    """What follows from an answer."""

    SETTLE = "SETTLE"
    """The payment is SUCCESS, by what its capture was of."""
    SETTLE_AND_RETURN = "SETTLE_AND_RETURN"
    RELEASE = "RELEASE"
    """Nothing was captured: what is held may be captured anew, everything else is closed, and the payment FAILED."""
    REFUND_MADE = "REFUND_MADE"
    REFUND_NOT_MADE = "REFUND_NOT_MADE"
    TURN_DOWN = "TURN_DOWN"
    """The money pays nothing: the payment is FAILED."""
    TURN_DOWN_AND_RETURN = "TURN_DOWN_AND_RETURN"
    TAKE_AMOUNT = "TAKE_AMOUNT"
    """The refund is of what its provider shows."""
    WRITE_OFF = "WRITE_OFF"
    """What is left of the capture is noted as taken back: the payment, its order and the merchant know of it."""
    RETURN = "RETURN"
    NOTHING = "NOTHING"
    """It was dealt with at the provider, or is left as it is: no book of ours has to change."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an answer is no answer to a question."""

    why: str


BY_HAND = "give it back at the provider, then answer NOT_CAPTURED"
ANSWERS: Mapping[Subject, Mapping[Resolution, Effect | Refused]] = {
    Subject.OUTCOME: {
        Resolution.CAPTURED: Effect.SETTLE,
        Resolution.NOT_CAPTURED: Effect.RELEASE,
        Resolution.GIVE_BACK: Effect.SETTLE_AND_RETURN,
    },
    Subject.REFUND_OUTCOME: {
        Resolution.CAPTURED: Effect.REFUND_MADE,
        Resolution.NOT_CAPTURED: Effect.REFUND_NOT_MADE,
        Resolution.GIVE_BACK: Refused("say whether it went back: CAPTURED, or NOT_CAPTURED, and refund anew"),
    },
    Subject.CAME_BACK: {
        Resolution.CAPTURED: Effect.NOTHING,
        Resolution.NOT_CAPTURED: Effect.REFUND_NOT_MADE,
        Resolution.GIVE_BACK: Refused("say whether it is still gone: CAPTURED, or NOT_CAPTURED once it has come back"),
    },
    Subject.MONEY: {
        Resolution.CAPTURED: Refused("no other amount pays an order: answer GIVE_BACK or NOT_CAPTURED"),
        Resolution.NOT_CAPTURED: Effect.TURN_DOWN,
        Resolution.GIVE_BACK: Effect.TURN_DOWN_AND_RETURN,
    },
    Subject.REFUND_AMOUNT: {
        Resolution.CAPTURED: Effect.TAKE_AMOUNT,
        Resolution.NOT_CAPTURED: Effect.REFUND_NOT_MADE,
        Resolution.GIVE_BACK: Refused("answer CAPTURED to take the amount as it is, then refund what is missing"),
    },
    Subject.EXCESS: {
        Resolution.CAPTURED: Refused("deal with it at the provider, then answer NOT_CAPTURED"),
        Resolution.NOT_CAPTURED: Effect.NOTHING,
        Resolution.GIVE_BACK: Refused("nothing is left to give back: answer NOT_CAPTURED once it was dealt with"),
    },
    Subject.GONE: {
        Resolution.CAPTURED: Effect.NOTHING,
        Resolution.NOT_CAPTURED: Effect.WRITE_OFF,
        Resolution.GIVE_BACK: Refused("what is not there cannot be given back: answer NOT_CAPTURED"),
    },
    Subject.TAKEN: {
        Resolution.CAPTURED: Refused("answer NOT_CAPTURED: what is left of the payment is noted as taken back"),
        Resolution.NOT_CAPTURED: Effect.WRITE_OFF,
        Resolution.GIVE_BACK: Refused("what was taken back cannot be given back: answer NOT_CAPTURED"),
    },
    Subject.FOREIGN: {
        Resolution.CAPTURED: Refused(f"it is no object of the payment: {BY_HAND}"),
        Resolution.NOT_CAPTURED: Effect.NOTHING,
        Resolution.GIVE_BACK: Refused(f"the gateway cannot name it: {BY_HAND}"),
    },
    Subject.SURPLUS: {
        Resolution.CAPTURED: Refused("answer GIVE_BACK, or NOT_CAPTURED once it was dealt with"),
        Resolution.NOT_CAPTURED: Effect.NOTHING,
        Resolution.GIVE_BACK: Effect.RETURN,
    },
}
"""What follows from each answer to each question. Of a refund, captured means that the money went back."""

_SUBJECTS: Mapping[ReviewKind, Subject] = {
    ReviewKind.UNKNOWN_OUTCOME: Subject.OUTCOME,
    ReviewKind.UNKNOWN_REFUND: Subject.REFUND_OUTCOME,
    ReviewKind.FOREIGN_CAPTURE: Subject.FOREIGN,
    ReviewKind.SURPLUS_KEPT: Subject.SURPLUS,
}


@dataclass(frozen=True, slots=True)
class About:
    """What a question is about; what is not said is as it is in the payment. The amount is always said."""

    amount: Money
    attempt: int = 0
    reference: str = ""
    refund_id: UUID | None = None
    provider: str = ""
    held: bool | None = None
    """Whether the money is only held; None: nothing that a provider shows of an object is in question."""
    is_once: bool = False
    """Whether it is no question any more once it was answered, though the same is seen again."""


def about_money(error: AmountMismatchError, payment: Payment, reference: str = "") -> About:
    """Return what a question about money of another amount is about; `reference` names an object that has no name."""
    received = error.received
    if received is None:
        return About(payment.amount, reference=reference)
    return About(
        received.amount,
        attempt=received.attempt,
        reference=received.reference or reference,
        provider=received.provider,
        held=received.is_held,
    )


def about_foreign(error: ForeignObjectError, payment: Payment, attempt: int = 0) -> About:
    """Return what a question about an object of no attempt is about: what it holds, else what was asked for there."""
    return About(error.amount or payment.amount, attempt, error.reference, is_once=True)


@dataclass(frozen=True, slots=True)
class Review:
    """A question to a person, and its answer."""

    review_id: UUID
    kind: ReviewKind
    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    refund_id: UUID | None
    attempt: int
    amount: Money
    provider: str
    provider_reference: str
    reason: str
    create_time: datetime
    resolution: Resolution | None = None
    resolved_by: str = ""
    why: str = ""
    confirmed_by: str = ""
    """The second person, where the amount asks for one."""
    resolve_time: datetime | None = None
    held: bool | None = None
    """Whether the money is only held; None: it is not about what a provider shows, or nobody has noted that."""

    @property
    def received(self) -> Received | None:
        """The money of another amount that it is about; None for every other question."""
        if self.kind != ReviewKind.AMOUNT_DIFFERS or self.held is None or self.refund_id:
            return None
        return Received(self.attempt, self.provider, self.provider_reference, self.amount, self.held)

    @property
    def is_open(self) -> bool:
        """Whether it waits for a person."""
        return self.resolve_time is None


def subject_of(review: Review, payment: Payment) -> Subject:
    """Return what a question about a payment is about."""
    if review.kind == ReviewKind.UNKNOWN_REFUND and review.held is not None:
        return Subject.CAME_BACK
    if review.kind != ReviewKind.AMOUNT_DIFFERS:
        return _SUBJECTS[review.kind]
    if review.refund_id:
        return Subject.EXCESS if review.held is None else Subject.REFUND_AMOUNT
    if review.received:
        return Subject.MONEY
    is_ours = review.provider_reference in {attempt.provider_reference for attempt in payment.attempts}
    return Subject.GONE if is_ours else Subject.TAKEN
