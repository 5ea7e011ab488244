"""Delivers events: endpoints take turns, failures are retried on the published schedule, every attempt is logged."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from mesh import context
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database
from mesh.telemetry import ALERTS, get_logger
from mesh.worker import Worker
from notify_svc.contract import events as facts
from notify_svc.domain import delivery as domain
from notify_svc.domain.delivery import Attempt, Channel, Delivery, DeliveryStatus
from notify_svc.domain.endpoint import DisableReason, Kind
from notify_svc.storage.deliveries import DeliveryRepository
from notify_svc.storage.endpoints import EndpointRepository
from notify_svc.use_cases.fan_out import FanOut

log = get_logger(__name__)
LEASE_MARGIN = timedelta(seconds=10)
"""How much longer than an attempt a delivery stays with its process; when that died, it is tried again after it."""


def _chance() -> float:
    return secrets.randbelow(1001) / 1000


class Dispatcher:
    """Brings due deliveries by its channels: at most `share` at once to each endpoint, and `concurrency` in all.

    `wake` is called when it has put an event of its own into the log: that an endpoint was disabled.
    """

    def __init__(
        self,
        database: Database,
        store: DeliveryRepository,
        endpoints: EndpointRepository,
        fan_out: FanOut,
        channels: Mapping[Kind, Channel],
        *,
        name: str,
        wake: Callable[[], None],
        timeout: float,
        concurrency: int,
        share: int,
        clock: Clock = utc_now,
        chance: Callable[[], float] = _chance,
    ) -> None:
        self._database = database
        self._store = store
        self._endpoints = endpoints
        self._fan_out = fan_out
        self._channels = channels
        self._wake = wake
        self._timeout = timeout
        self._lease = timedelta(seconds=timeout) + LEASE_MARGIN
        self._concurrency = concurrency
        self._share = share
        self._clock = clock
        self._chance = chance
        self._under_way: set[asyncio.Task[None]] = set()
        self._busy: Counter[UUID] = Counter()
        self.worker = Worker(name, self._send_due, interval=2.0)

    async def close(self) -> None:
        """End what is under way; unfinished deliveries are tried again later."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._timeout)

    async def _send_due(self) -> bool:
        """Start what is due, up to the concurrency; each end of a delivery looks for the next."""
        free = self._concurrency - len(self._under_way)
        if free <= 0:
            return False
        now = self._clock()
        async with self._database.session() as session:
            due = await self._store.claim_due(
                session,
                now,
                now + self._lease,
                kinds=self._channels.keys(),
                limit=free,
                share=self._share,
                busy=self._busy,
            )
        for delivery in due:
            self._busy[delivery.endpoint_id] += 1
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way.add(task)
            task.add_done_callback(partial(self._ended, delivery.endpoint_id))
        return False

    def _ended(self, endpoint_id: UUID, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._busy[endpoint_id] -= 1
        if not self._busy[endpoint_id]:
            del self._busy[endpoint_id]
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery failed on our side", exc_info=error)
        self.worker.wake()

    async def _deliver(self, delivery: Delivery) -> None:
        context.enter(context.Call(trace_id=delivery.trace_id))
        now = self._clock()
        attempt = await self._channels[delivery.kind].attempt(delivery, now)
        status, again = self._outcome(delivery, attempt, now)
        async with self._database.session() as session:
            await self._store.finish(session, delivery, attempt, now, status, again)
        log.info(
            "delivery",
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            order_id=delivery.order_id,
            endpoint_id=delivery.endpoint_id,
            kind=delivery.kind,
            attempt=delivery.attempts + 1,
            http_status=attempt.status,
            status=status,
            duration_ms=round(attempt.duration_ms, 3),
        )
        if reason := _reason_to_disable(delivery, attempt, now):
            await self._disable(delivery, reason, now)

    def _outcome(self, delivery: Delivery, attempt: Attempt, now: datetime) -> tuple[DeliveryStatus, datetime | None]:
        """Return what becomes of a delivery, and when it is tried again."""
        if attempt.succeeded:
            return DeliveryStatus.DELIVERED, None
        tries = delivery.attempts + 1 - delivery.attempts_before
        again = None if attempt.gone else domain.next_attempt(tries, now, self._chance())
        if again is None:
            return DeliveryStatus.FAILED, None
        return DeliveryStatus.PENDING, max(again, domain.retry_after(attempt.retry_after, now))

    async def _disable(self, delivery: Delivery, reason: DisableReason, now: datetime) -> None:
        async with self._database.transaction() as session:
            disabled = await self._endpoints.disable(session, delivery.endpoint_id, reason, now)
            if disabled:
                # it is disabled by now, so this goes to the owner's others
                await self._fan_out.publish(session, [facts.disabled_event(disabled)])
        if disabled:
            self._wake()
            ALERTS.labels("webhook_endpoint_disabled").inc()
            log.warning(
                "webhook endpoint disabled",
                endpoint_id=delivery.endpoint_id,
                kind=delivery.kind,
                reason=str(reason),
                failing_since=delivery.failing_since,
            )


def _reason_to_disable(delivery: Delivery, attempt: Attempt, now: datetime) -> DisableReason:
    """Return why nothing may go to an endpoint any more after an attempt, NONE when it may."""
    if attempt.gone:
        return DisableReason.GONE
    if not attempt.succeeded and delivery.failing_since and now - delivery.failing_since >= domain.GIVE_UP_AFTER:
        return DisableReason.FAILING
    return DisableReason.NONE
