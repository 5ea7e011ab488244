"""Composition root of the payment service: `python -m payment_svc`."""

from __future__ import annotations

from datetime import timedelta

from fusionx.payment.v1 import payment_service_pb2, refund_service_pb2, webhook_service_pb2
from fusionx.payment.v1.payment_service_pb2_grpc import add_PaymentServiceServicer_to_server
from fusionx.payment.v1.refund_service_pb2_grpc import add_RefundServiceServicer_to_server
from fusionx.payment.v1.webhook_service_pb2_grpc import add_WebhookServiceServicer_to_server

from mesh import idempotency, service
from mesh.bus import Bus
from mesh.database import Database
from mesh.outbox import Relay
from mesh.service import BackgroundTasks, Registration, Service
from payment_svc.order_client import GrpcOrderClient
from payment_svc.payments import Payments
from payment_svc.providers import registry
from payment_svc.reconciler import Reconciler
from payment_svc.refund_reconciler import RefundReconciler
from payment_svc.refund_repository import RefundRepository
from payment_svc.refunds import Refunds
from payment_svc.repository import PaymentRepository
from payment_svc.servicer import PaymentServicer, RefundServicer, WebhookServicer
from payment_svc.settings import PaymentSettings
from payment_svc.webhooks import Webhooks


def build(settings: PaymentSettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    bus = Bus(settings.nats_url, "payment_svc")
    relay = Relay(database, bus)
    store = PaymentRepository()
    orders = GrpcOrderClient(settings.order_target)
    providers = registry.build(settings)
    background = BackgroundTasks()
    payments = Payments(
        database,
        store,
        orders,
        providers,
        background,
        relay.wake,
        first_check=timedelta(seconds=settings.first_check_seconds),
    )
    refund_store = RefundRepository()
    refunds = Refunds(
        database,
        store,
        refund_store,
        providers,
        background,
        relay.wake,
        first_check=timedelta(seconds=settings.first_check_seconds),
    )
    webhooks = Webhooks(database, store, payments, refunds, providers)
    reconciler = Reconciler(database, store, payments, providers)
    refund_reconciler = RefundReconciler(database, store, refund_store, refunds, providers)
    return Service(
        name="payment_svc",
        settings=settings,
        database=database,
        bus=bus,
        background=background,
        on_close=[providers.close, orders.close],
        workers=[
            webhooks.worker,
            reconciler.worker,
            refund_reconciler.worker,
            relay.worker,
            relay.janitor,
            idempotency.janitor(database),
        ],
        registrations=[
            Registration(
                add_PaymentServiceServicer_to_server,
                PaymentServicer(payments),
                payment_service_pb2.DESCRIPTOR.services_by_name["PaymentService"],
            ),
            Registration(
                add_RefundServiceServicer_to_server,
                RefundServicer(refunds),
                refund_service_pb2.DESCRIPTOR.services_by_name["RefundService"],
            ),
            Registration(
                add_WebhookServiceServicer_to_server,
                WebhookServicer(webhooks),
                webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
            ),
        ],
    )


if __name__ == "__main__":
    service.main("payment_svc", PaymentSettings, __file__, build)
