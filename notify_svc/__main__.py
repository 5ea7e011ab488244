"""Composition root of the notification service: `python -m notify_svc`."""

from __future__ import annotations

from datetime import timedelta

from fusionx.notify.v1 import (
    event_service_pb2,
    event_service_pb2_grpc,
    notification_channel_service_pb2,
    notification_channel_service_pb2_grpc,
    notify_service_pb2,
    notify_service_pb2_grpc,
    push_key_service_pb2,
    push_key_service_pb2_grpc,
)

from mesh import service
from mesh.events import inbox
from mesh.events.backlog_servicer import BacklogServicer
from mesh.events.bus import Bus
from mesh.events.consumer import Consumer, Readers
from mesh.events.consumer_metrics import ConsumerMetrics
from mesh.events.dead_letter_servicer import DeadLetterServicer
from mesh.events.dead_letters import DeadLetters
from mesh.rpc.registration import Registration
from mesh.service import Service
from mesh.storage import idempotency, retention
from mesh.storage.database import Database
from mesh.storage.resealing import Resealing
from mesh.vault import Vault
from notify_svc.api.consumer import NAME, SUBJECTS, PublicEvents
from notify_svc.api.events import EventServicer
from notify_svc.api.notification_channels import NotificationChannelServicer
from notify_svc.api.push_key import PushKeyServicer
from notify_svc.api.webhook_endpoints import NotifyServicer
from notify_svc.assembly import Senders, outside_of
from notify_svc.identity_client import GrpcKeyWatch
from notify_svc.settings import NotifySettings
from notify_svc.storage.deliveries import DeliveryRepository
from notify_svc.storage.endpoints import SECRETS, EndpointRepository
from notify_svc.storage.events import EventRepository
from notify_svc.storage.retention import BATCH, DELETE_ENDPOINTS, DELETE_EVENTS
from notify_svc.use_cases.audience import Audience
from notify_svc.use_cases.channel_registration import Channels
from notify_svc.use_cases.due_watch import DueWatch
from notify_svc.use_cases.endpoints import Endpoints
from notify_svc.use_cases.event_log import EventLog
from notify_svc.use_cases.event_stream import EventStreams
from notify_svc.use_cases.fan_out import FanOut
from notify_svc.use_cases.stream_keys import StreamKeys


def build(settings: NotifySettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    bus = Bus.of(settings, "notify_svc")
    events, endpoints = EventRepository(), EndpointRepository()
    vault = Vault(settings.secret_keys, binds=settings.bind_secrets)
    outside, push = outside_of(settings, vault), settings.vapid_key
    identities = GrpcKeyWatch(settings.identity_target, settings.tls)
    streams = EventStreams(
        database,
        events,
        per_merchant=settings.merchant_streams,
        seconds=settings.stream_seconds,
        heartbeat=settings.stream_heartbeat_seconds,
    )
    audience = Audience(streams.has_reader)
    fan_out = FanOut(events, endpoints, audience=audience)
    senders = Senders(database, settings, outside, fan_out, streams)
    managed = Endpoints(database, endpoints, events, vault, outside.reach, senders.queues, clock=database.clock)
    added = Channels(
        *(database, endpoints, vault, outside.reach, outside.mailer),
        push.public_key if push else None,
        clock=database.clock,
    )
    log = EventLog(database, events, endpoints, wake=senders.wake)
    public = PublicEvents(fan_out, senders.tell, audience)
    consumer = Consumer(
        *(NAME, SUBJECTS, bus, database, public),
        who=Readers(public.committed, public.patience),
        retry_delays=settings.event_retry_delays,
    )
    kept = timedelta(days=settings.event_retention_days)
    return Service(
        name="notify_svc",
        settings=settings,
        database=database,
        bus=bus,
        background=added.background,
        on_drain=[streams.end],
        on_close=[*(each.close for each in senders.dispatchers), *outside.closing, identities.close],
        workers=[
            consumer.worker,
            ConsumerMetrics(database, [consumer]).worker,
            DueWatch(database, DeliveryRepository(), senders.tell_due).worker,
            *(each.worker for each in senders.dispatchers),
            senders.queues.worker,
            streams.worker,
            StreamKeys(streams, identities.look).worker,
            Resealing(database, vault, SECRETS).worker,
            idempotency.janitor(database),
            inbox.janitor(database, NAME),
            retention.of_dead_letters(database),
            retention.janitor("event-janitor", database, DELETE_EVENTS, kept, BATCH),
            retention.janitor("endpoint-janitor", database, DELETE_ENDPOINTS, kept, BATCH),
        ],
        registrations=[
            Registration.of(notify_service_pb2, notify_service_pb2_grpc, NotifyServicer(managed, log)),
            Registration.of(
                notification_channel_service_pb2,
                notification_channel_service_pb2_grpc,
                NotificationChannelServicer(added, managed),
            ),
            Registration.of(push_key_service_pb2, push_key_service_pb2_grpc, PushKeyServicer(added)),
            Registration.of(event_service_pb2, event_service_pb2_grpc, EventServicer(log, streams)),
            DeadLetterServicer.registration(DeadLetters(database, [consumer.inbox])),
            BacklogServicer.registration(database, consumer, publishes=False),
        ],
    )


if __name__ == "__main__":
    service.main("notify_svc", NotifySettings, __file__, build)
