"""What the page of a payment link asks of the payment service, with the link's token and nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

from fusionx.payment.v1 import checkout_service_pb2 as service_pb2
from fusionx.payment.v1.checkout_service_pb2_grpc import CheckoutServiceStub

from console.clients.merchant_api import Json
from console.clients.operator_api import called
from mesh.messages import document
from mesh.rpc.client import channel
from mesh.tls import TlsFiles

SERVICE = service_pb2.DESCRIPTOR.services_by_name["CheckoutService"]


class Chosen(NamedTuple):
    """Who pays a link, and where: a browser, the provider that was chosen, and the browser's network."""

    checkout: str
    provider: str
    source: str


class CheckoutApi:
    """The checkout of payment links. Every method raises ApiError."""

    def __init__(self, target: str, tls: TlsFiles | None) -> None:
        self._channel = channel(target, SERVICE, peer="payment_svc", tls=tls)
        self._stub = CheckoutServiceStub(self._channel)

    async def show(self, token: str, checkout: str, order_id: str = "") -> Json:
        """Return what the page shows, of the named order or of the checkout's own."""
        request = service_pb2.GetCheckoutRequest(token=token, checkout=checkout, order_id=order_id)
        return document(await called(self._stub.GetCheckout, request))

    async def start(self, token: str, chosen: Chosen) -> tuple[str, str]:
        """Start to pay; return the order and the provider's page, empty where it gave none."""
        request = service_pb2.StartCheckoutRequest(token=token, **chosen._asdict())
        answer: Any = await called(self._stub.StartCheckout, request)
        return answer.order_id, answer.redirect_url

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
