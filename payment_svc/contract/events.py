"""The facts that the payment service publishes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from fusionx.payment.v1 import dispute_events_pb2, refund_events_pb2, test_clock_events_pb2
from fusionx.payment.v1 import payment_events_pb2 as events_pb2
from google.protobuf.message import Message

from mesh.events.envelope import OutboxEvent, event
from payment_svc.contract.messages import dispute_message, payment_message, refund_message
from payment_svc.domain.dispute import DECIDED, Dispute
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.refund import Refund, RefundStatus
from payment_svc.domain.test_clock import TestClock

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


def clock_event(clock: TestClock, by: timedelta) -> OutboxEvent:
    """Return the fact that a merchant's test data became older."""
    fact = test_clock_events_pb2.TestClockAdvanced()
    fact.by.FromTimedelta(by)
    assert clock.update_time
    return event(
        fact,
        aggregate_id=clock.merchant_id,
        version=clock.version,
        merchant_id=clock.merchant_id,
        time=clock.update_time,
    )
