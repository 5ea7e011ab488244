"""Delivers events: signed by Standard Webhooks, retried on the published schedule, every attempt logged."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import datetime, timedelta

import httpx
from cryptography.fernet import MultiFernet
from standardwebhooks import Webhook

from mesh import context
from mesh.database import Database
from mesh.ids import Clock, utc_now
from mesh.telemetry import get_logger
from mesh.worker import Worker
from notify_svc import domain, mapping
from notify_svc.domain import Attempt, Delivery, UrlRefusedError
from notify_svc.repository import NotifyRepository

log = get_logger(__name__)
LEASE_MARGIN = timedelta(seconds=10)
"""How much longer than an attempt a delivery stays with its process; when that died, it is tried again after it."""

MAX_ANSWER = 500
"""How many bytes of the merchant's answer are read and kept."""


class Sender:
    """Posts due deliveries to merchants' servers."""

    def __init__(
        self,
        database: Database,
        store: NotifyRepository,
        vault: MultiFernet,
        *,
        timeout: float,
        concurrency: int,
        allow_http: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._timeout = timeout
        self._lease = timedelta(seconds=timeout) + LEASE_MARGIN
        self._concurrency = concurrency
        self._allow_http = allow_http
        self._clock = clock
        self._under_way: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            headers={"user-agent": "FusionXPay-Webhooks/1", "content-type": "application/json"},
        )
        self.worker = Worker("webhook-sender", self._send_due, interval=2.0)

    async def close(self) -> None:
        """End what is under way and close the connections; unfinished deliveries are tried again later."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._timeout)
        await self._http.aclose()

    async def _send_due(self) -> bool:
        """Start what is due, as much as there is room for; each end of a delivery looks for the next."""
        room = self._concurrency - len(self._under_way)
        if room <= 0:
            return False
        now = self._clock()
        async with self._database.session() as session:
            due = await self._store.claim_due(session, now, now + self._lease, room)
        for delivery in due:
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return False

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery failed on our side", exc_info=error)
        self.worker.wake()

    async def _deliver(self, delivery: Delivery) -> None:
        context.enter(context.Call(trace_id=delivery.trace_id))
        now = self._clock()
        attempt = await self._attempt(delivery, now)
        attempts = delivery.attempts + 1
        again = None if attempt.succeeded else domain.next_attempt(attempts, now)
        status = "DELIVERED" if attempt.succeeded else "PENDING" if again else "FAILED"
        async with self._database.session() as session:
            await self._store.finish(session, delivery, attempt, now, status, again)
        log.info(
            "delivery",
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            order_id=delivery.order_id,
            endpoint_id=delivery.endpoint_id,
            attempt=attempts,
            http_status=attempt.status,
            status=status,
            duration_ms=round(attempt.duration_ms, 3),
        )

    async def _attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        """Post the event once. Whatever the other side does, the answer is an attempt, never an exception."""
        started = time.perf_counter()
        try:
            # the rules may have become stricter since the endpoint was registered
            domain.check_url(delivery.url, allow_http=self._allow_http)
            async with asyncio.timeout(self._timeout):
                status, answer = await self._post(delivery, now)
        except (httpx.HTTPError, httpx.InvalidURL, UrlRefusedError, TimeoutError, OSError) as error:
            status, answer = 0, repr(error)[:MAX_ANSWER]
        return Attempt(status, (time.perf_counter() - started) * 1000, answer)

    async def _post(self, delivery: Delivery, now: datetime) -> tuple[int, str]:
        body = mapping.webhook_body(delivery.payload)
        headers = self._signature(delivery, body, now)
        async with self._http.stream("POST", delivery.url, content=body, headers=headers) as response:
            answer = b""
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) >= MAX_ANSWER:
                    break
            return response.status_code, answer[:MAX_ANSWER].decode(errors="replace").replace("\x00", "")

    def _signature(self, delivery: Delivery, body: bytes, now: datetime) -> dict[str, str]:
        """Return the Standard Webhooks headers; the id is the event's, so a receiver can absorb repetitions."""
        secret = self._vault.decrypt(delivery.secret).decode()
        key = base64.b64decode(secret.removeprefix(domain.SECRET_PREFIX))
        message_id = str(delivery.event_id)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(key).sign(message_id, now, body.decode()),
        }
