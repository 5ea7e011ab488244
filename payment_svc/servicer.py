"""gRPC in, use case, gRPC out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import dispute_pb2, dispute_service_pb2, payment_pb2, refund_pb2, refund_service_pb2
from fusionx.payment.v1 import dispute_service_pb2_grpc as dispute_grpc
from fusionx.payment.v1 import payment_service_pb2 as service_pb2
from fusionx.payment.v1 import payment_service_pb2_grpc as service_grpc
from fusionx.payment.v1 import refund_service_pb2_grpc as refund_grpc
from fusionx.payment.v1 import webhook_service_pb2 as webhook_pb2
from fusionx.payment.v1 import webhook_service_pb2_grpc as webhook_grpc

from mesh import context, idempotency, paging
from mesh.idempotency import Record
from payment_svc import mapping
from payment_svc.disputes import Disputes
from payment_svc.domain import CaptureMethod, Payment, PaymentStatus
from payment_svc.payments import NewPayment, Payments
from payment_svc.refunds import NewRefund, Refunds
from payment_svc.webhooks import Webhooks

Context = grpc.aio.ServicerContext[Any, Any]


def _answer(payment: Payment) -> payment_pb2.Payment:
    context.current().log.update(payment_id=str(payment.payment_id), order_id=str(payment.order_id))
    return mapping.payment_message(payment)


class PaymentServicer(service_grpc.PaymentServiceServicer):
    """The public contract of payments; each RPC's promise is written there."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments

    async def CreatePayment(self, request: service_pb2.CreatePaymentRequest, _: Context) -> payment_pb2.Payment:
        """Start a payment of an order."""
        merchant = context.merchant()
        context.current().log["order_id"] = request.order_id
        new = NewPayment(
            merchant_id=merchant,
            order_id=UUID(request.order_id),
            provider=request.provider,
            payment_method=request.payment_method,
            return_url=request.return_url,
            customer_country=request.customer_country,
            mode=context.current().mode,
            capture_method=(
                CaptureMethod.MANUAL
                if request.capture_method == payment_pb2.Payment.CaptureMethod.MANUAL
                else CaptureMethod.AUTOMATIC
            ),
        )
        created = await self._payments.create(new, idempotency.claim_of(request, merchant))
        if isinstance(created, Record):
            context.current().log["payment_id"] = str(created.resource_id)
            return idempotency.replay(created.response, payment_pb2.Payment)
        return _answer(created)

    async def GetPayment(self, request: service_pb2.GetPaymentRequest, _: Context) -> payment_pb2.Payment:
        """Return one payment."""
        return _answer(await self._payments.get(context.merchant(), UUID(request.payment_id)))

    async def CapturePayment(self, request: service_pb2.CapturePaymentRequest, _: Context) -> payment_pb2.Payment:
        """Capture an authorized payment."""
        amount = mapping.money(request.amount, "amount") if request.HasField("amount") else None
        return _answer(await self._payments.capture(context.merchant(), UUID(request.payment_id), amount))

    async def CancelPayment(self, request: service_pb2.CancelPaymentRequest, _: Context) -> payment_pb2.Payment:
        """Cancel a payment before money moved."""
        return _answer(await self._payments.cancel(context.merchant(), UUID(request.payment_id)))

    async def ListPayments(
        self, request: service_pb2.ListPaymentsRequest, _: Context
    ) -> service_pb2.ListPaymentsResponse:
        """Return a page of payments: one more than asked is read, to know whether there is a next page."""
        size = request.page_size or paging.DEFAULT_SIZE
        payments = await self._payments.page(
            context.merchant(),
            order_id=UUID(request.order_id) if request.order_id else None,
            status=PaymentStatus(payment_pb2.Payment.Status.Name(request.status)) if request.status else None,
            after=paging.decode(request, request.page_token),
            limit=size + 1,
        )
        more = len(payments) > size
        return service_pb2.ListPaymentsResponse(
            payments=[mapping.payment_message(payment) for payment in payments[:size]],
            next_page_token=paging.encode(request, payments[size - 1].payment_id) if more else "",
        )


class RefundServicer(refund_grpc.RefundServiceServicer):
    """The public contract of refunds; each RPC's promise is written there."""

    def __init__(self, refunds: Refunds) -> None:
        self._refunds = refunds

    async def CreateRefund(self, request: refund_service_pb2.CreateRefundRequest, _: Context) -> refund_pb2.Refund:
        """Give money back."""
        merchant = context.merchant()
        context.current().log["payment_id"] = request.payment_id
        new = NewRefund(
            merchant_id=merchant,
            payment_id=UUID(request.payment_id),
            amount=mapping.money(request.amount, "amount") if request.HasField("amount") else None,
            reason=request.reason,
        )
        created = await self._refunds.create(new, idempotency.claim_of(request, merchant))
        if isinstance(created, Record):
            return idempotency.replay(created.response, refund_pb2.Refund)
        return mapping.refund_message(created)

    async def GetRefund(self, request: refund_service_pb2.GetRefundRequest, _: Context) -> refund_pb2.Refund:
        """Return one refund."""
        return mapping.refund_message(await self._refunds.get(context.merchant(), UUID(request.refund_id)))

    async def ListRefunds(
        self, request: refund_service_pb2.ListRefundsRequest, _: Context
    ) -> refund_service_pb2.ListRefundsResponse:
        """Return a page of a payment's refunds."""
        size = request.page_size or paging.DEFAULT_SIZE
        after = paging.decode(request, request.page_token)
        refunds = await self._refunds.page(context.merchant(), UUID(request.payment_id), after=after, limit=size + 1)
        return refund_service_pb2.ListRefundsResponse(
            refunds=[mapping.refund_message(refund) for refund in refunds[:size]],
            next_page_token=paging.encode(request, refunds[size - 1].refund_id) if len(refunds) > size else "",
        )


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


class WebhookServicer(webhook_grpc.WebhookServiceServicer):
    """The door for providers."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def ReceiveWebhook(
        self, request: webhook_pb2.ReceiveWebhookRequest, servicer: Context
    ) -> webhook_pb2.ReceiveWebhookResponse:
        """Verify and store one provider event; the HTTP headers arrive as metadata."""
        headers = {key: value for key, value in servicer.invocation_metadata() or () if isinstance(value, str)}
        account_id = UUID(request.provider_account_id) if request.provider_account_id else None
        await self._webhooks.receive(request.provider, account_id, request.payload.data, headers)
        return webhook_pb2.ReceiveWebhookResponse()
