"""Composition root of the notification service: `python -m notify_svc`."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

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
from notify_svc.channels import challenge
from notify_svc.channels import guarded_http as transport
from notify_svc.channels.email import EmailChannel, Mailer
from notify_svc.channels.guarded_http import guarded_client
from notify_svc.channels.push import PushChannel
from notify_svc.channels.resolver import Resolver
from notify_svc.channels.webhook import WebhookChannel
from notify_svc.domain import addresses
from notify_svc.domain.delivery import Channel
from notify_svc.domain.endpoint import Kind, UrlRules
from notify_svc.identity_client import GrpcKeyWatch
from notify_svc.settings import NotifySettings
from notify_svc.storage.deliveries import DeliveryRepository
from notify_svc.storage.endpoints import SECRETS, EndpointRepository
from notify_svc.storage.events import EventRepository
from notify_svc.storage.retention import BATCH, DELETE_ENDPOINTS, DELETE_EVENTS
from notify_svc.use_cases.audience import Audience
from notify_svc.use_cases.channel_registration import Channels
from notify_svc.use_cases.dispatcher import Bulkhead, Dispatcher
from notify_svc.use_cases.due_watch import DueWatch
from notify_svc.use_cases.endpoints import Endpoints, Reach
from notify_svc.use_cases.event_log import EventLog
from notify_svc.use_cases.event_stream import EventStreams
from notify_svc.use_cases.fan_out import FanOut, Reached
from notify_svc.use_cases.queues import Queues
from notify_svc.use_cases.stream_keys import StreamKeys


def build(settings: NotifySettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    bus = Bus.of(settings, "notify_svc")
    events, endpoints, vault = (
        EventRepository(),
        EndpointRepository(),
        Vault(settings.secret_keys, binds=settings.bind_secrets),
    )
    rules = UrlRules(settings.allow_http_webhooks, addresses.networks(settings.webhook_allow_networks))
    timeout, concurrency = settings.delivery_timeout_seconds, settings.delivery_concurrency
    resolver = Resolver()
    identities = GrpcKeyWatch(settings.identity_target, settings.tls)
    proxy = settings.webhook_proxy.get_secret_value()
    http = guarded_client(resolver, rules.allow_networks, connections=concurrency, timeout=timeout, proxy=proxy)
    asking = WebhookChannel(http, vault, rules, challenge.SECONDS)
    reach = Reach(
        rules,
        partial(transport.look, resolve=resolver, allowed=rules.allow_networks),
        partial(challenge.answers_challenge, channel=asking) if settings.webhook_challenge else None,
        tuple(name.strip() for name in settings.push_services.split(",")) if settings.webhook_challenge else (),
    )
    webhooks, push = WebhookChannel(http, vault, rules, timeout), settings.vapid_key
    server = settings.mail_server
    mailer = Mailer(server, timeout=timeout, connections=settings.smtp_connections) if server else None
    streams = EventStreams(
        database,
        events,
        per_merchant=settings.merchant_streams,
        seconds=settings.stream_seconds,
        heartbeat=settings.stream_heartbeat_seconds,
    )
    audience = Audience(streams.has_reader)
    fan_out = FanOut(events, endpoints, audience=audience)

    def wake() -> None:
        """Have new events sent, and old ones that are to be sent again."""
        for each in dispatchers:
            each.wake()
        streams.worker.wake()

    queues = Queues(database, wake)

    def tell_due(reached: Reached) -> None:
        """Have sent what is due, by those who reach somebody with it."""
        for each in dispatchers:
            each.tell(reached)

    def tell(reached: Reached) -> None:
        """Have new events sent, and read by streams."""
        tell_due(reached)
        streams.worker.wake()

    def dispatcher_of(name: str, channels: dict[Kind, Channel], concurrency: int) -> Dispatcher:
        """Return a dispatcher of some kinds."""
        return Dispatcher(
            database,
            DeliveryRepository(),
            endpoints,
            fan_out,
            Bulkhead(
                *(name, channels, timeout, concurrency),
                share=settings.endpoint_concurrency,
                merchant_share=settings.merchant_concurrency,
            ),
            queues,
        )

    by_http: dict[Kind, Channel] = {Kind.WEBHOOK: webhooks, Kind.PUSH: PushChannel(webhooks, vault, push)}
    # one mail server is behind all mailboxes: when it hangs, nobody's webhooks may wait for it
    dispatchers = [
        dispatcher_of("webhook-sender", by_http, concurrency),
        dispatcher_of("mail-sender", {Kind.EMAIL: EmailChannel(mailer)}, settings.smtp_connections),
    ]

    managed = Endpoints(database, endpoints, events, vault, reach, queues, clock=database.clock)
    added = Channels(database, endpoints, vault, reach, mailer, push.public_key if push else None, clock=database.clock)
    log = EventLog(database, events, endpoints, wake=wake)
    public = PublicEvents(fan_out, tell, audience)
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
        on_close=[*(each.close for each in dispatchers), webhooks.close, resolver.close, identities.close],
        workers=[
            consumer.worker,
            ConsumerMetrics(database, [consumer]).worker,
            DueWatch(database, DeliveryRepository(), tell_due).worker,
            *(each.worker for each in dispatchers),
            queues.worker,
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
            Registration.of(
                event_service_pb2,
                event_service_pb2_grpc,
                EventServicer(log, streams),
            ),
            DeadLetterServicer.registration(DeadLetters(database, [consumer.inbox])),
            BacklogServicer.registration(database, consumer, publishes=False),
        ],
    )


if __name__ == "__main__":
    service.main("notify_svc", NotifySettings, __file__, build)
