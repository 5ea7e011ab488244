"""What reaches merchants: the channels, and the dispatchers that send by them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from mesh.storage.database import Database
from mesh.vault import Vault
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
from notify_svc.settings import NotifySettings
from notify_svc.storage.deliveries import DeliveryRepository
from notify_svc.storage.endpoints import EndpointRepository
from notify_svc.use_cases.dispatcher import Bulkhead, Dispatcher
from notify_svc.use_cases.endpoints import Reach
from notify_svc.use_cases.event_stream import EventStreams
from notify_svc.use_cases.fan_out import FanOut, Reached
from notify_svc.use_cases.queues import Queues


@dataclass(frozen=True)
class Outside:
    """How merchants' servers and mailboxes are reached."""

    resolver: Resolver
    webhooks: WebhookChannel
    push: PushChannel
    mailer: Mailer | None
    reach: Reach

    @property
    def closing(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What releases connections."""
        return [self.webhooks.close, self.resolver.close]


def outside_of(settings: NotifySettings, vault: Vault) -> Outside:
    """Put the channels together."""
    timeout, concurrency = settings.delivery_timeout_seconds, settings.delivery_concurrency
    rules = UrlRules(settings.allow_http_webhooks, addresses.networks(settings.webhook_allow_networks))
    resolver = Resolver()
    proxy = settings.webhook_proxy.get_secret_value()
    http = guarded_client(resolver, rules.allow_networks, connections=concurrency, timeout=timeout, proxy=proxy)
    asking = WebhookChannel(http, vault, rules, challenge.SECONDS)
    reach = Reach(
        rules,
        partial(transport.look, resolve=resolver, allowed=rules.allow_networks),
        partial(challenge.answers_challenge, channel=asking) if settings.webhook_challenge else None,
        tuple(name.strip() for name in settings.push_services.split(",")) if settings.webhook_challenge else (),
    )
    webhooks, server = WebhookChannel(http, vault, rules, timeout), settings.mail_server
    mailer = Mailer(server, timeout=timeout, connections=settings.smtp_connections) if server else None
    return Outside(resolver, webhooks, PushChannel(webhooks, vault, settings.vapid_key), mailer, reach)


class Senders:
    """The dispatchers, and who is told of what there is to send or to read."""

    def __init__(
        self, database: Database, settings: NotifySettings, outside: Outside, fan_out: FanOut, streams: EventStreams
    ) -> None:
        self._streams = streams
        self.queues = Queues(database, self.wake)

        def dispatcher(name: str, channels: dict[Kind, Channel], concurrency: int) -> Dispatcher:
            bulkhead = Bulkhead(
                *(name, channels, settings.delivery_timeout_seconds, concurrency),
                share=settings.endpoint_concurrency,
                merchant_share=settings.merchant_concurrency,
            )
            return Dispatcher(database, DeliveryRepository(), EndpointRepository(), fan_out, bulkhead, self.queues)

        by_http: dict[Kind, Channel] = {Kind.WEBHOOK: outside.webhooks, Kind.PUSH: outside.push}
        by_mail: dict[Kind, Channel] = {Kind.EMAIL: EmailChannel(outside.mailer)}
        # one mail server is behind all mailboxes: when it hangs, nobody's webhooks may wait for it
        self.dispatchers = (
            dispatcher("webhook-sender", by_http, settings.delivery_concurrency),
            dispatcher("mail-sender", by_mail, settings.smtp_connections),
        )

    def wake(self) -> None:
        """Have new events sent, and old ones that are to be sent again."""
        for each in self.dispatchers:
            each.wake()
        self._streams.worker.wake()

    def tell_due(self, reached: Reached) -> None:
        """Have sent what is due, by those who reach somebody with it."""
        for each in self.dispatchers:
            each.tell(reached)

    def tell(self, reached: Reached) -> None:
        """Have new events sent, and read by streams."""
        self.tell_due(reached)
        self._streams.worker.wake()
