"""Between the contract's messages and the domain."""

from __future__ import annotations

from collections.abc import Mapping

from fusionx.payment.v1 import (
    dispute_events_pb2,
    dispute_pb2,
    payment_pb2,
    refund_events_pb2,
    refund_pb2,
)
from fusionx.payment.v1 import payment_events_pb2 as events_pb2
from google.protobuf.message import Message

from mesh.events.envelope import OutboxEvent, event
from mesh.messages import money_message
from payment_svc.domain.dispute import DECIDED, Dispute
from payment_svc.domain.payment import Attempt, Failure, Payment, PaymentStatus
from payment_svc.domain.refund import Refund, RefundStatus

_FACTS: Mapping[PaymentStatus, type[Message]] = {
    PaymentStatus.REQUIRES_ACTION: events_pb2.PaymentRequiresAction,
    PaymentStatus.PROCESSING: events_pb2.PaymentProcessing,
    PaymentStatus.AUTHORIZED: events_pb2.PaymentAuthorized,
    PaymentStatus.SUCCESS: events_pb2.PaymentSucceeded,
    PaymentStatus.FAILED: events_pb2.PaymentFailed,
    PaymentStatus.CANCELLED: events_pb2.PaymentCancelled,
    PaymentStatus.NEEDS_REVIEW: events_pb2.PaymentNeedsReview,
}


_REFUND_FACTS: Mapping[RefundStatus, type[Message]] = {
    RefundStatus.PENDING: refund_events_pb2.RefundUpdated,
    RefundStatus.SUCCESS: refund_events_pb2.RefundSucceeded,
    RefundStatus.FAILED: refund_events_pb2.RefundFailed,
    RefundStatus.NEEDS_REVIEW: refund_events_pb2.RefundNeedsReview,
}


def _failure_message(failure: Failure | None) -> payment_pb2.Payment.Failure | None:
    if failure is None:
        return None
    return payment_pb2.Payment.Failure(code=failure.code, message=failure.message, provider_code=failure.provider_code)


def payment_message(payment: Payment) -> payment_pb2.Payment:
    """Return the payment as the contract shows it."""
    message = payment_pb2.Payment(
        payment_id=str(payment.payment_id),
        order_id=str(payment.order_id),
        provider=payment.provider,
        provider_reference=payment.provider_reference,
        amount=money_message(payment.amount),
        status=payment_pb2.Payment.Status.Value(payment.status),
        payment_method=payment.payment_method,
        return_url=payment.return_url,
        redirect_url=payment.redirect_url,
        version=payment.version,
        capture_method=payment_pb2.Payment.CaptureMethod.Value(payment.capture_method),
        failure=_failure_message(payment.failure),
    )
    for minor, field in ((payment.captured, message.captured_amount), (payment.refunded, message.refunded_amount)):
        if minor:
            field.CopyFrom(money_message(payment.money(minor)))
    message.attempts.extend(_attempt_message(attempt) for attempt in payment.attempts)
    message.surplus = payment.surplus
    if action := _next_action(payment):
        message.next_action.CopyFrom(action)
    if payment.route:
        message.routing.rule, message.routing.reason = payment.route.rule, payment.route.reason
    if payment.capture_before and payment.status == PaymentStatus.AUTHORIZED:
        message.capture_before.FromDatetime(payment.capture_before)
    message.create_time.FromDatetime(payment.create_time)
    message.update_time.FromDatetime(payment.update_time)
    return message


def _next_action(payment: Payment) -> payment_pb2.Payment.NextAction | None:
    """Return what the customer has to do: what the provider says, or a visit to its page."""
    made = payment_pb2.Payment.NextAction
    if payment.action:
        kind = made.Type.Value(payment.action.kind)
        secret = payment.action.client_secret
        return made(type=kind, url=payment.action.url, client_secret=secret, provider_type=payment.action.type)
    return made(type=made.REDIRECT, url=payment.redirect_url) if payment.redirect_url else None


def _attempt_message(attempt: Attempt) -> payment_pb2.Payment.Attempt:
    message = payment_pb2.Payment.Attempt(
        number=attempt.number,
        provider=attempt.provider,
        provider_reference=attempt.provider_reference,
        status=payment_pb2.Payment.Attempt.Status.Value(attempt.status),
        failure=_failure_message(attempt.failure),
    )
    message.create_time.FromDatetime(attempt.create_time)
    if attempt.end_time:
        message.end_time.FromDatetime(attempt.end_time)
    return message


def payment_event(payment: Payment, before: PaymentStatus | None) -> OutboxEvent:
    """Return the fact of the payment's newest version; `before` is the status it had, None when it is new."""
    if before is None:
        kind: type[Message] = events_pb2.PaymentCreated
    else:
        kind = events_pb2.PaymentUpdated if before == payment.status else _FACTS[payment.status]
    return _payment_event(kind, payment)


def _payment_event(kind: type[Message], payment: Payment) -> OutboxEvent:
    return event(
        kind(payment=payment_message(payment)),
        aggregate_id=payment.payment_id,
        version=payment.version,
        merchant_id=payment.merchant_id,
        time=payment.update_time,
    )


def surplus_event(payment: Payment, *, returned: bool) -> OutboxEvent:
    """Return the fact that money came which the order did not need, or that it was given back."""
    kind = events_pb2.PaymentSurplusRefunded if returned else events_pb2.PaymentSurplusCaptured
    return _payment_event(kind, payment)


def refunded_event(payment: Payment) -> OutboxEvent:
    """Return the fact that the sum of a payment's refunds changed."""
    return _payment_event(events_pb2.PaymentRefunded, payment)


def refund_message(refund: Refund) -> refund_pb2.Refund:
    """Return the refund as the contract shows it."""
    message = refund_pb2.Refund(
        refund_id=str(refund.refund_id),
        payment_id=str(refund.payment_id),
        order_id=str(refund.order_id),
        amount=money_message(refund.amount),
        status=refund_pb2.Refund.Status.Value(refund.status),
        reason=refund.reason,
        provider_reference=refund.provider_reference,
        failure=_failure_message(refund.failure),
        version=refund.version,
    )
    message.create_time.FromDatetime(refund.create_time)
    message.update_time.FromDatetime(refund.update_time)
    return message


def refund_event(refund: Refund) -> OutboxEvent:
    """Return the fact of the refund's newest version."""
    kind = refund_events_pb2.RefundCreated if refund.version == 1 else _REFUND_FACTS[refund.status]
    return event(
        kind(refund=refund_message(refund)),
        aggregate_id=refund.refund_id,
        version=refund.version,
        merchant_id=refund.merchant_id,
        time=refund.update_time,
    )


def dispute_message(dispute: Dispute) -> dispute_pb2.Dispute:
    """Return the dispute as the contract shows it."""
    message = dispute_pb2.Dispute(
        dispute_id=str(dispute.dispute_id),
        payment_id=str(dispute.payment_id),
        order_id=str(dispute.order_id),
        amount=money_message(dispute.amount),
        status=dispute_pb2.Dispute.Status.Value(dispute.status),
        reason=dispute.reason,
        provider_reference=dispute.provider_reference,
        version=dispute.version,
    )
    if dispute.respond_before:
        message.respond_before.FromDatetime(dispute.respond_before)
    message.create_time.FromDatetime(dispute.create_time)
    message.update_time.FromDatetime(dispute.update_time)
    return message


def dispute_event(dispute: Dispute) -> OutboxEvent:
    """Return the fact of the dispute's newest version."""
    if dispute.version == 1:
        kind: type[Message] = dispute_events_pb2.DisputeOpened
    else:
        kind = dispute_events_pb2.DisputeClosed if dispute.status in DECIDED else dispute_events_pb2.DisputeUpdated
    return event(
        kind(dispute=dispute_message(dispute)),
        aggregate_id=dispute.dispute_id,
        version=dispute.version,
        merchant_id=dispute.merchant_id,
        time=dispute.update_time,
    )
