"""gRPC in, use case, gRPC out: refunds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import refund_pb2, refund_service_pb2
from fusionx.payment.v1 import refund_service_pb2_grpc as refund_grpc
from google.api.httpbody_pb2 import HttpBody

from mesh import context
from mesh.lists import listing
from mesh.messages import money
from mesh.paging import page
from mesh.rpc.exports import MONEY, TIMES, Exports, ExportTurns, Read, Sheet, reader
from mesh.storage.idempotency import Answer
from payment_svc.contract import messages as mapping
from payment_svc.domain.new_refund import NewRefund
from payment_svc.domain.refund import Refund
from payment_svc.use_cases.refunds import Refunds

Context = grpc.aio.ServicerContext[Any, Any]


CREATED = Answer(refund_pb2.Refund, mapping.refund_message)

SHEET: Sheet[Refund] = Sheet(
    name="refunds",
    columns={
        **{name: name for name in ("refund_id", "payment_id", "order_id", "status")},
        **MONEY,
        "provider_reference": "provider_reference",
        "reason": "reason",
        "failure_code": "failure.code",
        **TIMES,
        "merchant_order_id": "merchant_order_id",
        "of_surplus": "of_surplus",
        "success_time_utc": "success_time",
        "reverse_time_utc": "reverse_time",
    },
    message_of=mapping.refund_message,
    id_of=lambda refund: refund.refund_id,
)


class RefundServicer(refund_grpc.RefundServiceServicer):
    """The public contract of refunds; each RPC's promise is written there."""

    def __init__(self, refunds: Refunds, turns: ExportTurns) -> None:
        self._refunds = refunds
        self._exports = Exports(SHEET, turns)

    async def CreateRefund(self, request: refund_service_pb2.CreateRefundRequest, _: Context) -> refund_pb2.Refund:
        """Give money back."""
        context.current().log["payment_id"] = request.payment_id
        new = NewRefund(
            merchant_id=context.merchant(),
            payment_id=UUID(request.payment_id),
            amount=money(request.amount, "amount") if request.HasField("amount") else None,
            reason=request.reason,
        )
        return CREATED.reply(await self._refunds.create(new, CREATED.claim(request)))

    async def GetRefund(self, request: refund_service_pb2.GetRefundRequest, _: Context) -> refund_pb2.Refund:
        """Return one refund."""
        return mapping.refund_message(await self._refunds.get(context.merchant(), UUID(request.refund_id)))

    async def ListRefunds(
        self, request: refund_service_pb2.ListRefundsRequest, _: Context
    ) -> refund_service_pb2.ListRefundsResponse:
        """Return a page of refunds, of one payment or of all."""
        read = self._reader(request)
        refunds, token = await page(request, read, lambda refund: refund.refund_id, mapping.refund_message)
        return refund_service_pb2.ListRefundsResponse(refunds=refunds, next_page_token=token)

    def ExportRefunds(self, request: refund_service_pb2.ExportRefundsRequest, _: Context) -> AsyncIterator[HttpBody]:
        """Stream refunds as one file."""
        return self._exports.stream(request.format, self._reader(request))

    def _reader(
        self, request: refund_service_pb2.ListRefundsRequest | refund_service_pb2.ExportRefundsRequest
    ) -> Read[Refund]:
        """Return what reads the refunds that are asked for."""
        payment_id, order_id = (UUID(text) if text else None for text in (request.payment_id, request.order_id))
        owner = context.merchant()
        asked = listing(request, merchant_id=owner, payment_id=payment_id, order_id=order_id)
        return reader(
            asked, lambda rest, after, limit: self._refunds.page(owner, payment_id, rest, after=after, limit=limit)
        )
