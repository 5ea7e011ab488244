"""Composition root of the payment service: `python -m payment_svc`."""

from __future__ import annotations

from datetime import timedelta

from fusionx.payment.v1 import (
    dispute_service_pb2,
    dispute_service_pb2_grpc,
    payment_service_pb2,
    payment_service_pb2_grpc,
    provider_account_service_pb2,
    provider_account_service_pb2_grpc,
    provider_service_pb2,
    provider_service_pb2_grpc,
    refund_service_pb2,
    refund_service_pb2_grpc,
    routing_service_pb2,
    routing_service_pb2_grpc,
    timeline_service_pb2,
    timeline_service_pb2_grpc,
    webhook_service_pb2,
    webhook_service_pb2_grpc,
)

from mesh import service
from mesh.events.bus import Bus
from mesh.events.outbox import Relay
from mesh.events.outbox_servicer import OutboxServicer
from mesh.events.unit_of_work import UnitsOfWork
from mesh.rpc.registration import Registration
from mesh.service import BackgroundTasks, Service
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.lock import Locks
from mesh.vault import Envelopes, open_vault
from payment_svc.api.disputes import DisputeServicer
from payment_svc.api.payments import PaymentServicer
from payment_svc.api.provider_accounts import ProviderAccountServicer
from payment_svc.api.providers import ProviderServicer
from payment_svc.api.refunds import RefundServicer
from payment_svc.api.routing import RoutingServicer
from payment_svc.api.timeline import TimelineServicer
from payment_svc.api.webhooks import WebhookServicer
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.order_client import GrpcOrderClient
from payment_svc.providers.registry import Registry
from payment_svc.settings import PaymentSettings, settings_class
from payment_svc.storage.accounts import AccountRepository
from payment_svc.storage.disputes import DisputeRepository
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.provider_events import WebhookRepository
from payment_svc.storage.refunds import RefundRepository
from payment_svc.storage.routing import RoutingRepository
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.charging import Charging
from payment_svc.use_cases.disputes import Disputes
from payment_svc.use_cases.payment_recovery import Reconciler
from payment_svc.use_cases.payments import Payments
from payment_svc.use_cases.reconciliation import Reconciliation
from payment_svc.use_cases.refund_recovery import RefundReconciler
from payment_svc.use_cases.refunds import Refunds
from payment_svc.use_cases.routing import Router
from payment_svc.use_cases.timeline import Timeline
from payment_svc.use_cases.webhooks import Webhooks


def build(settings: PaymentSettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    bus = Bus(settings.nats_url, "payment_svc")
    relay = Relay(database, bus)
    locks = Locks(settings.redis_url)
    sources = WebhookAllowlist(settings.webhook_networks)
    orders = GrpcOrderClient(settings.order_target, settings.tls)
    providers = Registry(
        settings.providers, settings.platform_mode, settings.provider_connection, settings.provider_limits
    )
    vault = Envelopes(open_vault(settings.secret_keys)) if settings.secret_keys.get_secret_value() else None
    accounts = Accounts(database, AccountRepository(), vault, providers)
    background = BackgroundTasks()
    work = UnitsOfWork(database, relay.wake)
    first_check = timedelta(seconds=settings.first_check_seconds)

    store, refund_store = PaymentRepository(), RefundRepository()
    charging = Charging(database, store, orders, accounts, work, authorization=settings.authorization_lifetime)
    router = Router(database, RoutingRepository(), accounts)
    payments = Payments(
        *(database, store, orders, accounts, router, charging, locks, background, work), first_check=first_check
    )
    refunds = Refunds(*(database, store, refund_store, accounts, background, work), first_check=first_check)
    disputes = Disputes(database, DisputeRepository(), work)
    webhooks = Webhooks(
        *(database, work, WebhookRepository(), store, charging, refunds, disputes, accounts, locks, sources)
    )
    reconciler = Reconciler(database, store, charging, accounts, locks)
    refund_reconciler = RefundReconciler(database, store, refund_store, refunds, accounts)
    timeline = Timeline(database, orders)
    reconciliation = Reconciliation(database, store, providers, timedelta(seconds=settings.settling_seconds))
    return Service(
        name="payment_svc",
        settings=settings,
        database=database,
        bus=bus,
        background=background,
        on_close=[accounts.close, orders.close, locks.close],
        workers=[
            webhooks.worker,
            reconciler.worker,
            refund_reconciler.worker,
            relay.worker,
            relay.janitor,
            idempotency.janitor(database),
        ],
        registrations=[
            Registration.of(payment_service_pb2, payment_service_pb2_grpc, PaymentServicer(payments)),
            Registration.of(refund_service_pb2, refund_service_pb2_grpc, RefundServicer(refunds)),
            Registration.of(dispute_service_pb2, dispute_service_pb2_grpc, DisputeServicer(disputes)),
            Registration.of(webhook_service_pb2, webhook_service_pb2_grpc, WebhookServicer(webhooks)),
            Registration.of(routing_service_pb2, routing_service_pb2_grpc, RoutingServicer(router)),
            Registration.of(
                provider_account_service_pb2, provider_account_service_pb2_grpc, ProviderAccountServicer(accounts)
            ),
            Registration.of(timeline_service_pb2, timeline_service_pb2_grpc, TimelineServicer(timeline)),
            Registration.of(
                provider_service_pb2, provider_service_pb2_grpc, ProviderServicer(providers, reconciliation)
            ),
            OutboxServicer.registration(relay),
        ],
    )


if __name__ == "__main__":
    service.main("payment_svc", settings_class(), __file__, build)
