"""gRPC in, use case, gRPC out: routing policies."""

from __future__ import annotations

from typing import Any

import grpc
from fusionx.payment.v1 import routing_service_pb2 as routing_pb2
from fusionx.payment.v1 import routing_service_pb2_grpc as routing_grpc

from mesh import context
from mesh.messages import money
from mesh.paging import that_fit
from payment_svc.api.tenant import tenant
from payment_svc.contract import operator_messages as mapping
from payment_svc.use_cases.routing.router import Router, RoutingRequest

Context = grpc.aio.ServicerContext[Any, Any]


class RoutingServicer(routing_grpc.RoutingServiceServicer):
    """The public contract of routing policies; each RPC's promise is written there."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def GetRoutingPolicy(
        self, _request: routing_pb2.GetRoutingPolicyRequest, _: Context
    ) -> routing_pb2.RoutingPolicy:
        """Return the merchant's policy."""
        return mapping.policy_message(await self._router.policy(context.merchant()))

    async def UpdateRoutingPolicy(
        self, request: routing_pb2.UpdateRoutingPolicyRequest, _: Context
    ) -> routing_pb2.RoutingPolicy:
        """Replace the merchant's policy."""
        rules, trace = mapping.rules(request.rules), context.current().trace_id
        return mapping.policy_message(await self._router.replace(tenant(), rules, trace))

    async def PreviewRoute(
        self, request: routing_pb2.PreviewRouteRequest, _: Context
    ) -> routing_pb2.PreviewRouteResponse:
        """Say who would take a payment."""
        wish = RoutingRequest(tenant(), money(request.amount, "amount"), request.customer_country)
        return mapping.preview_message(*await self._router.preview(wish))

    async def ListRoutingPolicyVersions(
        self, _request: routing_pb2.ListRoutingPolicyVersionsRequest, _: Context
    ) -> routing_pb2.ListRoutingPolicyVersionsResponse:
        """Return what the policy was."""
        found = await self._router.versions(context.merchant())
        return routing_pb2.ListRoutingPolicyVersionsResponse(
            routing_policy_versions=that_fit(map(mapping.version_message, found))
        )
