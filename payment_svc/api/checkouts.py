"""gRPC in, use case, gRPC out: the checkout of payment links."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.order.v1 import order_pb2, payment_link_pb2
from fusionx.payment.v1 import checkout_service_pb2 as service_pb2
from fusionx.payment.v1 import checkout_service_pb2_grpc as service_grpc

from mesh.messages import money_message
from payment_svc.order_port import Chosen
from payment_svc.use_cases.checkouts import Checkout, Checkouts

Context = grpc.aio.ServicerContext[Any, Any]


class CheckoutServicer(service_grpc.CheckoutServiceServicer):
    """What the page of a payment link asks for; each RPC's promise is written in the contract."""

    def __init__(self, checkouts: Checkouts) -> None:
        self._checkouts = checkouts

    async def GetCheckout(self, request: service_pb2.GetCheckoutRequest, _: Context) -> service_pb2.Checkout:
        """Return what the page shows."""
        order_id = UUID(request.order_id) if request.order_id else None
        return _message(await self._checkouts.show(request.token, request.checkout, order_id))

    async def StartCheckout(
        self, request: service_pb2.StartCheckoutRequest, _: Context
    ) -> service_pb2.StartCheckoutResponse:
        """Start to pay at a provider."""
        chosen = Chosen(request.checkout, request.provider, request.source)
        order_id, page = await self._checkouts.start(request.token, chosen)
        return service_pb2.StartCheckoutResponse(redirect_url=page, order_id=str(order_id))


def _message(checkout: Checkout) -> service_pb2.Checkout:
    link, order = checkout.link, checkout.link.order
    message = service_pb2.Checkout(
        state=service_pb2.Checkout.State.Value(checkout.state),
        link_status=payment_link_pb2.PaymentLink.Status.Value(link.status),
        amount=money_message(link.amount),
        description=link.description,
        max_uses=link.max_uses,
        mode=link.mode,
        account_id=str(link.account_id),
        return_url=checkout.return_url,
        providers=[
            service_pb2.Checkout.Provider(provider=one.provider, display_name=one.display_name)
            for one in checkout.choices
        ],
    )
    if order:
        message.order_id = str(order.order_id)
        message.order_status = order_pb2.Order.Status.Value(order.status)
    if link.expire_time:
        message.expire_time.FromDatetime(link.expire_time)
    return message
