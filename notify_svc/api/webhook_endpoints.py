"""gRPC in, use case, gRPC out: webhook endpoints."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.notify.v1 import event_pb2
from fusionx.notify.v1 import notify_service_pb2 as service_pb2
from fusionx.notify.v1 import notify_service_pb2_grpc as service_grpc
from fusionx.notify.v1 import webhook_endpoint_pb2 as endpoint_pb2

from mesh import context
from mesh.lists import OLDEST_FIRST, span
from mesh.paging import page
from mesh.storage.idempotency import Answer
from notify_svc.contract import messages as mapping
from notify_svc.domain import endpoint as endpoint_domain
from notify_svc.domain.endpoint import Endpoint
from notify_svc.storage.delivery_pages import DeliveryFilter
from notify_svc.use_cases.endpoints import Change, Endpoints, NewEndpoint
from notify_svc.use_cases.event_log import EventLog

Context = grpc.aio.ServicerContext[Any, Any]


def _with_secret(made: tuple[Endpoint, str]) -> endpoint_pb2.WebhookEndpoint:
    return mapping.endpoint_message(*made)


WITH_SECRET = Answer(endpoint_pb2.WebhookEndpoint, _with_secret)
SENT = Answer(event_pb2.Event, mapping.event_message)


class NotifyServicer(service_grpc.NotifyServiceServicer):
    """The public contract of endpoints; each RPC's promise is written there."""

    def __init__(self, endpoints: Endpoints, log: EventLog) -> None:
        self._endpoints = endpoints
        self._log = log

    async def CreateWebhookEndpoint(
        self, request: service_pb2.CreateWebhookEndpointRequest, _: Context
    ) -> endpoint_pb2.WebhookEndpoint:
        """Register a URL."""
        new = NewEndpoint(
            url=request.url,
            event_types=tuple(request.event_types),
            description=request.description,
            asymmetric=request.signature_scheme == endpoint_pb2.ED25519,
        )
        return WITH_SECRET.reply(await self._endpoints.create(context.merchant(), new, WITH_SECRET.claim(request)))

    async def GetWebhookEndpoint(
        self, request: service_pb2.GetWebhookEndpointRequest, _: Context
    ) -> endpoint_pb2.WebhookEndpoint:
        """Return one endpoint."""
        return mapping.endpoint_message(
            await self._endpoints.get(context.merchant(), UUID(request.webhook_endpoint_id))
        )

    async def ListWebhookEndpoints(
        self, _request: service_pb2.ListWebhookEndpointsRequest, _: Context
    ) -> service_pb2.ListWebhookEndpointsResponse:
        """Return all endpoints."""
        found = await self._endpoints.all_of(context.merchant())
        return service_pb2.ListWebhookEndpointsResponse(
            webhook_endpoints=[mapping.endpoint_message(endpoint) for endpoint in found]
        )

    async def UpdateWebhookEndpoint(
        self, request: service_pb2.UpdateWebhookEndpointRequest, _: Context
    ) -> endpoint_pb2.WebhookEndpoint:
        """Change an endpoint."""
        change = Change(
            url=request.url if request.HasField("url") else None,
            event_types=tuple(request.event_types),
            description=request.description if request.HasField("description") else None,
            enabled=request.enabled if request.HasField("enabled") else None,
        )
        updated = await self._endpoints.update(context.merchant(), UUID(request.webhook_endpoint_id), change)
        return mapping.endpoint_message(updated)

    async def DeleteWebhookEndpoint(
        self, request: service_pb2.DeleteWebhookEndpointRequest, _: Context
    ) -> endpoint_pb2.WebhookEndpoint:
        """Delete an endpoint."""
        return mapping.endpoint_message(
            await self._endpoints.delete(context.merchant(), UUID(request.webhook_endpoint_id))
        )

    async def PingWebhookEndpoint(self, request: service_pb2.PingWebhookEndpointRequest, _: Context) -> event_pb2.Event:
        """Send a test event."""
        endpoint_id = UUID(request.webhook_endpoint_id)
        return SENT.reply(await self._endpoints.ping(context.merchant(), endpoint_id, SENT.claim(request)))

    async def RotateWebhookEndpointSecret(
        self, request: service_pb2.RotateWebhookEndpointSecretRequest, _: Context
    ) -> endpoint_pb2.WebhookEndpoint:
        """Replace an endpoint's secret."""
        overlap = request.overlap.ToTimedelta() if request.HasField("overlap") else endpoint_domain.OVERLAP
        endpoint_id, claim = UUID(request.webhook_endpoint_id), WITH_SECRET.claim(request)
        return WITH_SECRET.reply(await self._endpoints.rotate(context.merchant(), endpoint_id, overlap, claim))

    async def ListWebhookEndpointDeliveries(
        self, request: service_pb2.ListWebhookEndpointDeliveriesRequest, _: Context
    ) -> service_pb2.ListWebhookEndpointDeliveriesResponse:
        """Return a page of what was put on its way to an endpoint, or to all."""
        wanted = DeliveryFilter(
            endpoint_id=UUID(request.webhook_endpoint_id) if request.webhook_endpoint_id else None,
            statuses=tuple(event_pb2.Delivery.Status.Name(status) for status in request.statuses),
            create_time=span(request, "create_time"),
            oldest_first=request.order_by == OLDEST_FIRST,
        )
        found, token = await page(
            request,
            lambda after, limit: self._log.deliveries_to(context.merchant(), wanted, after=after, limit=limit),
            # an endpoint has one of an event
            lambda delivery: delivery.event_id if wanted.endpoint_id else delivery.delivery_id,
            mapping.delivery_message,
        )
        return service_pb2.ListWebhookEndpointDeliveriesResponse(deliveries=found, next_page_token=token)
