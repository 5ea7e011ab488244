"""gRPC in, use case, gRPC out: routing policies, timelines, and what operators ask."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1 import provider_service_pb2_grpc as provider_grpc
from fusionx.payment.v1 import routing_service_pb2 as routing_pb2
from fusionx.payment.v1 import routing_service_pb2_grpc as routing_grpc
from fusionx.payment.v1 import timeline_service_pb2 as timeline_pb2
from fusionx.payment.v1 import timeline_service_pb2_grpc as timeline_grpc

from mesh import context
from mesh.errors import invalid
from payment_svc import operator_mapping as mapping
from payment_svc.books import Books
from payment_svc.providers.registry import Registry
from payment_svc.routing import Router
from payment_svc.timeline import Timeline

Context = grpc.aio.ServicerContext[Any, Any]


def _merchant() -> UUID:
    return UUID(context.current().merchant_id)


class RoutingServicer(routing_grpc.RoutingServiceServicer):
    """The public contract of routing policies; each RPC's promise is written there."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def GetRoutingPolicy(
        self, _request: routing_pb2.GetRoutingPolicyRequest, _: Context
    ) -> routing_pb2.RoutingPolicy:
        """Return the merchant's policy."""
        return mapping.policy_message(await self._router.policy(_merchant()))

    async def UpdateRoutingPolicy(
        self, request: routing_pb2.UpdateRoutingPolicyRequest, _: Context
    ) -> routing_pb2.RoutingPolicy:
        """Replace the merchant's policy."""
        return mapping.policy_message(await self._router.replace(_merchant(), mapping.rules(request.rules)))


class TimelineServicer(timeline_grpc.TimelineServiceServicer):
    """The public contract of timelines."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    async def GetOrderTimeline(
        self, request: timeline_pb2.GetOrderTimelineRequest, _: Context
    ) -> timeline_pb2.OrderTimeline:
        """Return what happened to an order."""
        context.current().log["order_id"] = request.order_id
        order_id = UUID(request.order_id)
        return mapping.timeline_message(order_id, await self._timeline.of_order(_merchant(), order_id))


class ProviderServicer(provider_grpc.ProviderServiceServicer):
    """What operators ask about providers."""

    def __init__(self, providers: Registry, books: Books) -> None:
        self._providers = providers
        self._books = books

    async def ListProviders(
        self, _request: provider_pb2.ListProvidersRequest, _: Context
    ) -> provider_pb2.ListProvidersResponse:
        """Return the providers that are on, and their circuits."""
        shown = [mapping.provider_message(provider) for provider in self._providers.all()]
        return provider_pb2.ListProvidersResponse(providers=shown)

    async def CompareBooks(
        self, request: provider_pb2.CompareBooksRequest, _: Context
    ) -> provider_pb2.CompareBooksResponse:
        """Hold a provider's list of payments against ours."""
        since, until = request.from_time.ToDatetime(UTC), request.to_time.ToDatetime(UTC)
        if since >= until:
            raise invalid("to_time", "must be later than from_time")
        return mapping.comparison_message(await self._books.compare(request.provider, since, until))
