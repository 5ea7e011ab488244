"""An example of every event: what a merchant's server gets, made by what makes the real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fusionx.notify.v1 import endpoint_events_pb2, ping_pb2
from fusionx.order.v1 import order_pb2
from fusionx.payment.v1 import dispute_pb2, payment_pb2, refund_pb2
from fusionx.type.v1 import money_pb2
from fusionx.type.v1.event_pb2 import EventEnvelope
from google.protobuf import message_factory
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from notify_svc.contract import messages as mapping
from notify_svc.contract.event_types import public_events

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVENT, ORDER, PAYMENT = (f"01a2082a-1f0c-7a51-9f9e-6f6f0a4c2b1{digit}" for digit in "012")
REFUND, DISPUTE, ENDPOINT = (f"01a2082a-1f0c-7a51-9f9e-6f6f0a4c2b1{digit}" for digit in "345")


def _at(minutes: int) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(NOON + timedelta(minutes=minutes))
    return moment


def _euros(value: str) -> money_pb2.Money:
    return money_pb2.Money(value=value, currency="EUR")


_Failure, _NextAction = payment_pb2.Payment.Failure, payment_pb2.Payment.NextAction
_DECLINED = _Failure(code="card_declined", message="Your card was declined.", provider_code="generic_decline")
_CANCELLED = _Failure(code="cancelled", message="the merchant cancelled the payment")
_NOT_REFUNDED = _Failure(
    code="processing_error",
    message="the refund failed: expired_or_canceled_card",
    provider_code="expired_or_canceled_card",
)
_PAGE, _CHALLENGE = "https://pay.example/c/1", "https://bank.example/3ds/1"
_BACK = "https://shop.example/thanks?order={ORDER_ID}"
_Order, _Payment, _Refund, _Dispute = order_pb2.Order, payment_pb2.Payment, refund_pb2.Refund, dispute_pb2.Dispute

RESOURCES: dict[str, Message] = {
    "order": _Order(
        order_id=ORDER,
        merchant_order_id="1001",
        amount=_euros("12.00"),
        status=_Order.SUCCESS,
        description="A pair of shoes",
        metadata={"cart": "7"},
        payment_id=PAYMENT,
        version=3,
        create_time=_at(0),
        update_time=_at(5),
        expire_time=_at(1440),
        paid_amount=_euros("12.00"),
    ),
    "payment": _Payment(
        payment_id=PAYMENT,
        order_id=ORDER,
        merchant_order_id="1001",
        provider="stripe",
        provider_reference="pi_3SWb2c",
        amount=_euros("12.00"),
        status=_Payment.SUCCESS,
        payment_method="pm_card_visa",
        capture_method=_Payment.AUTOMATIC,
        captured_amount=_euros("12.00"),
        version=3,
        create_time=_at(1),
        update_time=_at(5),
    ),
    "refund": _Refund(
        refund_id=REFUND,
        payment_id=PAYMENT,
        order_id=ORDER,
        merchant_order_id="1001",
        amount=_euros("1.50"),
        status=_Refund.SUCCESS,
        provider_reference="re_3SWb2c",
        version=2,
        create_time=_at(10),
        update_time=_at(11),
        success_time=_at(11),
    ),
    "dispute": _Dispute(
        dispute_id=DISPUTE,
        payment_id=PAYMENT,
        order_id=ORDER,
        merchant_order_id="1001",
        amount=_euros("12.00"),
        status=_Dispute.NEEDS_RESPONSE,
        reason="fraudulent",
        provider_reference="dp_3SWb2c",
        respond_before=_at(10080),
        version=1,
        create_time=_at(60),
        update_time=_at(60),
        withdrawn_amount=_euros("12.00"),
        withdraw_time=_at(60),
    ),
    "endpoint": endpoint_events_pb2.DisabledEndpoint(
        endpoint_id=ENDPOINT,
        kind=endpoint_events_pb2.DisabledEndpoint.WEBHOOK,
        description="The shop's own server",
        disable_reason="GONE",
        disable_time=_at(0),
    ),
    "ping": ping_pb2.Ping(webhook_endpoint_id=ENDPOINT),
}
"""Each resource in its usual state."""

DIFFERENT: dict[str, Message] = {
    "order.created": _Order(status=_Order.NEW, version=1, update_time=_at(0), open_amount=_euros("12.00")),
    "order.processing": _Order(status=_Order.PROCESSING, version=2, update_time=_at(1), open_amount=_euros("12.00")),
    "order.failed": _Order(status=_Order.FAILED, open_amount=_euros("12.00")),
    "order.cancelled": _Order(status=_Order.CANCELLED, version=2),
    "order.partially_refunded": _Order(
        status=_Order.PARTIALLY_REFUNDED, version=4, update_time=_at(11), refunded_amount=_euros("1.50")
    ),
    "order.refunded": _Order(status=_Order.REFUNDED, version=4, update_time=_at(11), refunded_amount=_euros("12.00")),
    "order.refund_failed": _Order(version=5, update_time=_at(2880)),
    "order.expired": _Order(status=_Order.EXPIRED, version=2, update_time=_at(1440)),
    "payment.created": _Payment(status=_Payment.INITIATED, version=1, update_time=_at(1)),
    "payment.updated": _Payment(
        status=_Payment.INITIATED,
        provider_reference="cs_test_a1",
        return_url=_BACK,
        redirect_url=_PAGE,
        next_action=_NextAction(type=_NextAction.REDIRECT, url=_PAGE),
        version=2,
        update_time=_at(1),
    ),
    "payment.processing": _Payment(status=_Payment.PROCESSING, version=2),
    "payment.requires_action": _Payment(
        status=_Payment.REQUIRES_ACTION,
        redirect_url=_CHALLENGE,
        next_action=_NextAction(type=_NextAction.REDIRECT, url=_CHALLENGE, provider_type="redirect_to_url"),
        version=2,
        update_time=_at(1),
    ),
    "payment.authorized": _Payment(
        status=_Payment.AUTHORIZED, capture_method=_Payment.MANUAL, capture_before=_at(10080)
    ),
    "payment.refunded": _Payment(refunded_amount=_euros("1.50"), version=4, update_time=_at(11)),
    "payment.failed": _Payment(status=_Payment.FAILED, failure=_DECLINED, version=2),
    "payment.cancelled": _Payment(
        status=_Payment.CANCELLED, provider_reference="cs_test_a1", return_url=_BACK, failure=_CANCELLED
    ),
    "payment.needs_review": _Payment(status=_Payment.NEEDS_REVIEW, update_time=_at(1500)),
    "payment.surplus_captured": _Payment(surplus=True, version=4),
    "payment.surplus_refunded": _Payment(surplus=True, refunded_amount=_euros("12.00"), version=5, update_time=_at(6)),
    "refund.created": _Refund(status=_Refund.PENDING, version=1, update_time=_at(10)),
    "refund.updated": _Refund(status=_Refund.PENDING),
    "refund.failed": _Refund(status=_Refund.FAILED, failure=_NOT_REFUNDED),
    "refund.needs_review": _Refund(status=_Refund.NEEDS_REVIEW),
    "dispute.updated": _Dispute(status=_Dispute.UNDER_REVIEW, version=2),
    "dispute.closed": _Dispute(status=_Dispute.WON, version=3, update_time=_at(43200), reinstate_time=_at(43200)),
}
"""What is different of the resource in some events."""

ABSENT: dict[str, tuple[str, ...]] = {
    "order.created": ("payment_id", "paid_amount"),
    "order.processing": ("paid_amount",),
    "order.failed": ("paid_amount",),
    "order.cancelled": ("payment_id", "paid_amount"),
    "order.expired": ("payment_id", "paid_amount"),
    "payment.created": ("provider_reference", "captured_amount"),
    "payment.updated": ("payment_method", "captured_amount"),
    "payment.processing": ("captured_amount",),
    "payment.requires_action": ("captured_amount",),
    "payment.authorized": ("captured_amount",),
    "payment.failed": ("captured_amount",),
    "payment.cancelled": ("payment_method", "captured_amount"),
    "payment.needs_review": ("provider_reference", "captured_amount"),
    "refund.created": ("provider_reference", "success_time"),
    "refund.updated": ("success_time",),
    "refund.failed": ("success_time",),
    "refund.needs_review": ("provider_reference", "success_time"),
}
"""What the resource does not have yet, or never will, in some events."""


def _attempt(payment: payment_pb2.Payment) -> payment_pb2.Payment.Attempt:
    """Return the one try of a payment, as its status has it."""
    attempt = _Payment.Attempt(
        number=1,
        provider=payment.provider,
        provider_reference=payment.provider_reference,
        status=_Payment.Attempt.OPEN,
        create_time=payment.create_time,
    )
    if payment.status in (_Payment.AUTHORIZED, _Payment.SUCCESS):
        attempt.status = _Payment.Attempt.SUCCEEDED
        attempt.end_time.CopyFrom(_at(5))
    elif payment.status in (_Payment.FAILED, _Payment.CANCELLED):
        attempt.status = _Payment.Attempt.FAILED
        attempt.failure.CopyFrom(payment.failure)
        attempt.end_time.CopyFrom(payment.update_time)
    return attempt


def example(public_type: str) -> bytes:
    """Return the body of a webhook of a type. Raises KeyError when there is no example of its resource."""
    descriptor = public_events()[public_type]
    name = descriptor.fields[0].name
    fact = message_factory.GetMessageClass(descriptor)()
    resource = getattr(fact, name)
    resource.CopyFrom(RESOURCES[name])
    for field in ABSENT.get(public_type, ()):
        resource.ClearField(field)
    if public_type in DIFFERENT:
        resource.MergeFrom(DIFFERENT[public_type])
    if isinstance(resource, _Payment):
        resource.attempts.append(_attempt(resource))
    envelope = EventEnvelope(event_id=EVENT, type=descriptor.full_name, time=getattr(resource, "update_time", _at(0)))
    envelope.data.Pack(fact)
    return mapping.webhook_body(envelope.SerializeToString())
