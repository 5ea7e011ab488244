"""Between the contract's messages and the domain."""

from __future__ import annotations

from collections.abc import Mapping

from fusionx.payment.v1 import payment_events_pb2 as events_pb2
from fusionx.payment.v1 import payment_pb2
from fusionx.type.v1 import money_pb2
from google.protobuf.message import Message

from mesh.events import OutboxEvent, event
from payment_svc.domain import Payment, PaymentStatus

_FACTS: Mapping[PaymentStatus, type[Message]] = {
    PaymentStatus.PROCESSING: events_pb2.PaymentProcessing,
    PaymentStatus.AUTHORIZED: events_pb2.PaymentAuthorized,
    PaymentStatus.SUCCESS: events_pb2.PaymentSucceeded,
    PaymentStatus.FAILED: events_pb2.PaymentFailed,
    PaymentStatus.CANCELLED: events_pb2.PaymentCancelled,
    PaymentStatus.NEEDS_REVIEW: events_pb2.PaymentNeedsReview,
}


def payment_message(payment: Payment) -> payment_pb2.Payment:
    """Return the payment as the contract shows it."""
    message = payment_pb2.Payment(
        payment_id=str(payment.payment_id),
        order_id=str(payment.order_id),
        provider=payment.provider,
        provider_reference=payment.provider_reference,
        amount=money_pb2.Money(value=payment.amount.value, currency=payment.amount.currency),
        status=payment_pb2.Payment.Status.Value(payment.status),
        payment_method=payment.payment_method,
        return_url=payment.return_url,
        redirect_url=payment.redirect_url,
        version=payment.version,
    )
    if payment.failure:
        message.failure.code = payment.failure.code
        message.failure.message = payment.failure.message
        message.failure.provider_code = payment.failure.provider_code
    message.create_time.FromDatetime(payment.create_time)
    message.update_time.FromDatetime(payment.update_time)
    return message


def payment_event(payment: Payment, before: PaymentStatus | None) -> OutboxEvent:
    """Return the fact of the payment's newest version; `before` is the status it had, None when it is new."""
    if before is None:
        kind: type[Message] = events_pb2.PaymentCreated
    else:
        kind = events_pb2.PaymentUpdated if before == payment.status else _FACTS[payment.status]
    return event(
        kind(payment=payment_message(payment)),
        aggregate_id=payment.payment_id,
        version=payment.version,
        merchant_id=payment.merchant_id,
        time=payment.update_time,
    )
