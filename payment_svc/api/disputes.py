"""gRPC in, use case, gRPC out: disputes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import dispute_pb2, dispute_service_pb2
from fusionx.payment.v1 import dispute_service_pb2_grpc as dispute_grpc

from mesh import context, paging
from payment_svc.contract import messages as mapping
from payment_svc.use_cases.disputes import Disputes

Context = grpc.aio.ServicerContext[Any, Any]


class DisputeServicer(dispute_grpc.DisputeServiceServicer):
    """The public contract of disputes; each RPC's promise is written there."""

    def __init__(self, disputes: Disputes) -> None:
        self._disputes = disputes

    async def GetDispute(self, request: dispute_service_pb2.GetDisputeRequest, _: Context) -> dispute_pb2.Dispute:
        """Return one dispute."""
        return mapping.dispute_message(await self._disputes.get(context.merchant(), UUID(request.dispute_id)))

    async def ListDisputes(
        self, request: dispute_service_pb2.ListDisputesRequest, _: Context
    ) -> dispute_service_pb2.ListDisputesResponse:
        """Return a page of disputes."""
        size = request.page_size or paging.DEFAULT_SIZE
        after = paging.decode(request, request.page_token)
        payment_id = UUID(request.payment_id) if request.payment_id else None
        disputes = await self._disputes.page(context.merchant(), payment_id=payment_id, after=after, limit=size + 1)
        return dispute_service_pb2.ListDisputesResponse(
            disputes=[mapping.dispute_message(dispute) for dispute in disputes[:size]],
            next_page_token=paging.encode(request, disputes[size - 1].dispute_id) if len(disputes) > size else "",
        )
