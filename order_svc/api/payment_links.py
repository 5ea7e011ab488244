"""gRPC in, use case, gRPC out: payment links."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import grpc
from fusionx.order.v1 import link_checkout_service_pb2 as internal_pb2
from fusionx.order.v1 import link_checkout_service_pb2_grpc as internal_grpc
from fusionx.order.v1 import payment_link_pb2
from fusionx.order.v1 import payment_link_service_pb2 as service_pb2
from fusionx.order.v1 import payment_link_service_pb2_grpc as service_grpc

from mesh import context
from mesh.errors import failed_precondition, invalid, unavailable
from mesh.ids import parse_uuid
from mesh.messages import money
from mesh.paging import page
from mesh.rpc.headers import ACCOUNT_KEY
from mesh.storage.idempotency import Answer, Record
from mesh.storage.listing import Listing
from mesh.urls.return_urls import checked
from order_svc.contract import messages as mapping
from order_svc.use_cases.payment_links import LinkChange, NewLink, PaymentLinks, ShownLink, Taken, Visitor

Context = grpc.aio.ServicerContext[Any, Any]


def _touched(payment_link_id: str) -> UUID:
    """Name the link in the access line."""
    context.current().log["payment_link_id"] = payment_link_id
    return UUID(payment_link_id)


class PaymentLinkServicer(service_grpc.PaymentLinkServiceServicer):
    """The public contract of links; each RPC's promise is written there."""

    def __init__(self, links: PaymentLinks, public_url: str) -> None:
        self._links = links
        self._public_url = public_url
        self._created = Answer(payment_link_pb2.PaymentLink, self._message)

    def _message(self, shown: ShownLink) -> payment_link_pb2.PaymentLink:
        return mapping.link_message(shown.link, shown.uses, shown.status, self._public_url)

    async def CreatePaymentLink(
        self, request: service_pb2.CreatePaymentLinkRequest, servicer: Context
    ) -> payment_link_pb2.PaymentLink:
        """Create a link."""
        if not self._public_url:
            raise failed_precondition("LINKS_OFF", "this gateway was not told its public address, so it has no links")
        new = NewLink(
            merchant_id=context.merchant(),
            account_id=_account(servicer),
            mode=context.current().mode,
            amount=money(request.amount, "amount"),
            description=request.description,
            merchant_order_id=request.merchant_order_id,
            metadata=dict(request.metadata),
            return_url=checked("return_url", request.return_url),
            max_uses=request.max_uses or 1,
            expire_time=_expire_time(request),
        )
        created = await self._links.create(new, self._created.claim(request))
        _touched(str(created.resource_id if isinstance(created, Record) else created.link.payment_link_id))
        return self._created.reply(created)

    async def GetPaymentLink(
        self, request: service_pb2.GetPaymentLinkRequest, _: Context
    ) -> payment_link_pb2.PaymentLink:
        """Return one link."""
        return self._message(await self._links.get(context.merchant(), _touched(request.payment_link_id)))

    async def ListPaymentLinks(
        self, request: service_pb2.ListPaymentLinksRequest, _: Context
    ) -> service_pb2.ListPaymentLinksResponse:
        """Return a page of links."""
        asked = Listing({"merchant_id": context.merchant(), "merchant_order_id": request.merchant_order_id})
        links, token = await page(
            request,
            lambda after, limit: self._links.page(asked, after=after, limit=limit),
            lambda shown: shown.link.payment_link_id,
            self._message,
        )
        return service_pb2.ListPaymentLinksResponse(payment_links=links, next_page_token=token)

    async def UpdatePaymentLink(
        self, request: service_pb2.UpdatePaymentLinkRequest, _: Context
    ) -> payment_link_pb2.PaymentLink:
        """Change a link."""
        link_id = _touched(request.payment_link_id)
        return self._message(await self._links.update(context.merchant(), link_id, _change(request)))


class LinkCheckoutServicer(internal_grpc.LinkCheckoutServiceServicer):
    """What the payment service asks of links for whoever opens one."""

    def __init__(self, links: PaymentLinks, public_url: str) -> None:
        self._links = links
        self._public_url = public_url

    async def GetLinkCheckout(
        self, request: internal_pb2.GetLinkCheckoutRequest, _: Context
    ) -> internal_pb2.LinkCheckout:
        """Return a link with one order of it."""
        order_id = UUID(request.order_id) if request.order_id else None
        return self._message(await self._links.find(request.token, request.checkout, order_id))

    async def TakeLink(self, request: internal_pb2.TakeLinkRequest, _: Context) -> internal_pb2.LinkCheckout:
        """Return the order that a checkout pays."""
        visitor = Visitor(request.checkout, request.source, request.provider)
        return self._message(await self._links.take(request.token, visitor))

    def _message(self, taken: Taken) -> internal_pb2.LinkCheckout:
        link = taken.shown.link
        _touched(str(link.payment_link_id))
        return internal_pb2.LinkCheckout(
            link=mapping.link_message(link, taken.shown.uses, taken.shown.status, self._public_url),
            merchant_id=str(link.merchant_id),
            account_id=str(link.account_id),
            mode=link.mode,
            order=mapping.order_message(taken.order) if taken.order else None,
            displaced=taken.is_displaced,
        )


def _account(servicer: Context) -> UUID:
    """Return the merchant itself, which the edge says beside the id of the mode."""
    headers: dict[str, Any] = dict(servicer.invocation_metadata() or ())
    account_id = parse_uuid(headers.get(ACCOUNT_KEY, ""))
    if account_id is None:
        # the edge is of the version before, which does not say it
        raise unavailable("EDGE_OUT_OF_DATE", "the gateway is being renewed, try again in a minute")
    return account_id


def _change(request: service_pb2.UpdatePaymentLinkRequest) -> LinkChange:
    """Return what is to be different: by the mask if there is one (AIP-134), otherwise what is given."""
    named = set(request.update_mask.paths)
    needed: list[Literal["enabled", "max_uses"]] = ["enabled", "max_uses"]
    for field in needed:
        if field in named and not request.HasField(field):
            raise invalid("update_mask", f"names {field}, which every link has: give it a value")

    def is_new(field: Literal["enabled", "description", "max_uses", "expire_time"]) -> bool:
        return field in named if named else request.HasField(field)

    return LinkChange(
        enabled=request.enabled if is_new("enabled") else None,
        description=request.description if is_new("description") else None,
        max_uses=request.max_uses if is_new("max_uses") else None,
        expire_time=_expire_time(request) if is_new("expire_time") else None,
        never_expires="expire_time" in named and not request.HasField("expire_time"),
    )


def _expire_time(request: Any) -> datetime | None:
    return request.expire_time.ToDatetime(UTC) if request.HasField("expire_time") else None
