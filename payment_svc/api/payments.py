"""gRPC in, use case, gRPC out: payments."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import payment_pb2
from fusionx.payment.v1 import payment_service_pb2 as service_pb2
from fusionx.payment.v1 import payment_service_pb2_grpc as service_grpc
from google.api.httpbody_pb2 import HttpBody

from mesh import context
from mesh.lists import listing
from mesh.messages import money
from mesh.paging import page
from mesh.rpc.exports import MONEY, TIMES, Exports, ExportTurns, Read, Sheet, reader
from mesh.storage.idempotency import Answer, Record
from mesh.urls.return_urls import checked
from payment_svc.contract import messages as mapping
from payment_svc.domain.new_payment import NewPayment
from payment_svc.domain.payment import CaptureMethod, Payment
from payment_svc.metrics import OWN_SECONDS
from payment_svc.use_cases.payments import Payments

Context = grpc.aio.ServicerContext[Any, Any]
NOBODY = UUID(int=0)
"""No payment's id."""


def _answer(payment: Payment) -> payment_pb2.Payment:
    context.current().log.update(payment_id=str(payment.payment_id), order_id=str(payment.order_id))
    return mapping.payment_message(payment)


CREATED = Answer(payment_pb2.Payment, _answer)

SHEET: Sheet[Payment] = Sheet(
    name="payments",
    columns={
        **{name: name for name in ("payment_id", "order_id", "provider", "provider_reference", "status")},
        **MONEY,
        "captured_amount": "captured_amount.value",
        "refunded_amount": "refunded_amount.value",
        "failure_code": "failure.code",
        **TIMES,
        "merchant_order_id": "merchant_order_id",
        "surplus_amount": "surplus_amount.value",
        "capture_time_utc": "capture_time",
    },
    message_of=mapping.payment_message,
    id_of=lambda payment: payment.payment_id,
)


class PaymentServicer(service_grpc.PaymentServiceServicer):
    """The public contract of payments; each RPC's promise is written there."""

    def __init__(self, payments: Payments, turns: ExportTurns) -> None:
        self._payments = payments
        self._exports = Exports(SHEET, turns)

    async def CreatePayment(self, request: service_pb2.CreatePaymentRequest, _: Context) -> payment_pb2.Payment:
        """Start a payment of an order."""
        context.current().log["order_id"] = request.order_id
        new = NewPayment(
            merchant_id=context.merchant(),
            order_id=UUID(request.order_id),
            provider=request.provider,
            payment_method=request.payment_method,
            return_url=checked("return_url", request.return_url),
            cancel_url=checked("cancel_url", request.cancel_url),
            customer_country=request.customer_country,
            mode=context.current().mode,
            capture_method=(
                CaptureMethod.MANUAL
                if request.capture_method == payment_pb2.Payment.CaptureMethod.MANUAL
                else CaptureMethod.AUTOMATIC
            ),
        )
        started, call = time.perf_counter(), context.current()
        created = await self._payments.create(new, CREATED.claim(request))
        # of who went away meanwhile, the provider's part is not known; what failed is counted as failed
        OWN_SECONDS.observe(time.perf_counter() - started - call.waited_seconds)
        if isinstance(created, Record):
            context.current().log["payment_id"] = str(created.resource_id)
        return CREATED.reply(created)

    async def GetPayment(self, request: service_pb2.GetPaymentRequest, _: Context) -> payment_pb2.Payment:
        """Return one payment."""
        return _answer(await self._payments.get(context.merchant(), UUID(request.payment_id)))

    async def CapturePayment(self, request: service_pb2.CapturePaymentRequest, _: Context) -> payment_pb2.Payment:
        """Capture an authorized payment."""
        amount = money(request.amount, "amount") if request.HasField("amount") else None
        return _answer(await self._payments.capture(context.merchant(), UUID(request.payment_id), amount))

    async def CancelPayment(self, request: service_pb2.CancelPaymentRequest, _: Context) -> payment_pb2.Payment:
        """Cancel a payment before money moved."""
        return _answer(await self._payments.cancel(context.merchant(), UUID(request.payment_id)))

    async def ListPayments(
        self, request: service_pb2.ListPaymentsRequest, _: Context
    ) -> service_pb2.ListPaymentsResponse:
        """Return a page of payments."""
        found: dict[str, UUID] = {}
        if request.provider_reference:
            behind = await self._payments.behind(context.merchant(), request.provider, request.provider_reference)
            # whatever else is asked for is looked at, so that what is wrong with it is said whether there is one or not
            found["payment_id"] = behind or NOBODY
        read = self._reader(request, **found)
        payments, token = await page(request, read, lambda payment: payment.payment_id, mapping.payment_message)
        return service_pb2.ListPaymentsResponse(payments=payments, next_page_token=token)

    def ExportPayments(self, request: service_pb2.ExportPaymentsRequest, _: Context) -> AsyncIterator[HttpBody]:
        """Stream payments as one file."""
        return self._exports.stream(request.format, self._reader(request))

    def _reader(
        self, request: service_pb2.ListPaymentsRequest | service_pb2.ExportPaymentsRequest, **equal: UUID
    ) -> Read[Payment]:
        """Return what reads the payments that are asked for."""
        order_id = UUID(request.order_id) if request.order_id else None
        asked = listing(request, merchant_id=context.merchant(), order_id=order_id, provider=request.provider, **equal)
        return reader(asked, lambda rest, after, limit: self._payments.page(rest, after=after, limit=limit))
