"""What a merchant is answered: what speaks against a request, and what the answer to its operation means."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

import grpc

from mesh.errors import ApiError, failed_precondition, invalid
from mesh.money import Money
from payment_svc.domain import operation as operation_domain
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import CaptureMethod, Fact, Failure, Payment, PaymentStatus, Snapshot, is_current
from payment_svc.domain.refund import Refund, RefundSnapshot
from payment_svc.providers.base import AmountNotSupportedError, Provider, RejectedError
from payment_svc.providers.resilience import ResilientProvider

LAPSED = Failure("not_done", "the provider no longer knows the request, and shows that it was not carried out")


def at_refund(payment: Payment, refund: Refund) -> Payment:
    """Return the payment as the provider knows it that holds the money which a refund gives back."""
    return at_attempt(payment, refund.attempt) if refund.attempt else payment


def at_attempt(payment: Payment, number: int) -> Payment:
    """Return the payment as the provider of one of its attempts knows it."""
    attempt = next(a for a in payment.attempts if a.number == number)
    if is_current(payment, number) and not attempt.held:
        return payment
    status = PaymentStatus.AUTHORIZED if attempt.held else PaymentStatus.INITIATED
    return replace(
        payment,
        provider=attempt.provider,
        account_id=attempt.account_id,
        provider_reference=attempt.provider_reference,
        status=status,
    )


def reworded(snapshot: Snapshot, at: Payment, operation: Operation) -> Snapshot:
    """Say why it was cancelled, when the gateway did it."""
    if operation.requester != Requester.GATEWAY or snapshot.status != PaymentStatus.CANCELLED:
        return snapshot
    if at.status == PaymentStatus.AUTHORIZED:
        return replace(snapshot, failure=Failure("expired", "the authorized money was not captured in time"))
    return replace(snapshot, failure=Failure("cancelled", "closed, because the order was paid otherwise"))


def require_processing(payment: Payment) -> None:
    """Raise ApiError FAILED_PRECONDITION, reason PAYMENT_NOT_APPROVED, unless the customer's approval is acted on."""
    if payment.status != PaymentStatus.PROCESSING:
        raise failed_precondition("PAYMENT_NOT_APPROVED", f"the payment is {payment.status}")


def raise_if_open(payment: Payment, operation: Operation) -> None:
    """Raise ApiError unless an operation did what was asked. The error says whether it is final.

    FAILED_PRECONDITION, reason PROVIDER_REFUSED, with the payment's present state; UNAVAILABLE, reason
    PROVIDER_UNAVAILABLE, when nothing was done; the same code with reason OUTCOME_UNKNOWN when that is not known.
    """
    where = {"payment_id": str(payment.payment_id), "status": str(payment.status)}
    match operation.status:
        case OperationStatus.DONE:
            return
        case OperationStatus.REFUSED if operation.failure and operation.failure.code == "provider_unavailable":
            words = f"{operation.failure.message}; nothing was done, repeat the call"
            raise ApiError(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE", words, metadata=where)
        case OperationStatus.REFUSED:
            said = operation.failure.message if operation.failure else "the provider did something else"
            raise failed_precondition("PROVIDER_REFUSED", f"{said}; the payment is {payment.status}", **where)
    words = "the provider gave no answer; it is asked until it does. Repeat the call, or ask for the payment"
    raise ApiError(grpc.StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN", words, metadata=where)


def check_capturable(payment: Payment) -> None:
    """Raise ApiError FAILED_PRECONDITION, reason PAYMENT_NOT_CAPTURABLE, unless money is held for a capture."""
    if payment.status != PaymentStatus.AUTHORIZED:
        words = f"the payment is {payment.status}; only an AUTHORIZED one can be captured"
        raise failed_precondition("PAYMENT_NOT_CAPTURABLE", words, status=str(payment.status))


def check_cancellable(payment: Payment) -> None:
    """Raise ApiError FAILED_PRECONDITION, reason PAYMENT_NOT_CANCELLABLE, unless it is the customer's turn or ours."""
    turn = payment.status in (PaymentStatus.INITIATED, PaymentStatus.REQUIRES_ACTION, PaymentStatus.AUTHORIZED)
    if not turn or not payment.provider_reference:
        instead = "; give the money back by a refund" if payment.status == PaymentStatus.SUCCESS else ""
        words = f"the payment is {payment.status}; only one that waits for the customer or holds money can be cancelled"
        raise failed_precondition("PAYMENT_NOT_CANCELLABLE", words + instead, status=str(payment.status))


def _way_on(payment: Payment) -> str:
    """Return what can be done about a payment that another one of its order finds under way."""
    if payment.status == PaymentStatus.AUTHORIZED:
        return "capture it"
    return "send the customer to its `redirect_url` again" if payment.redirect_url else "wait until it has ended"


def not_refundable(payment: Payment) -> ApiError:
    """Return the refusal of a refund of what has not been taken, or has all gone back."""
    if payment.status == PaymentStatus.SUCCESS:
        words = "nothing of this payment is left to refund: all went back, or is on its way"
    else:
        words = f"this payment is {payment.status}: only one that is SUCCESS has money to give back"
    return failed_precondition("PAYMENT_NOT_REFUNDABLE", words, status=str(payment.status))


def in_progress(payment: Payment) -> ApiError:
    """Return the refusal of another payment of the same order."""
    words = (
        f"another payment of this order is under way: {payment.payment_id} is {payment.status}; "
        f"{_way_on(payment)}, or cancel it first"
    )
    return failed_precondition("PAYMENT_IN_PROGRESS", words, **_named(payment))


def just_ended(payment: Payment) -> ApiError:
    """Return the refusal of another payment of the same order by one that was under way, and is no more."""
    words = f"another payment of this order was under way until now: {payment.payment_id} is {payment.status}"
    return failed_precondition("PAYMENT_IN_PROGRESS", f"{words}; repeat the request", **_named(payment))


def _named(payment: Payment) -> dict[str, str]:
    return {
        "order_id": str(payment.order_id),
        "payment_id": str(payment.payment_id),
        "status": str(payment.status),
    }


def asked_already(payment_id: UUID) -> ApiError:
    """Return the refusal of an operation beside another one on the same object."""
    words = "another operation on this payment has no answer yet; ask for the payment"
    return failed_precondition("OPERATION_IN_PROGRESS", words, payment_id=str(payment_id))


def worked_on(payment_id: UUID) -> ApiError:
    """Return the refusal of an operation while somebody else makes calls about its payment."""
    words = "something else is under way with this payment, try again shortly"
    where = {"payment_id": str(payment_id)}
    return ApiError(grpc.StatusCode.ABORTED, "OPERATION_IN_PROGRESS", words, metadata=where)


def in_progress_of(order_id: UUID) -> ApiError:
    """Return the refusal of another payment of an order where it does not say which one has it."""
    words = f"another payment of this order is under way: GET /v1/payments?order_id={order_id} has it"
    return failed_precondition("PAYMENT_IN_PROGRESS", words, order_id=str(order_id))


def check_part(part: Money, whole: Money) -> None:
    """Refuse an amount that is not a part of another. Raises ApiError INVALID_ARGUMENT."""
    if part.currency != whole.currency:
        raise invalid("amount.currency", f"the payment is in {whole.currency}")
    if part.minor > whole.minor:
        raise invalid("amount.value", f"at most {whole.value} {whole.currency} is possible", "AMOUNT_TOO_LARGE")


def check_capability(has: bool, field: str, provider: str, what: str) -> None:
    """Refuse what a provider cannot do. Raises ApiError INVALID_ARGUMENT, reason CAPABILITY_NOT_SUPPORTED."""
    if not has:
        raise invalid(field, f"{provider} does not {what}", "CAPABILITY_NOT_SUPPORTED")


def check_start(payment_method: str, capture_method: CaptureMethod, provider: Provider) -> None:
    """Refuse a payment that a provider cannot start as asked. Raises ApiError INVALID_ARGUMENT."""
    can = provider.capabilities
    if payment_method:
        fits = bool(can.tokens) and re.fullmatch(can.tokens, payment_method) is not None
        check_capability(fits, "payment_method", provider.name, "take such a payment-method token")
    else:
        check_capability(can.hosted_page, "payment_method", provider.name, "have a hosted page; a token is required")
    if capture_method == CaptureMethod.MANUAL:
        holds = can.authorization_lifetime is not None
        check_capability(holds, "capture_method", provider.name, "hold money for a later capture")


def check_amount(amount: Money, provider: Provider, field: str) -> None:
    """Refuse, with nothing stored, what the provider's wire form cannot hold. Raises ApiError INVALID_ARGUMENT."""
    try:
        provider.check_amount(amount)
    except AmountNotSupportedError as error:
        raise invalid(field, str(error), "AMOUNT_NOT_SUPPORTED") from None


def shows_undone(fact: Fact) -> bool:
    """Whether an object shows that nothing was done to it: nothing of ours can be under way any more."""
    waiting = (PaymentStatus.INITIATED, PaymentStatus.REQUIRES_ACTION, PaymentStatus.AUTHORIZED)
    return fact.snapshot.status in waiting or fact.snapshot.approved


def tells(operation: Operation, fact: Fact) -> bool:
    """Whether a look at the object can tell how the operation ended; while it is open it may still be done."""
    return operation.kind == OperationKind.START or fact.snapshot.status in (
        PaymentStatus.SUCCESS,
        PaymentStatus.CANCELLED,
        PaymentStatus.FAILED,
    )


def ended(operation: Operation, payment: Payment, fact: Fact | None, refusal: Failure | None) -> OperationStatus:
    """Return how an operation stands after its answer: what the payment shows decides, then what was answered."""
    current = is_current(payment, operation.attempt)
    shown = operation_domain.outcome(operation, payment) if current else None
    if shown or (fact is None and refusal is None):
        return shown or OperationStatus.UNKNOWN
    if refusal or fact is None:
        return OperationStatus.REFUSED
    match operation.kind:
        case OperationKind.START:
            return OperationStatus.DONE
        case OperationKind.CANCEL:
            closed = fact.snapshot.status in (PaymentStatus.CANCELLED, PaymentStatus.FAILED)
            return OperationStatus.DONE if closed else OperationStatus.REFUSED
        case OperationKind.CONFIRM | OperationKind.CAPTURE if fact.snapshot.failure:
            # declined, and may be asked for anew
            return OperationStatus.REFUSED
    # the provider works on it
    return OperationStatus.UNKNOWN


async def ask(provider: ResilientProvider, at: Payment, operation: Operation) -> Snapshot:
    """Have a provider carry out an operation on the object that a payment is at. Raises ProviderError."""
    match operation.kind:
        case OperationKind.START:
            return await provider.start(at)
        case OperationKind.CONFIRM:
            return await provider.complete(at, operation.key)
        case OperationKind.CAPTURE:
            return await provider.capture(at, at.money(operation.amount), operation.key)
        case OperationKind.CANCEL:
            return await provider.cancel(at, operation.key)
    raise ValueError(f"{operation.kind} is nothing to ask a provider")


async def look(provider: ResilientProvider, at: Payment, operation: Operation) -> Fact | None:
    """Return what the object of an operation shows, by its name, else by our id; None: there is none.

    Raises ProviderError.
    """
    snapshot = await (provider.fetch(at) if at.provider_reference else provider.find(at))
    return Fact(operation.attempt, snapshot) if snapshot else None


async def ask_for_refund(provider: ResilientProvider, at: Payment, refund: Refund) -> RefundSnapshot:
    """Have a provider give money back. Raises ProviderError.

    What it refuses of a further try an earlier one may have done, so that nothing was left for this one: only when it
    shows no such refund either is that a refusal.
    """
    try:
        return await provider.refund(at, refund)
    except RejectedError:
        found = await provider.fetch_refund(at, refund) if refund.sends > 1 else None
        if found is None:
            raise
        return found
