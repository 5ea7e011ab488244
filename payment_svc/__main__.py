"""Composition root of the payment service: `python -m payment_svc`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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
    review_service_pb2,
    review_service_pb2_grpc,
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
from payment_svc.api.reviews import ReviewServicer
from payment_svc.api.routing import RoutingServicer
from payment_svc.api.timeline import TimelineServicer
from payment_svc.api.webhooks import WebhookServicer
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.order_client import GrpcOrderClient
from payment_svc.providers.registry import Registry
from payment_svc.settings import PaymentSettings, settings_class
from payment_svc.storage.accounts import AccountRepository
from payment_svc.storage.disputes import DisputeRepository
from payment_svc.storage.operations import OperationRepository
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.provider_events import WebhookRepository
from payment_svc.storage.refunds import RefundRepository
from payment_svc.storage.reviews import ReviewRepository
from payment_svc.storage.routing import RoutingRepository
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.disputes import Disputes
from payment_svc.use_cases.event_application import EventApplication, Resources
from payment_svc.use_cases.ledger import Ledger
from payment_svc.use_cases.operations import Operations, Timing
from payment_svc.use_cases.payment_events import PaymentEvents
from payment_svc.use_cases.payment_recovery import OperationRecovery, PaymentRecovery
from payment_svc.use_cases.payments import Payments, Runtime
from payment_svc.use_cases.reconciliation import Reconciliation
from payment_svc.use_cases.recovery import Recovery
from payment_svc.use_cases.refund_recovery import RefundRecovery
from payment_svc.use_cases.refunds import Refunds
from payment_svc.use_cases.reviews import Reviews
from payment_svc.use_cases.routing import Router
from payment_svc.use_cases.timeline import Timeline
from payment_svc.use_cases.webhooks import WebhookInbox, WebhookReceiver


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

    store, event_store = PaymentRepository(), WebhookRepository()
    ledger = Ledger(
        *(work, store, OperationRepository(), RefundRepository(), ReviewRepository()),
        authorization=settings.authorization_lifetime,
        give_back=settings.return_surplus,
    )
    timing = Timing(
        timedelta(seconds=settings.provider_timeout_seconds), timedelta(seconds=settings.provider_patience_seconds)
    )
    operations = Operations(database, ledger, accounts, timing)
    runtime = Runtime(locks, background, first_check)
    router = Router(database, RoutingRepository(), accounts)
    payments = Payments(ledger, operations, orders, accounts, router, database, runtime)
    refunds = Refunds(database, ledger, accounts, runtime)
    disputes = Disputes(database, DisputeRepository(), work)
    reviews = Reviews(database, ledger, refunds, settings.second_person_above)
    resources = Resources(PaymentEvents(ledger, operations), refunds, disputes)
    application = EventApplication(database, store, accounts, resources, locks)
    inbox = Recovery(WebhookInbox(database, work, event_store, application))
    webhooks = WebhookReceiver(database, event_store, accounts, sources, inbox.worker.wake)
    recovery: list[Recovery[Any]] = [
        inbox,
        Recovery(PaymentRecovery(database, ledger, operations, accounts)),
        Recovery(OperationRecovery(database, ledger, operations, payments, orders)),
        Recovery(RefundRecovery(database, ledger, refunds, accounts, timing.patient)),
    ]
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
            *(loop.worker for loop in recovery),
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
            Registration.of(review_service_pb2, review_service_pb2_grpc, ReviewServicer(reviews)),
            OutboxServicer.registration(relay),
        ],
    )


if __name__ == "__main__":
    service.main("payment_svc", settings_class(), __file__, build)
