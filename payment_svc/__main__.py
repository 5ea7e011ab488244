"""Composition root of the payment service: `python -m payment_svc`."""

from __future__ import annotations

from dataclasses import replace

from fusionx.payment.v1 import (
    checkout_service_pb2,
    checkout_service_pb2_grpc,
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
    test_clock_service_pb2,
    test_clock_service_pb2_grpc,
    timeline_service_pb2,
    timeline_service_pb2_grpc,
    webhook_service_pb2,
    webhook_service_pb2_grpc,
)

from mesh import service
from mesh.events.backlog_servicer import BacklogServicer
from mesh.events.bus import Bus
from mesh.events.outbox_servicer import OutboxServicer
from mesh.rpc.exports import ExportTurns
from mesh.rpc.registration import Registration
from mesh.service import Service
from mesh.storage.database import Database
from mesh.storage.lock import Locks
from mesh.vault import Vault
from payment_svc.api.checkouts import CheckoutServicer
from payment_svc.api.disputes import DisputeServicer
from payment_svc.api.payments import PaymentServicer
from payment_svc.api.provider_accounts import ProviderAccountServicer
from payment_svc.api.providers import ProviderServicer
from payment_svc.api.refunds import RefundServicer
from payment_svc.api.reviews import ReviewServicer
from payment_svc.api.routing import RoutingServicer
from payment_svc.api.test_clock import TestClockServicer
from payment_svc.api.timeline import TimelineServicer
from payment_svc.api.webhooks import WebhookServicer
from payment_svc.assembly import Assembly, Surroundings, assemble
from payment_svc.order_client import GrpcOrderClient
from payment_svc.order_port import LinkClient
from payment_svc.providers.call_log import CallLog
from payment_svc.providers.registry import Registry
from payment_svc.settings import PaymentSettings, settings_class
from payment_svc.use_cases.checkouts import Checkouts


def build(settings: PaymentSettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    bus = Bus.of(settings, "payment_svc")
    locks = Locks(settings.redis_url)
    orders = GrpcOrderClient(settings.order_target, settings.tls)
    calls = CallLog(settings.provider_calls)
    providers = Registry(
        *(settings.providers, settings.platform_mode, replace(settings.provider_connection, clock=database.clock)),
        settings.provider_limits,
        calls,
    )
    vault = (
        Vault(settings.secret_keys, binds=settings.bind_secrets) if settings.secret_keys.get_secret_value() else None
    )
    # what a replica decides about money is decided by one clock for all
    parts = assemble(
        settings, Surroundings(database, bus, orders, providers, locks, vault, calls, clock=database.clock)
    )
    return Service(
        name="payment_svc",
        settings=settings,
        database=database,
        bus=bus,
        background=parts.background,
        on_close=[parts.exchanges.close, parts.accounts.close, orders.close, locks.close],
        workers=parts.workers,
        relay=parts.relay.worker,
        registrations=_registrations(database, parts, providers, orders),
    )


def _registrations(database: Database, parts: Assembly, providers: Registry, links: LinkClient) -> list[Registration]:
    turns = ExportTurns()
    checkouts = Checkouts(links, parts.payments, parts.accounts, parts.maintenances)
    return [
        Registration.of(payment_service_pb2, payment_service_pb2_grpc, PaymentServicer(parts.payments, turns)),
        Registration.of(refund_service_pb2, refund_service_pb2_grpc, RefundServicer(parts.refunds, turns)),
        Registration.of(dispute_service_pb2, dispute_service_pb2_grpc, DisputeServicer(parts.disputes, turns)),
        Registration.of(webhook_service_pb2, webhook_service_pb2_grpc, WebhookServicer(parts.webhooks)),
        Registration.of(routing_service_pb2, routing_service_pb2_grpc, RoutingServicer(parts.router)),
        Registration.of(
            provider_account_service_pb2, provider_account_service_pb2_grpc, ProviderAccountServicer(parts.accounts)
        ),
        Registration.of(test_clock_service_pb2, test_clock_service_pb2_grpc, TestClockServicer(parts.test_clocks)),
        Registration.of(
            timeline_service_pb2, timeline_service_pb2_grpc, TimelineServicer(parts.timeline, parts.exchanges)
        ),
        Registration.of(
            *(provider_service_pb2, provider_service_pb2_grpc),
            ProviderServicer(providers, parts.reconciliation, parts.maintenances),
        ),
        Registration.of(review_service_pb2, review_service_pb2_grpc, ReviewServicer(parts.reviews, parts.elsewhere)),
        Registration.of(checkout_service_pb2, checkout_service_pb2_grpc, CheckoutServicer(checkouts)),
        OutboxServicer.registration(parts.relay),
        BacklogServicer.registration(database),
    ]


if __name__ == "__main__":
    service.main("payment_svc", settings_class(), __file__, build)
