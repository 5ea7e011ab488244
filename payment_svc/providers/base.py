"""The Strategy interface that every provider implements, and the errors it may raise.

An adapter translates: our request to the provider's API, its answers to `Snapshot`, its errors to the few below. It
decides nothing about states and stores nothing. `docs/adding-a-provider.md` walks through writing one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from mesh.money import Money
from payment_svc.domain.dispute import DisputeSnapshot
from payment_svc.domain.payment import Failure, Payment, Snapshot
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.domain.refund import GivenBack, Refund, RefundSnapshot
from payment_svc.domain.schedule import GIVE_UP

KEY_MARGIN = timedelta(hours=1)
"""How long before a provider forgets a key nothing is sent under it any more: clocks differ, and calls take time."""


class ProviderError(Exception):
    """Anything that went wrong at or on the way to a provider."""

    @property
    def kind(self) -> str:
        """The name of the error here that this one is: an adapter's own are told apart by the adapter alone."""
        return next(one.__name__ for one in type(self).__mro__ if one.__module__ == __name__)


class RejectedError(ProviderError):
    """The provider will not do this, now or later: the request itself is at fault. No money moved by it.

    Never raised for what leaves the provider's object open, so that it could be paid after all: that is a `Snapshot`
    with a `failure`, or an unknown outcome.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class UnavailableError(ProviderError):
    """This call was certainly not carried out: the provider was not reached, or answered that it is too busy.

    It says nothing of an earlier call under the same key.
    """


class CredentialsRefusedError(UnavailableError):
    """The provider does not take the credentials, or not for this call: they are wrong, revoked, or allowed less."""

    def __init__(self, message: str, identity: str = "") -> None:
        super().__init__(message)
        self.identity = identity
        """Whose account they are of, where they say that by themselves."""


class OutcomeUnknownError(ProviderError):
    """No answer that can be trusted: the provider may or may not have done it."""


class InProgressError(OutcomeUnknownError):
    """An earlier call under the same key still runs, the provider says: how that one ends is not known yet."""


class UnreadableAnswerError(OutcomeUnknownError):
    """The provider answered what the adapter does not know, such as a new status: no outcome, and no outage."""


def is_outage(error: ProviderError) -> bool:
    """Whether the same may well be answered next time, rather than fail until somebody does something about it."""
    stays = any(isinstance(one, CredentialsRefusedError | UnreadableAnswerError) for one in (error, error.__cause__))
    return isinstance(error, UnavailableError | OutcomeUnknownError) and not stays


class ObjectNotFoundError(ProviderError):
    """The provider knows no such object."""


class SignatureInvalidError(ProviderError):
    """A webhook that was not signed by the provider, or not within the tolerated time."""


class AmountNotSupportedError(ProviderError):
    """The provider cannot take this amount or this currency."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do. What it cannot is refused before anything is stored, and never reaches its adapter."""

    hosted_page: bool
    """The customer pays on a page of the provider's."""
    tokens: str
    """Which payment-method tokens it confirms directly: a regular expression of the whole token; empty: none."""
    authorization_lifetime: timedelta | None
    """How long money may stay authorized before it is captured; None: it is always captured at once."""
    partial_capture: bool
    refunds: bool
    partial_refunds: bool
    disputes: bool
    key_retention: timedelta = timedelta(hours=24)
    """For how long the provider remembers an idempotency key."""
    page_lifetime: timedelta | None = None
    """Where money moves only when we confirm it: how long a page lives that nobody has completed, and is forgotten."""
    recalled_after: timedelta = timedelta(0)
    """How long after a payment was begun it is certain that what can be found of it is found, by its id alone."""
    listed_after: timedelta = timedelta(0)
    """How long after money was taken the provider's own records have it for certain."""
    works_for: timedelta = GIVE_UP
    """How long it may show a payment as under way before that is odd: debits and transfers take working days."""
    names_money: bool = False
    """Whether events name what was paid on its page otherwise than the page itself."""

    @property
    def repeatable_for(self) -> timedelta:
        """For how long the same request may be sent again under its key."""
        return self.key_retention - KEY_MARGIN


class Loss(StrEnum):
    """How an event says that money which had been captured may be gone."""

    NONE = ""
    DENIED = "DENIED"
    """The provider refused a capture after all."""
    REVERSED = "REVERSED"
    """The provider has taken money back by itself."""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """What a webhook says: a hint to look at one object, never a fact by itself.

    `payment_id` and `refund_id` are our own ids from the object's metadata, empty when it carries none. With a
    `refund_reference` or a `dispute_reference` the event is about that refund or dispute of the provider's, and
    `reference` is the payment it belongs to.
    """

    event_id: str
    type: str
    reference: str
    payment_id: str
    create_time: datetime
    refund_id: str = ""
    refund_reference: str = ""
    dispute_reference: str = ""
    loss: Loss = Loss.NONE
    object_type: str = ""
    """Set where the event names an object and nothing that it belongs to: `Resolving.resolve` fetches it first."""


class Provider(Protocol):
    """One payment provider. All methods are safe to call again: writes carry an idempotency key of the payment."""

    @property
    def name(self) -> str:
        """The word that merchants and paths use, such as `stripe`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; the contract suite in `tests/providers` holds it to that."""
        ...

    async def identity(self) -> str:
        """Return the provider's own name of the account that the credentials are of.

        All credentials with which keys are remembered and objects are known together have the same, for ever; others
        never have. Raises CredentialsRefusedError, UnavailableError or OutcomeUnknownError.
        """
        ...

    def check_amount(self, amount: Money) -> None:
        """Raise AmountNotSupportedError when the provider's wire form cannot hold the amount exactly."""
        ...

    async def start(self, payment: Payment) -> Snapshot:
        """Create the provider's object for a payment: a hosted page, or a charge confirmed at once.

        A decline is an answer, not an error. Raises RejectedError, UnavailableError or OutcomeUnknownError.
        """
        ...

    async def fetch(self, payment: Payment) -> Snapshot:
        """Return what the provider says now of a payment whose reference is known.

        Raises ObjectNotFoundError, UnavailableError or OutcomeUnknownError.
        """
        ...

    async def find(self, payment: Payment) -> Snapshot | None:
        """Look for the payment's object by our metadata; None when the provider has none.

        Raises UnavailableError or OutcomeUnknownError.
        """
        ...

    async def complete(self, payment: Payment, key: str) -> Snapshot:
        """Take or hold the money that the customer has approved, under the key of this operation.

        Raises RejectedError, UnavailableError or OutcomeUnknownError; ObjectNotFoundError where this call did nothing,
        as the provider knows no such object.
        """
        ...

    async def capture(self, payment: Payment, amount: Money, key: str) -> Snapshot:
        """Capture an authorized payment, all or a part of it, under the key of this operation.

        Raises RejectedError, UnavailableError or OutcomeUnknownError.
        """
        ...

    async def cancel(self, payment: Payment, key: str) -> Snapshot:
        """Close the hosted page, or void the authorization, under the key of this operation. Raises as `capture`."""
        ...

    async def refund(self, payment: Payment, refund: Refund) -> RefundSnapshot:
        """Give money back. Raises as `capture` does."""
        ...

    async def fetch_refund(self, payment: Payment, refund: Refund) -> RefundSnapshot | None:
        """Return what the provider says now of a refund: by its reference, else by our id in its metadata.

        None when the provider has none. Raises UnavailableError or OutcomeUnknownError.
        """
        ...

    def records(self, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
        """Walk through the provider's own list of payments that were created in a span of time.

        Raises UnavailableError or OutcomeUnknownError.
        """
        ...

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check the signature over the raw body. Raises SignatureInvalidError; UnavailableError when it cannot."""
        ...

    def translate(self, body: bytes) -> ProviderEvent:
        """Read a verified webhook. Raises ValueError when it is not an event."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class Owning(Protocol):
    """What a provider does as well whose events may not name our payment, such as a refund made by hand."""

    async def owner_of(self, reference: str) -> str:
        """Return our payment id from the metadata of the provider's payment; empty when it carries none.

        Raises ObjectNotFoundError, UnavailableError or OutcomeUnknownError.
        """
        ...


@runtime_checkable
class Resolving(Protocol):
    """What a provider does as well whose events may name an object only (`object_type`)."""

    async def resolve(self, event: ProviderEvent) -> ProviderEvent:
        """Return the event with what it belongs to, as its object says; its reference is empty when that is nothing.

        Raises UnavailableError or OutcomeUnknownError.
        """
        ...


@runtime_checkable
class Listing(Protocol):
    """What a provider does as well that lists the refunds of a payment: one that was lost here is found there."""

    async def given_back(self, payment: Payment, since: datetime, until: datetime | None = None) -> Sequence[GivenBack]:
        """Return the refunds of a payment's object that were made in a span, or more; those that failed as well.

        Raises ObjectNotFoundError, UnavailableError or OutcomeUnknownError.
        """
        ...


@runtime_checkable
class Recalling(Protocol):
    """What a provider does as well whose `find` does not find a payment of which only its id is known."""

    async def recall(self, payment: Payment) -> Snapshot | None:
        """Look for the money that was taken or is held for a payment that is lost here; None when there is none.

        It may take `recalled_after` of the capabilities until it is shown. Raises as `find` does.
        """
        ...


@runtime_checkable
class Reversing(Protocol):
    """What a provider does as well that takes captured money back by itself."""

    async def reversals(self, payment: Payment, reference: str) -> Sequence[RefundSnapshot]:
        """Return what was taken back of a payment's capture: the one of that name, or all where the name is empty.

        One without an amount took all that was left.
        Raises ObjectNotFoundError for one of another payment's, UnavailableError or OutcomeUnknownError.
        """
        ...


@runtime_checkable
class Disputing(Protocol):
    """What a provider whose `capabilities` have `disputes` does as well."""

    async def fetch_dispute(self, reference: str) -> DisputeSnapshot:
        """Return what the provider says now of a dispute.

        Raises ObjectNotFoundError, UnavailableError or OutcomeUnknownError.
        """
        ...
