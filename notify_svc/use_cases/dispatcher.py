"""Delivers events: endpoints take turns, failures are retried on the published schedule, every attempt is logged."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from mesh import context, tracing
from mesh.rpc.shares import PART, ROOM
from mesh.storage.database import Database
from mesh.telemetry import alert, get_logger
from mesh.tracing import names
from mesh.worker import Worker
from notify_svc.contract import events as facts
from notify_svc.domain import delivery as domain
from notify_svc.domain.delivery import Attempt, Channel, Delivery, DeliveryStatus, NoAnswer
from notify_svc.domain.endpoint import DisableReason, Kind
from notify_svc.metrics import ATTEMPTS, DELIVERED_SECONDS, DELIVERY_FAILED_HERE, ENDPOINT_DISABLED, FIRST_SECONDS
from notify_svc.storage.deliveries import DeliveryRepository, Room
from notify_svc.storage.endpoints import EndpointRepository
from notify_svc.use_cases.fan_out import FanOut, Reached
from notify_svc.use_cases.queues import Queues

log = get_logger(__name__)
LEASE_MARGIN = timedelta(seconds=10)
"""How much longer than an attempt a delivery stays with its process; when that died, it is tried again after it."""

INTERVAL_SECONDS = 30.0
"""How often all queues are looked into, whether or not anybody has said that something is due: `DueWatch` does."""
FAILING_SHARE = 2
"""How many deliveries are under way at once to an endpoint that has been failing: enough to see it come back."""
APART_PART = 2
"""Which part of all the room endpoints that have been failing, and slow ones, get at the most: the half."""
SLOW_SECONDS = 1.0
"""How long an endpoint takes that counts as slow from then on, until it is faster: those that work keep their share."""
SLOW_FOR_SECONDS = 600.0
"""For how long after its last answer: while there is any, all that is due takes two statements."""
MAX_SLOW = 10_000


def _chance() -> float:
    return secrets.randbelow(1001) / 1000


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """What one dispatcher brings, and how many at once, so that none holds up another."""

    name: str
    channels: Mapping[Kind, Channel]
    timeout: float
    """How long an attempt may take, in seconds."""
    concurrency: int
    """How many deliveries are under way at once."""
    share: int
    """How many of them one endpoint gets."""
    merchant_share: int
    """How many of them one merchant gets."""


class Dispatcher:
    """Brings due deliveries by the channels of its bulkhead.

    All are woken when it has put an event of its own into the log: that an endpoint was disabled.
    """

    def __init__(
        self,
        database: Database,
        store: DeliveryRepository,
        endpoints: EndpointRepository,
        fan_out: FanOut,
        bulkhead: Bulkhead,
        queues: Queues,
        *,
        chance: Callable[[], float] = _chance,
    ) -> None:
        self._database = database
        self._store = store
        self._endpoints = endpoints
        self._fan_out = fan_out
        self._queues = queues
        self._channels = bulkhead.channels
        self._timeout = bulkhead.timeout
        self._lease = timedelta(seconds=bulkhead.timeout) + LEASE_MARGIN
        self._concurrency = bulkhead.concurrency
        self._share = bulkhead.share
        self._chance = chance
        self._under_way: set[asyncio.Task[bool]] = set()
        of_all = max(bulkhead.concurrency // PART, 1)
        self._parts = (
            (bulkhead.concurrency - bulkhead.concurrency // ROOM, bulkhead.merchant_share),
            (bulkhead.concurrency, min(bulkhead.merchant_share, of_all)),
        )
        """How many places are taken when a merchant has how many at the most."""
        self._busy: Counter[UUID] = Counter()
        self._busy_merchants: Counter[UUID] = Counter()
        self._slow: dict[UUID, float] = {}
        self._apart = 0
        self._look_apart = True
        self._looked_at_all = -INTERVAL_SECONDS
        self.worker = Worker(bulkhead.name, self._send_due, interval=INTERVAL_SECONDS)

    def wake(self, *, failing: bool = True) -> None:
        """Say that something may be due; with `failing` also at endpoints that have been failing."""
        self._look_apart |= failing or bool(self._slow)
        self.worker.wake()

    def tell(self, reached: Reached) -> None:
        """Say whom new events reach: who brings them to nobody looks for nothing."""
        if mine := [failing for kind, failing in reached if kind in self._channels]:
            self.wake(failing=any(mine))

    async def close(self) -> None:
        """End what is under way; unfinished deliveries are tried again later."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._timeout)

    async def _send_due(self) -> bool:
        """Start what is due, up to the concurrency; each end of a delivery looks for the next."""
        self._forget_slow()
        for apart in (False, True) if self._all_due() else (False,):
            for places, merchant_share in self._parts:
                free = places - len(self._under_way)
                if apart:
                    free = min(free, max(self._concurrency // APART_PART, 1) - self._apart)
                if free > 0 and await self._claim(free, merchant_share, apart=apart) < free:
                    # all that is due has begun, or its merchants have what they may have of more places, too
                    break
        return False

    async def _claim(self, free: int, merchant_share: int, *, apart: bool) -> int:
        """Start deliveries that are due, and return how many."""
        shares = self._share, min(self._share, FAILING_SHARE)
        room = Room(free, *shares, self._busy, merchant_share, self._busy_merchants, self._slow)
        async with self._database.session() as session:
            due = await self._store.claim_due(session, self._lease, self._channels.keys(), room, apart=apart)
        for delivery in due:
            self._start(delivery, apart=apart)
        return len(due)

    def _all_due(self) -> bool:
        """Whether endpoints that fail, and slow ones, are to be looked at as well: a statement of their own."""
        now = time.monotonic()
        due = self._look_apart or now >= self._looked_at_all + INTERVAL_SECONDS
        if due:
            self._look_apart, self._looked_at_all = False, now
        return due

    def _start(self, delivery: Delivery, *, apart: bool) -> None:
        self._busy[delivery.endpoint_id] += 1
        self._busy_merchants[delivery.merchant_id] += 1
        self._apart += apart
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way.add(task)
        task.add_done_callback(partial(self._ended, delivery, apart))

    def _ended(self, delivery: Delivery, apart: bool, task: asyncio.Task[bool]) -> None:
        self._under_way.discard(task)
        self._apart -= apart
        for busy, whose in ((self._busy, delivery.endpoint_id), (self._busy_merchants, delivery.merchant_id)):
            busy[whose] -= 1
            if not busy[whose]:
                del busy[whose]
        error = None if task.cancelled() else task.exception()
        if error:
            log.error("delivery failed on our side", exc_info=error)
        # an endpoint that has begun to fail with this one is looked at as such: what comes next may have waited for it
        begun = not task.cancelled() and error is None and task.result()
        self.wake(failing=begun or apart)

    async def _deliver(self, delivery: Delivery) -> bool:
        """Try once, and note what came of it; return whether the endpoint fails now."""
        span = _enter(delivery)
        attempt = await self._attempt(delivery)
        self._note_pace(delivery.endpoint_id, attempt)
        status, again = self._outcome(delivery, attempt)
        async with self._database.session() as session:
            await self._store.finish(session, delivery, attempt, status, again)
        _measure(delivery, attempt, status)
        # what a merchant's server does is no failure of ours
        error = "" if attempt.succeeded else str(attempt.status or "no answer")
        span.end(error, {names.HTTP_STATUS: attempt.status}, keep=attempt.ours)
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
        if reason := _reason_to_disable(delivery, attempt):
            await self._disable(delivery, reason)
        return not attempt.succeeded

    def _note_pace(self, endpoint_id: UUID, attempt: Attempt) -> None:
        self._slow.pop(endpoint_id, None)
        if attempt.duration_ms >= SLOW_SECONDS * 1000:
            self._slow[endpoint_id] = time.monotonic()

    def _forget_slow(self) -> None:
        """Forget who has had nothing to answer for long: the oldest is first."""
        while self._slow:
            oldest, since = next(iter(self._slow.items()))
            if len(self._slow) <= MAX_SLOW and time.monotonic() - since < SLOW_FOR_SECONDS:
                break
            del self._slow[oldest]

    async def _attempt(self, delivery: Delivery) -> Attempt:
        """Try once. What fails on our side, such as a secret that no key opens, is an attempt like every other."""
        started = time.perf_counter()
        try:
            return await self._channels[delivery.kind].attempt(delivery, delivery.claim_time)
        except Exception as error:
            alert(DELIVERY_FAILED_HERE, log, endpoint_id=delivery.endpoint_id, event_id=delivery.event_id)
            log.error("delivery failed on our side", endpoint_id=delivery.endpoint_id, exc_info=error)
            duration_ms = (time.perf_counter() - started) * 1000
            return Attempt(
                0,
                duration_ms,
                f"{NoAnswer.GATEWAY_FAILED}: it could not be sent by the gateway ({type(error).__name__})",
                ours=True,
            )

    def _outcome(self, delivery: Delivery, attempt: Attempt) -> tuple[DeliveryStatus, datetime | None]:
        """Return what becomes of a delivery, and when it is tried again."""
        if attempt.succeeded:
            return DeliveryStatus.DELIVERED, None
        tries, now = delivery.attempts + 1 - delivery.attempts_before, delivery.claim_time
        again = None if attempt.gone else domain.next_attempt(tries, now, self._chance())
        if again is None:
            return DeliveryStatus.FAILED, None
        return DeliveryStatus.PENDING, max(again, domain.retry_after(attempt.retry_after, now))

    async def _disable(self, delivery: Delivery, reason: DisableReason) -> None:
        """Disable an endpoint for what came of a delivery, unless it has recovered, or leads elsewhere, by now."""
        # two of one merchant's at once would wait for each other
        async with self._endpoints.alone(self._database, delivery.merchant_id) as session:
            failing_for = domain.GIVE_UP_AFTER if reason is DisableReason.FAILING else None
            disabled = await self._endpoints.disable(
                session, delivery.endpoint_id, reason, destination=delivery.destination, failing_for=failing_for
            )
            if disabled:
                # it is disabled by now, so this goes to the owner's others
                await self._fan_out.publish(session, [facts.disabled_event(disabled)])
        if disabled:
            self._queues.wake()
            await self._queues.cancel(delivery.endpoint_id)
            ENDPOINT_DISABLED.count()
            log.warning(
                "webhook endpoint disabled",
                endpoint_id=delivery.endpoint_id,
                kind=delivery.kind,
                reason=str(reason),
                failing_since=delivery.failing_since,
            )


def _enter(delivery: Delivery) -> tracing.Span:
    """Go on under the trace of what caused the event, in a span of the attempt."""
    if not tracing.is_on():
        context.enter(context.Call(trace_id=delivery.trace_id))
        return tracing.OFF
    context.enter(context.call_of(facts.trace_of_event(delivery.payload)))
    attributes: dict[str, tracing.Value] = {
        names.HTTP_METHOD: "POST",
        names.HTTP_RESEND: delivery.attempts,
        names.SERVER_ADDRESS: urlsplit(delivery.destination).hostname or "",
        names.MESSAGING_ID: str(delivery.event_id),
        names.EVENT_TYPE: delivery.event_type,
        names.ORDER: delivery.order_id,
    }
    span = tracing.start(f"POST {delivery.kind.lower()}", tracing.Kind.CLIENT, attributes)
    span.enter()
    return span


def _measure(delivery: Delivery, attempt: Attempt, status: DeliveryStatus) -> None:
    ATTEMPTS.labels(delivery.kind, status).inc()
    # by the database's clock, and what the attempt itself took
    seconds = (delivery.claim_time - delivery.event_time).total_seconds() + attempt.duration_ms / 1000
    if delivery.attempts == 0 and delivery.failing_since is None:
        FIRST_SECONDS.labels(delivery.kind).observe(max(seconds, 0.0))
    if status == DeliveryStatus.DELIVERED:
        DELIVERED_SECONDS.labels(delivery.kind).observe(max(seconds, 0.0))


def _reason_to_disable(delivery: Delivery, attempt: Attempt) -> DisableReason:
    """Return why nothing may go to an endpoint any more after an attempt, NONE when it may."""
    if attempt.gone:
        return DisableReason.GONE
    failing_since = None if attempt.succeeded or attempt.ours else delivery.failing_since
    if failing_since and delivery.claim_time - failing_since >= domain.GIVE_UP_AFTER:
        return DisableReason.FAILING
    return DisableReason.NONE
