"""gRPC in, use case, gRPC out: what operators ask about providers."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import grpc
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1 import provider_service_pb2_grpc as provider_grpc

from mesh.errors import invalid
from payment_svc.contract import operator_messages as mapping
from payment_svc.providers.registry import Registry
from payment_svc.use_cases.reconciliation import Reconciliation

Context = grpc.aio.ServicerContext[Any, Any]


class ProviderServicer(provider_grpc.ProviderServiceServicer):
    """What operators ask about providers."""

    def __init__(self, providers: Registry, reconciliation: Reconciliation) -> None:
        self._providers = providers
        self._reconciliation = reconciliation

    async def ListProviders(
        self, _request: provider_pb2.ListProvidersRequest, _: Context
    ) -> provider_pb2.ListProvidersResponse:
        """Return the providers that are on, and their circuits."""
        shown = [
            mapping.provider_message(one.name, one.calls, one.max_calls, one.circuits())
            for one in self._providers.all()
        ]
        return provider_pb2.ListProvidersResponse(providers=shown)

    async def CompareBooks(
        self, request: provider_pb2.CompareBooksRequest, _: Context
    ) -> provider_pb2.CompareBooksResponse:
        """Hold a provider's list of payments against ours."""
        since, until = request.from_time.ToDatetime(UTC), request.to_time.ToDatetime(UTC)
        if since >= until:
            raise invalid("to_time", "must be later than from_time")
        return mapping.comparison_message(await self._reconciliation.compare(request.provider, since, until))
