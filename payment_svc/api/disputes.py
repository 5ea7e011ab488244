"""gRPC in, use case, gRPC out: disputes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import dispute_pb2, dispute_service_pb2
from fusionx.payment.v1 import dispute_service_pb2_grpc as dispute_grpc
from google.api.httpbody_pb2 import HttpBody

from mesh import context
from mesh.lists import listing
from mesh.paging import page
from mesh.rpc.exports import MONEY, TIMES, Exports, ExportTurns, Read, Sheet, reader
from payment_svc.contract import messages as mapping
from payment_svc.domain.dispute import Dispute
from payment_svc.use_cases.taken_back.disputes import Disputes

Context = grpc.aio.ServicerContext[Any, Any]

SHEET: Sheet[Dispute] = Sheet(
    name="disputes",
    columns={
        **{name: name for name in ("dispute_id", "payment_id", "order_id", "status")},
        **MONEY,
        "provider_reference": "provider_reference",
        "reason": "reason",
        "respond_before_utc": "respond_before",
        **TIMES,
        "merchant_order_id": "merchant_order_id",
        "withdrawn_amount": "withdrawn_amount.value",
        "withdraw_time_utc": "withdraw_time",
        "reinstate_time_utc": "reinstate_time",
        "in_refunds": "in_refunds",
    },
    message_of=mapping.dispute_message,
    id_of=lambda dispute: dispute.dispute_id,
)


class DisputeServicer(dispute_grpc.DisputeServiceServicer):
    """The public contract of disputes; each RPC's promise is written there."""

    def __init__(self, disputes: Disputes, turns: ExportTurns) -> None:
        self._disputes = disputes
        self._exports = Exports(SHEET, turns)

    async def GetDispute(self, request: dispute_service_pb2.GetDisputeRequest, _: Context) -> dispute_pb2.Dispute:
        """Return one dispute."""
        return mapping.dispute_message(await self._disputes.get(context.merchant(), UUID(request.dispute_id)))

    async def ListDisputes(
        self, request: dispute_service_pb2.ListDisputesRequest, _: Context
    ) -> dispute_service_pb2.ListDisputesResponse:
        """Return a page of disputes."""
        read = self._reader(request)
        disputes, token = await page(request, read, lambda dispute: dispute.dispute_id, mapping.dispute_message)
        return dispute_service_pb2.ListDisputesResponse(disputes=disputes, next_page_token=token)

    def ExportDisputes(self, request: dispute_service_pb2.ExportDisputesRequest, _: Context) -> AsyncIterator[HttpBody]:
        """Stream disputes as one file."""
        return self._exports.stream(request.format, self._reader(request))

    def _reader(
        self, request: dispute_service_pb2.ListDisputesRequest | dispute_service_pb2.ExportDisputesRequest
    ) -> Read[Dispute]:
        """Return what reads the disputes that are asked for."""
        payment_id, order_id = (UUID(text) if text else None for text in (request.payment_id, request.order_id))
        asked = listing(request, merchant_id=context.merchant(), payment_id=payment_id, order_id=order_id)
        return reader(asked, lambda rest, after, limit: self._disputes.page(rest, after=after, limit=limit))
