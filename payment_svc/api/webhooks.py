"""Webhooks of providers in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import webhook_service_pb2 as webhook_pb2
from fusionx.payment.v1 import webhook_service_pb2_grpc as webhook_grpc

from mesh.errors import not_found
from payment_svc.use_cases.webhooks import WebhookReceiver

Context = grpc.aio.ServicerContext[Any, Any]


class WebhookServicer(webhook_grpc.WebhookServiceServicer):
    """Where providers' webhooks come in."""

    def __init__(self, webhooks: WebhookReceiver) -> None:
        self._webhooks = webhooks

    async def ReceiveWebhook(
        self, request: webhook_pb2.ReceiveWebhookRequest, servicer: Context
    ) -> webhook_pb2.ReceiveWebhookResponse:
        """Verify and store one provider event; the HTTP headers arrive as metadata."""
        headers = {key: value for key, value in servicer.invocation_metadata() or () if isinstance(value, str)}
        account_id = UUID(request.provider_account_id) if request.provider_account_id else None
        if account_id and str(account_id) != request.provider_account_id:
            # the edge counts by path: an account has one, in the form in which it was given out
            raise not_found("provider account", request.provider_account_id)
        await self._webhooks.receive(request.provider, account_id, request.payload.data, headers)
        return webhook_pb2.ReceiveWebhookResponse()
