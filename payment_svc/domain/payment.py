"""A payment, its states, its tries, and what a provider may say of it. Pure: no I/O.

What moves it from one state to the next is in `domain/payment_transitions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mesh.money import Money
from mesh.urls.placeholders import filled


class PaymentStatus(StrEnum):
    """Where a payment stands; the names are the contract's."""

    INITIATED = "INITIATED"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    PROCESSING = "PROCESSING"
    AUTHORIZED = "AUTHORIZED"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


_S = PaymentStatus
_ENDS = frozenset({_S.AUTHORIZED, _S.SUCCESS, _S.FAILED, _S.CANCELLED})
TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.INITIATED: frozenset({_S.REQUIRES_ACTION, _S.PROCESSING, _S.CANCELLED, _S.FAILED}),
    _S.REQUIRES_ACTION: frozenset({_S.PROCESSING, _S.NEEDS_REVIEW}) | _ENDS,
    _S.PROCESSING: frozenset({_S.REQUIRES_ACTION, _S.NEEDS_REVIEW}) | _ENDS,
    _S.AUTHORIZED: frozenset({_S.SUCCESS, _S.FAILED, _S.CANCELLED, _S.NEEDS_REVIEW}),
    _S.NEEDS_REVIEW: frozenset({_S.REQUIRES_ACTION, _S.PROCESSING}) | _ENDS,
    # money is the truth: a capture that the provider confirms late is never ignored
    _S.FAILED: frozenset({_S.SUCCESS}),
    _S.CANCELLED: frozenset({_S.SUCCESS}),
    _S.SUCCESS: frozenset(),
}
"""Every legal step between two statuses. A change that keeps the status is always legal."""


class CaptureMethod(StrEnum):
    """When the money that was authorized is taken; the names are the contract's."""

    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"


TERMINAL = frozenset({_S.SUCCESS, _S.FAILED, _S.CANCELLED})
LIVE = frozenset(_S) - TERMINAL


@dataclass(frozen=True, slots=True)
class Received:
    """Money on an attempt's object that is not the payment's: of another amount or currency."""

    attempt: int
    provider: str
    reference: str
    """The object's name; empty where it has none yet."""
    amount: Money
    is_held: bool
    """Whether it is only held, and was not captured."""


class DoubtError(Exception):
    """What a provider says cannot be: no state may change on its word, and a person is asked."""


class AmountMismatchError(DoubtError):
    """The provider speaks of another amount or currency than ours: no state may change on its word.

    `received` is what it has of a payment; None where it is about a refund.
    """

    def __init__(self, words: str, received: Received | None = None) -> None:
        super().__init__(words)
        self.received = received


class StaleFactError(Exception):
    """What was seen may be older than what is known: the object has to be looked at again."""


class ForeignObjectError(DoubtError):
    """The provider speaks of an object that belongs to no attempt of the payment: no state may change on its word."""

    def __init__(self, words: str, snapshot: Snapshot) -> None:
        super().__init__(words)
        self.reference = snapshot.reference
        self.amount = snapshot.amount


MOST_ATTEMPTS = 100
"""How many tries a payment shows at the most by refusals; of more, the last is shown with the newest refusal."""
MOST_WORDS, MOST_LETTERS = 500, 100
"""How long the words of a refusal, and a provider's code, are at the most: a payment carries them in all it tells."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a provider refused: a code that is the same for every provider, a sentence, and the provider's own code."""

    code: str
    message: str
    provider_code: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", self.message[:MOST_WORDS])
        object.__setattr__(self, "provider_code", self.provider_code[:MOST_LETTERS])


class AttemptStatus(StrEnum):
    """How one try stands; the names are the contract's."""

    OPEN = "OPEN"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider."""

    number: int
    provider: str
    provider_reference: str
    status: AttemptStatus
    failure: Failure | None
    create_time: datetime
    end_time: datetime | None
    account_id: UUID | None = None
    """The merchant's own account at the provider; None: the platform's."""
    held: int = 0
    """Minor units that the provider holds on it although the payment does not need them: to be voided."""
    surplus: int = 0
    """Minor units that were captured on it although the payment was paid otherwise: to be given back."""
    capture_time: datetime | None = None
    """When the payment's money was taken by it, where its end does not tell: what it held was captured later."""


class ActionKind(StrEnum):
    """What is wanted of the customer; the names are the contract's."""

    REDIRECT = "REDIRECT"
    DISPLAY = "DISPLAY"
    SDK = "SDK"


@dataclass(frozen=True, slots=True)
class Action:
    """What the customer has to do: go to `url`, read what stands there, or go on in the provider's own library."""

    kind: ActionKind
    type: str
    """The provider's own word for it."""
    url: str = ""
    client_secret: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """How the provider was chosen where the request named none, and which others may still be tried, in their order."""

    rule: str
    reason: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payment:
    """An order's way to its money: one provider at a time, one live payment per order."""

    payment_id: UUID
    merchant_id: UUID
    order_id: UUID
    provider: str
    provider_reference: str
    amount: Money
    description: str
    status: PaymentStatus
    capture_method: CaptureMethod
    captured: int
    """Minor units that were captured."""
    refunded: int
    """Minor units of the refunds that succeeded."""
    payment_method: str
    return_url: str
    redirect_url: str
    failure: Failure | None
    version: int
    create_time: datetime
    update_time: datetime
    attempts: tuple[Attempt, ...]
    route: Route | None = None
    capture_before: datetime | None = None
    """Until when an AUTHORIZED payment has to be captured."""
    mode: str = ""
    """Of the key that it was made with: `test`, `live`, or empty for a call from inside the mesh."""
    account_id: UUID | None = None
    """The merchant's own account at the provider; None: the platform's."""
    action: Action | None = None
    """What is wanted of the customer while the payment REQUIRES_ACTION."""
    surplus: bool = False
    """Whether its order was paid otherwise, cancelled or expired when the capture came: it is given back."""
    unwanted: bool = False
    """Whether its order was paid otherwise, or refused to it, while its provider may have been asked: as soon as its
    object has a name that is closed, and what it takes is settled with the order, or given back."""
    cancel_url: str = ""
    """Where the customer goes who turns back, as the merchant wrote it; empty: `return_url`."""
    merchant_order_id: str = ""
    """The merchant's own reference of the order."""

    @property
    def attempt(self) -> Attempt:
        """The try under way, or the last one."""
        return self.attempts[-1]

    @property
    def capture_time(self) -> datetime | None:
        """When its money was taken, as the gateway heard of it; None while none was.

        Of a capture by hand that the version before heard of it is not known, as its attempt has ended earlier.
        """
        if self.status != _S.SUCCESS:
            return None
        is_automatic = self.capture_method == CaptureMethod.AUTOMATIC
        return self.attempt.capture_time or (self.attempt.end_time if is_automatic else None)

    @property
    def pays_nothing(self) -> bool:
        """Whether it has ended, and its order is not paid by it: another one may take its place."""
        return self.status in (_S.FAILED, _S.CANCELLED) or (self.status == _S.SUCCESS and self.surplus)

    @property
    def is_hosted(self) -> bool:
        """Whether the customer pays on the provider's page, rather than by a token that was confirmed directly."""
        return not self.payment_method

    @property
    def has_no_page(self) -> bool:
        """Whether nobody can have paid: not before the provider's page, whose address nobody was given, is open."""
        is_starting = self.status in (PaymentStatus.INITIATED, PaymentStatus.PROCESSING)
        return self.is_hosted and is_starting and not self.provider_reference and not self.redirect_url

    @property
    def returns_to(self) -> str:
        """Where the customer's browser comes back to, with its placeholders filled in; empty when not given."""
        return filled(self.return_url, self.order_id, self.payment_id, "RETURNED")

    @property
    def cancels_to(self) -> str:
        """Where the browser of a customer goes who turns back, with its placeholders filled in."""
        return filled(self.cancel_url or self.return_url, self.order_id, self.payment_id, "CANCELLED")

    def money(self, minor: int) -> Money:
        """Return an amount in the payment's currency."""
        return Money(minor, self.amount.currency)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a provider says of a payment at one moment.

    `amount` is what was authorized or captured; None while there is nothing of the kind. A `failure` beside a status
    that is not FAILED is an attempt that was refused while the customer may try again. With `approved` the customer has
    agreed to pay and the provider waits for our word to take the money.
    """

    reference: str
    status: PaymentStatus
    amount: Money | None = None
    redirect_url: str = ""
    failure: Failure | None = None
    approved: bool = False
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """What a provider said of the object behind one attempt.

    `seen` is the payment's version before the object was looked at, where a look may run beside an operation: what it
    shows can be older than the operation's answer.
    """

    attempt: int
    snapshot: Snapshot
    seen: int | None = None


def first_attempt(provider: str, now: datetime, account_id: UUID | None = None) -> Attempt:
    """Return the try that a payment begins with."""
    return Attempt(1, provider, "", AttemptStatus.OPEN, None, now, None, account_id)


def attempt_of(payment: Payment, provider: str, account_id: UUID | None, reference: str) -> Attempt | None:
    """Return the attempt at a provider's account that an object belongs to; None when none was made with it.

    Where no attempt has the object's name it is the newest one: what was paid on a page has a name of its own.
    """
    fits = [a for a in payment.attempts if (a.provider, a.account_id) == (provider, account_id)]
    named = [a for a in fits if a.provider_reference == reference]
    found = named or fits
    return found[-1] if found else None


BY_REVIEW = "review:"
"""What the name begins with of a capture that only a person has seen, until its provider shows it."""


def is_named(reference: str) -> bool:
    """Whether a provider knows an object by this name: nothing can be asked about one without."""
    return bool(reference) and not reference.startswith(BY_REVIEW)


def is_current(payment: Payment, number: int) -> bool:
    """Whether an attempt is at the payment's present object: a further try at the same object is the same object.

    Raises LookupError when there is no such attempt.
    """
    current = payment.attempt
    if number == current.number:
        return True
    known = next((a for a in payment.attempts if a.number == number), None)
    if known is None:
        raise LookupError(f"payment {payment.payment_id} has no attempt {number}")
    where = (known.provider, known.account_id, known.provider_reference)
    return where == (current.provider, current.account_id, current.provider_reference)
