"""The background sender of webhooks."""

import asyncio
import time
from collections.abc import Mapping

import httpx

from sandbox.background.alarm import Alarm
from sandbox.background.outbox import Delivery, Outbox
from sandbox.logs import log
from sandbox.provider import Provider
from sandbox.store.database import Database
from sandbox.store.documents import Documents
from sandbox.web.replies import pretty

_TIMEOUT_SECONDS = 10.0
_AT_ONCE = 32


class WebhookSender:
    """Delivers what is due, woken by each commit; never polls."""

    def __init__(
        self, database: Database, outbox: Outbox, documents: Documents, providers: Mapping[str, Provider]
    ) -> None:
        self._outbox = outbox
        self._documents = documents
        self._providers = providers
        self._alarm = Alarm()
        self._running: set[asyncio.Task[None]] = set()
        database.on_commit(self._alarm.ring)

    async def work(self) -> None:
        """Send for ever; cancelled on shutdown, when unfinished deliveries stay queued."""
        limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False, limits=limits) as client,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                for delivery in self._claim():
                    task = tasks.create_task(self._deliver(client, delivery))
                    self._running.add(task)
                    task.add_done_callback(self._done)
                await self._alarm.wait(self._outbox.next_due() if self._free() else None)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._alarm.ring()

    def _free(self) -> int:
        return _AT_ONCE - len(self._running)

    def _claim(self) -> list[Delivery]:
        due = self._outbox.next_due()
        ready = self._free() and due is not None and due <= time.time()
        return self._outbox.claim(self._free()) if ready else []

    async def _deliver(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        started = time.time()
        status, error = await self._post(client, delivery)
        duration_ms = round((time.time() - started) * 1000, 1)
        attempt = {"time": started, "status": status, "error": error, "duration_ms": duration_ms}
        outcome = self._outbox.finish(delivery, attempt)
        event = delivery.event
        log(
            "webhook",
            level="info" if outcome == "delivered" else "warning",
            tags=event.tags,
            provider=event.provider,
            object=event.object_id,
            event_type=event.type,
            event_id=event.id,
            attempt=delivery.attempts + 1,
            status=status,
            error=error,
            outcome=outcome,
            duration_ms=duration_ms,
        )

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> tuple[int | None, str | None]:
        provider = self._providers[delivery.event.provider]
        body = self._body(delivery)
        signature = provider.sign(body + b" " if delivery.corrupt else body)
        headers = {"Content-Type": "application/json; charset=utf-8", **signature}
        try:
            answer = await client.post(provider.webhook_url(), content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, type(error).__name__
        return answer.status_code, None

    def _body(self, delivery: Delivery) -> bytes:
        document = self._documents.get(delivery.event.id)
        return pretty(document.body if document else {})
