"""Calls to the order service by its gRPC contract."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

import grpc
from fusionx.order.v1 import link_checkout_service_pb2 as links_pb2
from fusionx.order.v1 import order_payment_service_pb2 as internal_pb2
from fusionx.order.v1 import order_pb2, payment_link_pb2
from fusionx.order.v1.link_checkout_service_pb2_grpc import LinkCheckoutServiceStub
from fusionx.order.v1.order_payment_service_pb2_grpc import OrderPaymentServiceStub

from mesh import context
from mesh.messages import money_message
from mesh.money import Money
from mesh.rpc.client import channel
from mesh.storage.history import Change, Entry, Origin
from mesh.tls import TlsFiles
from payment_svc.domain.payment import Payment
from payment_svc.order_port import Chosen, LinkOrder, OpenedLink, PayableOrder

if TYPE_CHECKING:
    from fusionx.order.v1.order_payment_service_pb2_grpc import OrderPaymentServiceAsyncStub

SERVICE = internal_pb2.DESCRIPTOR.services_by_name["OrderPaymentService"]
LINKS = links_pb2.DESCRIPTOR.services_by_name["LinkCheckoutService"]
TIMEOUT_SECONDS = 5.0


class OrderCalls:
    """The `OrderClient` that asks by the RPCs of a stub."""

    def __init__(self, stub: OrderPaymentServiceAsyncStub) -> None:
        self._stub = stub

    async def get(self, order_id: UUID) -> PayableOrder:
        """Return the calling merchant's order."""
        request = internal_pb2.GetPayableOrderRequest(order_id=str(order_id), merchant_id=context.current().merchant_id)
        order: order_pb2.Order = await self._stub.GetPayableOrder(request, timeout=TIMEOUT_SECONDS)
        return PayableOrder(
            order_id=order_id,
            amount=Money.parse(order.amount.value, order.amount.currency),
            description=order.description,
            status=order_pb2.Order.Status.Name(order.status),
            expire_time=order.expire_time.ToDatetime(UTC),
            payment_id=UUID(order.payment_id) if order.payment_id else None,
            merchant_order_id=order.merchant_order_id,
        )

    async def reserve(self, payment: Payment, replaces: UUID | None) -> None:
        """Take the order for this payment."""
        request = internal_pb2.ReserveOrderRequest(
            order_id=str(payment.order_id),
            merchant_id=str(payment.merchant_id),
            payment_id=str(payment.payment_id),
            replaces_payment_id=str(replaces or ""),
        )
        await self._stub.ReserveOrder(request, timeout=TIMEOUT_SECONDS)

    async def settle(self, payment: Payment) -> bool:
        """Settle the order by this payment's capture."""
        request = internal_pb2.SettleOrderRequest(
            order_id=str(payment.order_id),
            merchant_id=str(payment.merchant_id),
            payment_id=str(payment.payment_id),
            amount=money_message(payment.amount),
            captured_amount=money_message(payment.money(payment.captured)),
        )
        answer: internal_pb2.SettleOrderResponse = await self._stub.SettleOrder(request, timeout=TIMEOUT_SECONDS)
        return answer.settled

    async def changes(self, merchant_id: UUID, order_id: UUID, skip: int, most: int) -> list[Entry]:
        """Return what happened to a merchant's order."""
        request = internal_pb2.ListOrderChangesRequest(
            order_id=str(order_id), merchant_id=str(merchant_id), skip=skip, most=most
        )
        answer: internal_pb2.ListOrderChangesResponse = await self._stub.ListOrderChanges(
            request, timeout=TIMEOUT_SECONDS
        )
        return [
            Entry(
                Change(order_id, "order", str(order_id), one.version, one.status, one.time.ToDatetime(UTC)),
                Origin(one.actor, one.cause, one.trace_id),
            )
            # the version before returns all
            for one in answer.changes[skip - answer.skipped :][:most]
        ]


class GrpcOrderClient(OrderCalls):
    """The `OrderClient` and `LinkClient` that asks the real order service."""

    def __init__(self, target: str, tls: TlsFiles | None) -> None:
        self._channel: grpc.aio.Channel = channel(target, SERVICE, LINKS, peer="order_svc", tls=tls)
        super().__init__(OrderPaymentServiceStub(self._channel))
        self._links = LinkCheckoutServiceStub(self._channel)

    async def find_link(self, token: str, checkout: str, order_id: UUID | None) -> OpenedLink:
        """Return a link with the named order, or with the one that the checkout made last."""
        request = links_pb2.GetLinkCheckoutRequest(token=token, checkout=checkout, order_id=str(order_id or ""))
        return _opened(await self._links.GetLinkCheckout(request, timeout=TIMEOUT_SECONDS))

    async def take_link(self, token: str, chosen: Chosen) -> OpenedLink:
        """Return a link with the order that the checkout pays."""
        request = links_pb2.TakeLinkRequest(
            token=token, checkout=chosen.checkout, source=chosen.source, provider=chosen.provider
        )
        return _opened(await self._links.TakeLink(request, timeout=TIMEOUT_SECONDS))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


def _opened(found: links_pb2.LinkCheckout) -> OpenedLink:
    link, order = found.link, found.order
    return OpenedLink(
        merchant_id=UUID(found.merchant_id),
        account_id=UUID(found.account_id),
        mode=found.mode,
        url=link.url,
        status=payment_link_pb2.PaymentLink.Status.Name(link.status),
        amount=Money.parse(link.amount.value, link.amount.currency),
        description=link.description,
        return_url=link.return_url,
        max_uses=link.max_uses,
        expire_time=link.expire_time.ToDatetime(UTC) if link.HasField("expire_time") else None,
        order=LinkOrder(
            UUID(order.order_id),
            order_pb2.Order.Status.Name(order.status),
            UUID(order.payment_id) if order.payment_id else None,
        )
        if found.HasField("order")
        else None,
        is_displaced=found.displaced,
    )
