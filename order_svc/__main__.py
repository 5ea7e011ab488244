"""Composition root of the order service: `python -m order_svc`."""

from __future__ import annotations

from fusionx.order.v1 import (
    link_checkout_service_pb2,
    link_checkout_service_pb2_grpc,
    order_payment_service_pb2,
    order_payment_service_pb2_grpc,
    order_service_pb2,
    order_service_pb2_grpc,
    payment_link_service_pb2,
    payment_link_service_pb2_grpc,
)

from mesh import service
from mesh.events import inbox
from mesh.events.backlog_servicer import BacklogServicer
from mesh.events.bus import Bus
from mesh.events.consumer import Consumer
from mesh.events.consumer_metrics import ConsumerMetrics
from mesh.events.dead_letter_servicer import DeadLetterServicer
from mesh.events.dead_letters import DeadLetters
from mesh.events.outbox_servicer import OutboxServicer
from mesh.events.relay import Relay
from mesh.events.unit_of_work import UnitsOfWork
from mesh.rpc.exports import ExportTurns
from mesh.rpc.registration import Registration
from mesh.service import Service
from mesh.storage import idempotency, retention
from mesh.storage.database import Database
from mesh.worker import Worker
from order_svc.api.consumer import NAME, SUBJECTS, PaymentEvents
from order_svc.api.orders import OrderPaymentServicer, OrderServicer
from order_svc.api.payment_links import LinkCheckoutServicer, PaymentLinkServicer
from order_svc.settings import OrderSettings
from order_svc.storage.orders import OrderRepository
from order_svc.use_cases.orders import Lifetimes, Orders
from order_svc.use_cases.payment_links import PaymentLinks


def build(settings: OrderSettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    bus = Bus.of(settings, "order_svc")
    relay = Relay(database, bus)
    lifetimes = Lifetimes(settings.order_lifetime, settings.order_max_lifetime)
    work = UnitsOfWork(database, relay.carry)
    orders = Orders(database, OrderRepository(), lifetimes, work, clock=database.clock)
    links = PaymentLinks(database, work, settings.order_lifetime, clock=database.clock)
    payments = Consumer(
        *(NAME, SUBJECTS, bus, database, PaymentEvents(orders, work)),
        retry_delays=settings.event_retry_delays,
    )
    return Service(
        name="order_svc",
        settings=settings,
        database=database,
        bus=bus,
        relay=relay.worker,
        workers=[
            payments.worker,
            ConsumerMetrics(database, [payments]).worker,
            Worker("order-expiry", orders.expire_due, interval=settings.expiry_interval_seconds),
            relay.janitor,
            idempotency.janitor(database),
            inbox.janitor(database, NAME),
            retention.of_dead_letters(database),
        ],
        registrations=[
            Registration.of(order_service_pb2, order_service_pb2_grpc, OrderServicer(orders, ExportTurns())),
            Registration.of(order_payment_service_pb2, order_payment_service_pb2_grpc, OrderPaymentServicer(orders)),
            Registration.of(
                *(payment_link_service_pb2, payment_link_service_pb2_grpc),
                PaymentLinkServicer(links, settings.public_url),
            ),
            Registration.of(
                *(link_checkout_service_pb2, link_checkout_service_pb2_grpc),
                LinkCheckoutServicer(links, settings.public_url),
            ),
            DeadLetterServicer.registration(DeadLetters(database, [payments.inbox])),
            OutboxServicer.registration(relay),
            BacklogServicer.registration(database, payments),
        ],
    )


if __name__ == "__main__":
    service.main("order_svc", OrderSettings, __file__, build)
