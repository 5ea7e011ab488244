"""Between the contract's messages and the domain."""

from __future__ import annotations

from uuid import UUID

from fusionx.order.v1 import order_payment_service_pb2 as internal_pb2
from fusionx.order.v1 import order_pb2, payment_link_pb2
from fusionx.payment.v1 import payment_pb2

from mesh.messages import money_message, shown_once, timestamp
from mesh.money import Money
from mesh.storage.history import Entry
from order_svc.domain import SETTLED, UNPAID, Capture, LinkStatus, Order, PaymentLink, Refunded, Uses


@shown_once
def order_message(order: Order) -> order_pb2.Order:
    """Return the order as the contract shows it."""
    amount, given_back = money_message(order.amount), order.given_back
    return order_pb2.Order(
        order_id=str(order.order_id),
        merchant_order_id=order.merchant_order_id,
        amount=amount,
        status=order_pb2.Order.Status.Value(order.status),
        description=order.description,
        metadata=order.metadata,
        payment_id=str(order.payment_id) if order.payment_id else "",
        version=order.version,
        payment_link_id=str(order.payment_link_id or ""),
        paid_amount=money_message(Money(order.paid, order.amount.currency)) if order.status in SETTLED else None,
        refunded_amount=money_message(Money(given_back, order.amount.currency)) if given_back else None,
        open_amount=amount if order.status in UNPAID else None,
        create_time=timestamp(order.create_time),
        update_time=timestamp(order.update_time),
        expire_time=timestamp(order.expire_time),
    )


def capture(payment: payment_pb2.Payment) -> Capture:
    """Read what a succeeded payment captured."""
    taken = payment.captured_amount
    captured = Money.parse(taken.value, taken.currency).minor if payment.HasField("captured_amount") else None
    return Capture(UUID(payment.payment_id), Money.parse(payment.amount.value, payment.amount.currency), captured)


def refunded(payment: payment_pb2.Payment) -> Refunded:
    """Read what was given back of a payment in all."""
    captured = Money.parse(payment.captured_amount.value, payment.captured_amount.currency)
    given = payment.refunded_amount
    return Refunded(
        payment_id=UUID(payment.payment_id),
        payment_version=payment.version,
        captured=captured,
        refunded=Money.parse(given.value, given.currency).minor if payment.HasField("refunded_amount") else 0,
        is_surplus=payment.surplus,
    )


def change_message(entry: Entry) -> internal_pb2.OrderChange:
    """Return one change of an order as the contract shows it."""
    message = internal_pb2.OrderChange(
        version=entry.change.version,
        status=entry.change.status,
        actor=entry.origin.actor,
        cause=entry.origin.cause,
        trace_id=entry.origin.trace_id,
    )
    message.time.FromDatetime(entry.change.time)
    return message


def link_message(link: PaymentLink, uses: Uses, status: LinkStatus, public_url: str) -> payment_link_pb2.PaymentLink:
    """Return the link as the contract shows it; `public_url` is where customers reach the gateway."""
    message = payment_link_pb2.PaymentLink(
        payment_link_id=str(link.payment_link_id),
        url=f"{public_url.rstrip('/')}/pay/{link.token}",
        amount=money_message(link.amount),
        status=payment_link_pb2.PaymentLink.Status.Value(status),
        description=link.description,
        merchant_order_id=link.merchant_order_id,
        metadata=link.metadata,
        return_url=link.return_url,
        max_uses=link.max_uses,
        uses=uses.taken,
        paid_uses=uses.paid,
    )
    message.create_time.FromDatetime(link.create_time)
    message.update_time.FromDatetime(link.update_time)
    if link.expire_time:
        message.expire_time.FromDatetime(link.expire_time)
    return message
