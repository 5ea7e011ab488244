"""Asks a provider how something stands at the moment at which a person answers about it.

A person's word stands for a provider's that cannot be had. Where it can, an answer that it contradicts is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.errors import ApiError, failed_precondition, unavailable
from mesh.telemetry import get_logger
from payment_svc.domain.payment import Payment, PaymentStatus, Snapshot, is_named
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.domain.review import Resolution, Review, Subject
from payment_svc.providers.base import ObjectNotFoundError, ProviderError
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.answers import at_attempt, at_refund
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.refunds import Refunds

log = get_logger(__name__)
_S = PaymentStatus
_PAID = (Resolution.CAPTURED, Resolution.GIVE_BACK)
_NOT_PAID = (_S.INITIATED, _S.REQUIRES_ACTION, _S.AUTHORIZED, _S.FAILED, _S.CANCELLED)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a provider shows of what a question is about; nothing where it was not asked, or gave no answer."""

    version: int
    """The payment's version before the look."""
    is_reached: bool = False
    is_absent: bool = False
    """Whether the provider knows no such object."""
    snapshot: Snapshot | None = None
    refund: RefundSnapshot | None = None


class Witness:
    """Looks at objects for those who answer."""

    def __init__(self, ledger: Ledger, refunds: Refunds, accounts: Accounts) -> None:
        self._ledger = ledger
        self._refunds = refunds
        self._accounts = accounts

    async def look(self, review: Review, payment: Payment, subject: Subject) -> Shown:
        """Ask the provider where its word counts. Raises nothing: a person is asked since it may be out of reach."""
        try:
            if subject in (Subject.OUTCOME, Subject.GONE):
                return await self._object(payment, at_attempt(payment, payment.attempt.number))
            if subject in (Subject.REFUND_OUTCOME, Subject.REFUND_AMOUNT):
                return await self._refund(review, payment)
        except ObjectNotFoundError:
            return Shown(payment.version, is_absent=True)
        except (ProviderError, ApiError) as error:
            log.info("nothing learned", review_id=review.review_id, error=repr(error))
        return Shown(payment.version)

    async def _object(self, payment: Payment, at: Payment) -> Shown:
        if not is_named(at.provider_reference):
            return Shown(payment.version)
        provider = await self._accounts.by_id(at.provider, at.account_id)
        snapshot = await provider.fetch(at)
        # what another object shows says nothing of this one
        is_its_own = snapshot.reference in ("", at.provider_reference)
        return Shown(payment.version, is_reached=True, snapshot=snapshot if is_its_own else None)

    async def _refund(self, review: Review, payment: Payment) -> Shown:
        if review.refund_id is None:
            return Shown(payment.version)
        refund = await self._refunds.get(payment.merchant_id, review.refund_id)
        if not is_named(at_refund(payment, refund).provider_reference):
            return Shown(payment.version)
        return Shown(payment.version, is_reached=True, refund=await self._refunds.shown(payment, refund))


def check_agrees(review: Review, payment: Payment, subject: Subject, answer: Resolution, shown: Shown) -> None:
    """Refuse an answer that the provider contradicts at this moment.

    Raises ApiError FAILED_PRECONDITION, reason PROVIDER_DISAGREES; UNAVAILABLE where only the provider can tell.
    """
    match subject:
        case Subject.OUTCOME if shown.snapshot:
            _check_outcome(payment, answer, shown.snapshot)
        case Subject.GONE:
            is_there = shown.snapshot is not None and shown.snapshot.status == _S.SUCCESS
            if is_there != (answer == Resolution.CAPTURED):
                raise _disagrees(payment, "the capture" if is_there else "no capture")
        case Subject.REFUND_OUTCOME if shown.refund:
            _check_refund(payment, review, answer, shown.refund)
        case Subject.REFUND_AMOUNT:
            _check_refund_amount(payment, review, answer, shown)


def _check_outcome(payment: Payment, answer: Resolution, shown: Snapshot) -> None:
    if shown.status == _S.SUCCESS and answer not in _PAID:
        raise _disagrees(payment, f"{shown.amount or 'the payment'} captured")
    if shown.status == _S.PROCESSING and not shown.approved and answer == Resolution.NOT_CAPTURED:
        # the order could be paid once more, and this one come after all
        raise _disagrees(payment, "that it works on it, so that the money may still come")
    if shown.status in _NOT_PAID and answer in _PAID:
        raise _disagrees(payment, f"it {shown.status}")


def _check_refund(payment: Payment, review: Review, answer: Resolution, shown: RefundSnapshot) -> None:
    made = shown.status != RefundStatus.FAILED
    if made != (answer == Resolution.CAPTURED) or (made and shown.amount not in (None, review.amount)):
        raise _disagrees(payment, f"the refund of {shown.amount or review.amount} {shown.status}")


def _check_refund_amount(payment: Payment, review: Review, answer: Resolution, shown: Shown) -> None:
    known = shown.refund
    if answer == Resolution.CAPTURED:
        if review.amount.currency != payment.amount.currency:
            raise _disagrees(payment, f"{review.amount}, and the payment is in {payment.amount.currency}")
        if known and known.status == RefundStatus.FAILED:
            raise _disagrees(payment, "that the refund FAILED")
        return
    if not (shown.is_reached or shown.is_absent):
        words = f"{payment.provider} shows {review.amount}, and cannot be asked whether it does still; answer later"
        raise unavailable("PROVIDER_UNAVAILABLE", words)
    if (
        known
        and known.status != RefundStatus.FAILED
        and (known.amount or review.amount).currency == (payment.amount.currency)
    ):
        raise _disagrees(payment, f"the refund of {known.amount or review.amount} {known.status}")


def _disagrees(payment: Payment, what: str) -> ApiError:
    words = f"{payment.provider} shows {what}: its word counts"
    return failed_precondition("PROVIDER_DISAGREES", words, payment_id=str(payment.payment_id))
