"""What only a person can say: outcomes that a provider does not tell, and money that fits nothing. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mesh.money import Money
from payment_svc.domain.payment import AmountMismatchError, Received


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


class Resolution(StrEnum):
    """What a person found out, or decided; the names are the contract's."""

    CAPTURED = "CAPTURED"
    NOT_CAPTURED = "NOT_CAPTURED"
    GIVE_BACK = "GIVE_BACK"


ALLOWED: Mapping[ReviewKind, frozenset[Resolution]] = {
    ReviewKind.UNKNOWN_OUTCOME: frozenset(Resolution),
    ReviewKind.UNKNOWN_REFUND: frozenset({Resolution.CAPTURED, Resolution.NOT_CAPTURED}),
    ReviewKind.AMOUNT_DIFFERS: frozenset({Resolution.NOT_CAPTURED, Resolution.GIVE_BACK}),
    ReviewKind.FOREIGN_CAPTURE: frozenset({Resolution.NOT_CAPTURED, Resolution.GIVE_BACK}),
    ReviewKind.SURPLUS_KEPT: frozenset({Resolution.NOT_CAPTURED, Resolution.GIVE_BACK}),
}
"""What each kind can be resolved to. Of a refund, captured means that the money went back."""


@dataclass(frozen=True, slots=True)
class About:
    """What a question is about; what is not said is as it is in the payment."""

    amount: Money | None = None
    attempt: int = 0
    reference: str = ""
    refund_id: UUID | None = None
    provider: str = ""
    held: bool | None = None
    """Whether the money is only held; None: the question is not about money on an attempt's object."""


PAYMENT = About()
"""The payment as a whole."""


def about_money(error: AmountMismatchError, reference: str = "") -> About:
    """Return what a question about money of another amount is about; `reference` names an object that has no name."""
    received = error.received
    if received is None:
        return About(reference=reference)
    return About(
        amount=received.amount,
        attempt=received.attempt,
        reference=received.reference or reference,
        provider=received.provider,
        held=received.is_held,
    )


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
    """Whether the money is only held; None: it is not about money on an attempt's object, or nobody has noted that."""

    @property
    def received(self) -> Received | None:
        """The money of another amount that it is about; None for every other question."""
        if self.kind != ReviewKind.AMOUNT_DIFFERS or self.held is None:
            return None
        return Received(self.attempt, self.provider, self.provider_reference, self.amount, self.held)

    @property
    def is_open(self) -> bool:
        """Whether it waits for a person."""
        return self.resolve_time is None
