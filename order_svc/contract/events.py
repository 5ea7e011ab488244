"""The facts that the order service publishes."""

from __future__ import annotations

from collections.abc import Mapping

from fusionx.order.v1 import order_events_pb2 as events_pb2
from google.protobuf.message import Message

from mesh.events.envelope import OutboxEvent, event
from order_svc.contract.messages import order_message
from order_svc.domain import Order, OrderStatus

_FACTS: Mapping[OrderStatus, type[Message]] = {
    OrderStatus.NEW: events_pb2.OrderCreated,
    OrderStatus.PROCESSING: events_pb2.OrderProcessing,
    OrderStatus.SUCCESS: events_pb2.OrderSucceeded,
    OrderStatus.FAILED: events_pb2.OrderFailed,
    OrderStatus.CANCELLED: events_pb2.OrderCancelled,
    OrderStatus.EXPIRED: events_pb2.OrderExpired,
    OrderStatus.PARTIALLY_REFUNDED: events_pb2.OrderPartiallyRefunded,
    OrderStatus.REFUNDED: events_pb2.OrderRefunded,
}


def order_event(order: Order) -> OutboxEvent:
    """Return the fact that the order has just reached its status."""
    fact = _FACTS[order.status]
    if order.status == OrderStatus.SUCCESS and order.refunded_version:
        # whoever sends goods at OrderSucceeded is not to send them twice
        fact = events_pb2.OrderRefundFailed
    return event(
        fact(order=order_message(order)),
        aggregate_id=order.order_id,
        version=order.version,
        merchant_id=order.merchant_id,
        time=order.update_time,
    )
