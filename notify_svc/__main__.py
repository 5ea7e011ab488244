"""Composition root of the notification service: `python -m notify_svc`."""

from __future__ import annotations

from fusionx.notify.v1 import notify_service_pb2, notify_service_pb2_grpc

from mesh import idempotency, inbox, service
from mesh.bus import Bus
from mesh.consumer import Consumer
from mesh.database import Database
from mesh.service import Registration, Service
from mesh.vault import open_vault
from notify_svc.consumer import NAME, SUBJECTS, PublicEvents
from notify_svc.notifications import Notifications
from notify_svc.repository import NotifyRepository
from notify_svc.sender import Sender
from notify_svc.servicer import NotifyServicer
from notify_svc.settings import NotifySettings


def build(settings: NotifySettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    bus = Bus(settings.nats_url, "notify_svc")
    store = NotifyRepository()
    vault = open_vault(settings.secret_keys)
    notifications = Notifications(database, store, vault, allow_http=settings.allow_http_webhooks)
    sender = Sender(
        database,
        store,
        vault,
        timeout=settings.delivery_timeout_seconds,
        concurrency=settings.delivery_concurrency,
        allow_http=settings.allow_http_webhooks,
    )
    consumer = Consumer(NAME, SUBJECTS, bus, database, PublicEvents(notifications), after_commit=sender.worker.wake)
    return Service(
        name="notify_svc",
        settings=settings,
        database=database,
        bus=bus,
        on_close=[sender.close],
        workers=[consumer.worker, sender.worker, idempotency.janitor(database), inbox.janitor(database)],
        registrations=[
            Registration.of(notify_service_pb2, notify_service_pb2_grpc, NotifyServicer(notifications)),
        ],
    )


if __name__ == "__main__":
    service.main("notify_svc", NotifySettings, __file__, build)
