"""gRPC in, use case, gRPC out: what operators ask about providers."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import grpc
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1 import provider_service_pb2_grpc as provider_grpc

from mesh.errors import invalid
from payment_svc.contract import operator_messages as mapping
from payment_svc.providers.registry import Registry, discover
from payment_svc.use_cases.reconciliation import Reconciliation
from payment_svc.use_cases.routing.maintenances import Maintenances

Context = grpc.aio.ServicerContext[Any, Any]


class ProviderServicer(provider_grpc.ProviderServiceServicer):
    """What operators ask about providers."""

    def __init__(self, providers: Registry, reconciliation: Reconciliation, maintenances: Maintenances) -> None:
        self._providers = providers
        self._reconciliation = reconciliation
        self._maintenances = maintenances

    async def ListProviders(
        self, _request: provider_pb2.ListProvidersRequest, _: Context
    ) -> provider_pb2.ListProvidersResponse:
        """Return the providers that are on, and their circuits."""
        drained = await self._maintenances.under_way()
        shown = [
            mapping.provider_message(
                one.name, one.bulkhead.taken, one.bulkhead.places, one.circuits(), drained.get(one.name)
            )
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

    async def ListComparisons(
        self, _request: provider_pb2.ListComparisonsRequest, _: Context
    ) -> provider_pb2.ListComparisonsResponse:
        """Return how the books of each provider stand."""
        return mapping.books_message(*await self._reconciliation.standing())

    async def StartMaintenance(
        self, request: provider_pb2.StartMaintenanceRequest, _: Context
    ) -> provider_pb2.Maintenance:
        """Take a provider out of routing."""
        until = request.until_time.ToDatetime(UTC)
        started = await self._maintenances.start(
            request.provider, until, request.operator, request.why, known=discover()
        )
        return mapping.maintenance_message(started)

    async def EndMaintenance(self, request: provider_pb2.EndMaintenanceRequest, _: Context) -> provider_pb2.Maintenance:
        """Give a provider payments again."""
        return mapping.maintenance_message(await self._maintenances.end(request.provider, request.operator))

    async def ListMaintenances(
        self, _request: provider_pb2.ListMaintenancesRequest, _: Context
    ) -> provider_pb2.ListMaintenancesResponse:
        """Return the newest maintenances."""
        found = map(mapping.maintenance_message, await self._maintenances.newest())
        return provider_pb2.ListMaintenancesResponse(maintenances=found)
