"""A sender of the test's own, on a database of its own, with a clock that the test moves."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from cryptography.fernet import Fernet
from fusionx.order.v1 import order_events_pb2, order_pb2
from fusionx.type.v1.event_pb2 import EventEnvelope
from pydantic import SecretStr

from mesh.events import envelope as events
from mesh.ids import new_id
from mesh.mail.settings import MailServer
from mesh.storage.database import Database
from mesh.vault import Vault
from notify_svc.channels import guarded_http as transport
from notify_svc.channels.email import EmailChannel, Mailer
from notify_svc.channels.guarded_http import guarded_client
from notify_svc.channels.push import PushChannel
from notify_svc.channels.resolver import Resolver
from notify_svc.channels.webhook import WebhookChannel
from notify_svc.contract import events as facts
from notify_svc.domain.addresses import Address, networks
from notify_svc.domain.channel import encoded
from notify_svc.domain.delivery import Channel, LoggedDelivery
from notify_svc.domain.endpoint import CHANNELS, WEBHOOKS, Endpoint, Kind, UrlRules
from notify_svc.domain.event import PublicEvent
from notify_svc.domain.vapid import VapidKey
from notify_svc.storage.deliveries import DeliveryRepository
from notify_svc.storage.endpoints import EndpointRepository
from notify_svc.storage.events import EventRepository
from notify_svc.tables import metadata
from notify_svc.use_cases.channel_registration import Channels
from notify_svc.use_cases.dispatcher import Bulkhead, Dispatcher
from notify_svc.use_cases.endpoints import Endpoints, NewEndpoint, Reach
from notify_svc.use_cases.event_log import EventLog
from notify_svc.use_cases.fan_out import FanOut
from notify_svc.use_cases.queues import Queues
from stack.stack import Ready
from tests.support.databases.lent import lent_database
from tests.support.waiting import answers, come_true

TIMEOUT = 1.0
CONCURRENCY = 12
SHARE = 4
CONNECTIONS = 2
"""How many mails are handed over at once."""
SENDER = "events@gateway.example"
VAPID = VapidKey.of(encoded(b"v" * 32), "mailto:ops@gateway.example")

TEST_CLOCK: LiteralString = """
CREATE TABLE clock (now timestamptz NOT NULL);
CREATE OR REPLACE FUNCTION db_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT now FROM clock';
"""


class Desk:
    """The notification service without its doors."""

    def __init__(
        self,
        database: Database,
        url: str,
        timeout: float = TIMEOUT,
        smtp_port: int = 0,
        merchant_share: int = CONCURRENCY,
    ) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self._clock = psycopg.connect(url, autocommit=True)
        self._set_clock()
        self.merchant_id = uuid.uuid4()
        self._database = database
        store, log, vault = EndpointRepository(), EventRepository(), Vault(SecretStr(Fernet.generate_key().decode()))
        rules = UrlRules(allow_http=True, allow_networks=networks("127.0.0.0/8"))
        self.names: dict[str, str] = {}
        self.resolver = Resolver()
        self.vault, self.store = vault, store
        http = guarded_client(self._resolve, rules.allow_networks, connections=CONCURRENCY, timeout=timeout)
        self.webhooks = WebhookChannel(http, vault, rules, timeout)
        server = MailServer("127.0.0.1", smtp_port, "none", "", "", SENDER)
        mailer = Mailer(server, timeout=timeout, connections=CONNECTIONS) if smtp_port else None
        self._notifications = FanOut(log, store)
        self.queues = Queues(database, self.wake)

        def dispatcher_of(name: str, channels: dict[Kind, Channel], concurrency: int) -> Dispatcher:
            return Dispatcher(
                database,
                DeliveryRepository(),
                store,
                self._notifications,
                Bulkhead(name, channels, timeout, concurrency, SHARE, merchant_share),
                self.queues,
                chance=lambda: 0.0,
            )

        push = PushChannel(self.webhooks, vault, VAPID)
        self.sender = dispatcher_of("webhooks", {Kind.WEBHOOK: self.webhooks, Kind.PUSH: push}, CONCURRENCY)
        self.mails = dispatcher_of("mails", {Kind.EMAIL: EmailChannel(mailer)}, CONNECTIONS)
        self.strangers: set[str] = set()
        look = partial(transport.look, resolve=self._resolve, allowed=rules.allow_networks)
        reach = Reach(rules, look, self._answers)
        wake = self.wake
        self.endpoints = Endpoints(database, store, log, vault, reach, self.queues, clock=self.clock)
        self.log = EventLog(database, log, store, wake=wake)
        self.channels = Channels(database, store, vault, reach, mailer, VAPID.public_key, clock=self.clock)

    async def _resolve(self, host: str, port: int) -> Sequence[Address]:
        """Look a name up: what the test says of it, or what is true."""
        return [ip_address(self.names[host])] if host in self.names else await self.resolver(host, port)

    async def _answers(self, url: str) -> bool:
        """Whether the server at a URL answers its challenge: all do but those of strangers."""
        return url not in self.strangers

    def wake(self) -> None:
        """Let the senders look for work."""
        self.sender.wake()
        self.mails.wake()

    def clock(self) -> datetime:
        """The present moment, which only the test moves."""
        return self.now

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)
        self._set_clock()
        self.wake()

    def _set_clock(self) -> None:
        """Have the database go by the test's clock."""
        self._clock.execute("UPDATE clock SET now = %s", [self.now])

    def execute(self, query: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement beside the desk, and return its rows."""
        cursor = self._clock.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []

    def is_waited_for(self) -> bool:
        """Whether somebody waits for a lock in the database of the test."""
        return bool(
            self.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    def close(self) -> None:
        """Close the test's own connection."""
        self._clock.close()

    async def endpoint(self, url: str) -> Endpoint:
        """Register a URL."""
        created = await self.endpoints.create(self.merchant_id, NewEndpoint(url=url), None)
        assert isinstance(created, tuple)
        return created[0]

    async def publish(self, count: int = 1) -> list[PublicEvent]:
        """Create orders, and have their events fanned out."""
        return await self.fan_out(*(self.event(new_id()) for _ in range(count)))

    async def fan_out(self, *new: PublicEvent) -> list[PublicEvent]:
        """Fan events out to the merchant's endpoints."""
        async with self.fanning_out(*new):
            pass
        return list(new)

    @asynccontextmanager
    async def fanning_out(self, *new: PublicEvent) -> AsyncIterator[None]:
        """Fan events out, in a transaction that is committed after the block."""
        async with self._database.transaction() as session:
            reached = await self._notifications.publish(session, new)
            yield
        self.sender.tell(reached)
        self.mails.tell(reached)

    def event(self, order_id: UUID, version: int = 1) -> PublicEvent:
        """Return what the order service says of an order's version."""
        fact = order_events_pb2.OrderCreated(order=order_pb2.Order(order_id=str(order_id), version=version))
        made = events.event(fact, aggregate_id=order_id, version=version, merchant_id=self.merchant_id, time=self.now)
        event = facts.public_event(EventEnvelope.FromString(made.payload), fact)
        assert event
        return event

    async def delivery(self, event: PublicEvent, wanted: Callable[[LoggedDelivery], bool]) -> LoggedDelivery:
        """Wait until an event's only delivery is as wanted."""

        async def seen() -> LoggedDelivery | None:
            (found,) = await self.log.deliveries(self.merchant_id, event.event_id)
            return found if wanted(found) else None

        return await answers(seen, "the delivery as it should be")

    async def tried(self, event: PublicEvent, attempts: int) -> LoggedDelivery:
        """Wait until an event was tried so often."""
        return await self.delivery(event, lambda delivery: len(delivery.attempts) == attempts)

    async def failing(self, count: int) -> None:
        """Wait until so many endpoints are failing: it is told after an attempt, in a transaction of its own."""
        query: LiteralString = "SELECT endpoint_id FROM webhook_endpoints WHERE failing_since IS NOT NULL"
        await come_true(lambda: len(self.execute(query)) == count, "the failing endpoints")

    async def endpoint_is(self, endpoint_id: UUID, wanted: Callable[[Endpoint], bool]) -> Endpoint:
        """Wait until an endpoint is as wanted."""

        async def seen() -> Endpoint | None:
            found = await self.endpoints.get(self.merchant_id, endpoint_id, WEBHOOKS | CHANNELS)
            return found if wanted(found) else None

        return await answers(seen, "the endpoint as it should be")


@pytest.fixture
def notify_url(gateway: Ready) -> Iterator[str]:
    """A database with the tables of the notification service, the test's own while it runs."""
    with lent_database(gateway, "notify", metadata, TEST_CLOCK) as url:
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO clock VALUES ('epoch')")
        yield url


@asynccontextmanager
async def desk_on(
    url: str,
    timeout: float = TIMEOUT,  # noqa: ASYNC109  # the sender's
    smtp_port: int = 0,
    merchant_share: int = CONCURRENCY,
) -> AsyncIterator[Desk]:
    """Run a desk."""
    database = Database(url, 6)
    await database.open()
    desk = Desk(database, url, timeout, smtp_port, merchant_share)
    for sender in (desk.sender, desk.mails, desk.queues):
        sender.worker.start()
    yield desk
    await desk.queues.worker.stop()
    for sender in (desk.sender, desk.mails):
        await sender.worker.stop()
        await sender.close()
    await desk.webhooks.close()
    await desk.resolver.close()
    await database.close()
    desk.close()


@pytest.fixture
async def desk(notify_url: str) -> AsyncIterator[Desk]:
    """The desk of the test."""
    async with desk_on(notify_url) as desk:
        yield desk
