"""gRPC in, use case, gRPC out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any
from uuid import UUID

import grpc
from fusionx.order.v1 import order_payment_service_pb2 as internal_pb2
from fusionx.order.v1 import order_payment_service_pb2_grpc as internal_grpc
from fusionx.order.v1 import order_pb2
from fusionx.order.v1 import order_service_pb2 as service_pb2
from fusionx.order.v1 import order_service_pb2_grpc as service_grpc
from google.api.httpbody_pb2 import HttpBody

from mesh import context
from mesh.lists import listing
from mesh.messages import money
from mesh.paging import page
from mesh.rpc.exports import MONEY, TIMES, Exports, ExportTurns, Read, Sheet
from mesh.storage.idempotency import Answer, Record
from order_svc.contract import messages as mapping
from order_svc.domain import Capture, Order
from order_svc.use_cases.orders import NewOrder, Orders

Context = grpc.aio.ServicerContext[Any, Any]


def _touched(order_id: str) -> UUID:
    """Name the order in the access line."""
    context.current().log["order_id"] = order_id
    return UUID(order_id)


CREATED = Answer(order_pb2.Order, mapping.order_message)

SHEET: Sheet[Order] = Sheet(
    name="orders",
    columns={
        **{name: name for name in ("order_id", "merchant_order_id", "status")},
        **MONEY,
        "paid_amount": "paid_amount.value",
        "refunded_amount": "refunded_amount.value",
        **TIMES,
    },
    message_of=mapping.order_message,
    id_of=lambda order: order.order_id,
)


class OrderServicer(service_grpc.OrderServiceServicer):
    """The public contract of orders; each RPC's promise is written there."""

    def __init__(self, orders: Orders, turns: ExportTurns) -> None:
        self._orders = orders
        self._exports = Exports(SHEET, turns)

    async def CreateOrder(self, request: service_pb2.CreateOrderRequest, _: Context) -> order_pb2.Order:
        """Create an order."""
        new = NewOrder(
            merchant_id=context.merchant(),
            merchant_order_id=request.merchant_order_id,
            amount=money(request.amount, "amount"),
            description=request.description,
            metadata=dict(request.metadata),
            expire_time=request.expire_time.ToDatetime(UTC) if request.HasField("expire_time") else None,
        )
        created = await self._orders.create(new, CREATED.claim(request))
        _touched(str(created.resource_id if isinstance(created, Record) else created.order_id))
        return CREATED.reply(created)

    async def GetOrder(self, request: service_pb2.GetOrderRequest, _: Context) -> order_pb2.Order:
        """Return one order."""
        return mapping.order_message(await self._orders.get(context.merchant(), _touched(request.order_id)))

    async def ListOrders(self, request: service_pb2.ListOrdersRequest, _: Context) -> service_pb2.ListOrdersResponse:
        """Return a page of orders."""
        read = self._reader(request)
        orders, token = await page(request, read, lambda order: order.order_id, mapping.order_message)
        return service_pb2.ListOrdersResponse(orders=orders, next_page_token=token)

    def ExportOrders(self, request: service_pb2.ExportOrdersRequest, _: Context) -> AsyncIterator[HttpBody]:
        """Stream orders as one file."""
        return self._exports.stream(request.format, self._reader(request))

    def _reader(self, request: service_pb2.ListOrdersRequest | service_pb2.ExportOrdersRequest) -> Read[Order]:
        """Return what reads the orders that are asked for."""
        asked = listing(
            request,
            merchant_id=context.merchant(),
            merchant_order_id=request.merchant_order_id,
            payment_link_id=UUID(request.payment_link_id) if request.payment_link_id else None,
        )
        return lambda after, limit: self._orders.page(asked, after=after, limit=limit)

    async def CancelOrder(self, request: service_pb2.CancelOrderRequest, _: Context) -> order_pb2.Order:
        """Cancel an order that has no payment."""
        return mapping.order_message(await self._orders.cancel(context.merchant(), _touched(request.order_id)))


class OrderPaymentServicer(internal_grpc.OrderPaymentServiceServicer):
    """What the payment service asks of orders."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    async def GetPayableOrder(self, request: internal_pb2.GetPayableOrderRequest, _: Context) -> order_pb2.Order:
        """Return a merchant's order."""
        order = await self._orders.payable(UUID(request.merchant_id), _touched(request.order_id))
        return mapping.order_message(order)

    async def ReserveOrder(self, request: internal_pb2.ReserveOrderRequest, _: Context) -> order_pb2.Order:
        """Take an order for one payment."""
        order = await self._orders.reserve(
            UUID(request.merchant_id),
            _touched(request.order_id),
            UUID(request.payment_id),
            UUID(request.replaces_payment_id) if request.replaces_payment_id else None,
        )
        return mapping.order_message(order)

    async def SettleOrder(
        self, request: internal_pb2.SettleOrderRequest, _: Context
    ) -> internal_pb2.SettleOrderResponse:
        """Settle an order by a capture, if that can be."""
        is_told = request.HasField("captured_amount")
        captured = money(request.captured_amount, "captured_amount").minor if is_told else None
        capture = Capture(UUID(request.payment_id), money(request.amount, "amount"), captured)
        refusal = await self._orders.try_to_settle(UUID(request.merchant_id), _touched(request.order_id), capture)
        return internal_pb2.SettleOrderResponse(settled=not refusal, reason=refusal)

    async def ListOrderChanges(
        self, request: internal_pb2.ListOrderChangesRequest, _: Context
    ) -> internal_pb2.ListOrderChangesResponse:
        """Return the changes of an order."""
        merchant_id, order_id = UUID(request.merchant_id), _touched(request.order_id)
        changes = await self._orders.changes(merchant_id, order_id, skip=request.skip, most=request.most or None)
        return internal_pb2.ListOrderChangesResponse(
            changes=[mapping.change_message(entry) for entry in changes], skipped=request.skip
        )
