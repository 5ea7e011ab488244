"""Compares the books of each provider day by day, without anybody asking: one replica at a time does it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from mesh.ids import Clock, utc_now
from mesh.storage.database import Database, Session
from mesh.telemetry import get_logger
from mesh.worker import Worker
from payment_svc.domain.comparison import Span, due
from payment_svc.providers.registry import Registry
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.comparisons import ComparisonRepository
from payment_svc.use_cases.reconciliation import Reconciliation

log = get_logger(__name__)
LOOK_SECONDS = 600.0
LEASE = timedelta(hours=1)
"""How long a comparison may take; for so long no other replica begins one of the same provider."""
AGAIN = timedelta(minutes=15)
"""How long is waited after one that came to no end."""
ANOTHER_TIME = timedelta(hours=2)
"""And for how long other days come first: one payment that a provider cannot say anything of stops no other day."""


class DailyComparisons:
    """Compares each day after it has ended and settled, and what differs daily until it does not any more.

    A comparison runs beside the loop's steps, as it may take longer than one of them may.
    """

    def __init__(
        self,
        database: Database,
        providers: Registry,
        reconciliation: Reconciliation,
        clock: Clock = utc_now,
        *,
        is_on: bool = True,
    ) -> None:
        self._database = database
        self._store = ComparisonRepository()
        self._providers = providers
        self._reconciliation = reconciliation
        self._clock = clock
        self._is_on = is_on
        self._running: asyncio.Task[None] | None = None
        self._failed: dict[tuple[str, Span], datetime] = {}
        self.worker = Worker("book-comparisons", self.step, interval=LOOK_SECONDS, at_end=self._stop)

    async def step(self) -> bool:
        """Begin the next comparison that is due, unless one is under way; its end wakes the loop."""
        if not self._is_on or (self._running and not self._running.done()):
            return False
        for provider in self._providers.all():
            span = await self._turn(provider)
            if span:
                self._running = asyncio.create_task(self._compare(provider.name, span), name="book-comparison")
                break
        return False

    async def ended(self) -> None:
        """Wait until the comparison under way has ended."""
        if self._running:
            await asyncio.wait([self._running])

    async def _turn(self, provider: ResilientProvider) -> Span | None:
        """Return what is due of a provider, when nobody else is at it."""
        async with self._database.session() as session:
            await self._store.know(session, provider.name)
            span = await self._due(session, provider)
            if span is None or not await self._store.take_turn(session, provider.name, LEASE):
                return None
            # who had the turn before may have compared just that
            span = await self._due(session, provider)
            if span is None:
                await self._store.leave_turn(session, provider.name, timedelta(0))
            return span

    async def _due(self, session: Session, provider: ResilientProvider) -> Span | None:
        holding = await self._store.holding(session, provider.name)
        now = self._clock()
        self._failed = {one: when for one, when in self._failed.items() if now < when + ANOTHER_TIME}
        failed = {span for name, span in self._failed if name == provider.name}
        return due(holding, now, self._reconciliation.settled(provider), failed)

    async def _compare(self, name: str, span: Span) -> None:
        wait = AGAIN
        try:
            async with asyncio.timeout(LEASE.total_seconds()):
                found = await self._reconciliation.compare(name, *span)
            wait = timedelta(0)
            log.info("books compared", provider=name, since=span[0], until=span[1], differ=len(found.discrepancies))
        except Exception as error:
            # the age of the newest comparison is what somebody is told of
            self._failed[name, span] = self._clock()
            log.warning("books not compared", provider=name, since=span[0], until=span[1], error=repr(error))
        finally:
            await self._leave(name, wait)
            self.worker.wake()

    async def _leave(self, name: str, wait: timedelta) -> None:
        async with self._database.session() as session:
            await self._store.leave_turn(session, name, wait)

    async def _stop(self) -> None:
        if self._running:
            self._running.cancel()
            await self.ended()
