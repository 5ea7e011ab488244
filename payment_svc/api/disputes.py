"""gRPC in, use case, gRPC out: disputes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import dispute_pb2, dispute_service_pb2
from fusionx.payment.v1 import dispute_service_pb2_grpc as dispute_grpc

from mesh import context
from mesh.lists import listing
from mesh.paging import page
from payment_svc.contract import messages as mapping
from payment_svc.use_cases.taken_back.disputes import Disputes

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
        payment_id = UUID(request.payment_id) if request.payment_id else None
        asked = listing(request, merchant_id=context.merchant(), payment_id=payment_id)
        disputes, token = await page(
            request,
            lambda after, limit: self._disputes.page(asked, after=after, limit=limit),
            lambda dispute: dispute.dispute_id,
        )
        return dispute_service_pb2.ListDisputesResponse(
            disputes=[mapping.dispute_message(dispute) for dispute in disputes], next_page_token=token
        )
