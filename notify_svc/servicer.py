"""gRPC in, use case, gRPC out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.notify.v1 import notify_service_pb2 as service_pb2
from fusionx.notify.v1 import notify_service_pb2_grpc as service_grpc
from fusionx.notify.v1 import webhook_endpoint_pb2 as endpoint_pb2

from mesh import context, idempotency
from mesh.idempotency import Record
from notify_svc import mapping
from notify_svc.notifications import Notifications

Context = grpc.aio.ServicerContext[Any, Any]


class NotifyServicer(service_grpc.NotifyServiceServicer):
    """The public contract of notifications; each RPC's promise is written there."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    async def CreateWebhookEndpoint(
        self, request: service_pb2.CreateWebhookEndpointRequest, _: Context
    ) -> endpoint_pb2.WebhookEndpoint:
        """Register a URL."""
        merchant = UUID(context.current().merchant_id)
        claim = idempotency.claim_of(request, merchant)
        created = await self._notifications.create_endpoint(merchant, request.url, claim)
        if isinstance(created, Record):
            return idempotency.replay(self._notifications.unseal(created), endpoint_pb2.WebhookEndpoint)
        return mapping.endpoint_message(*created)
