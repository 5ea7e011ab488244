"""One loop of recovery, whatever is recovered: takes what is due, looks at each alone, says when to look again.

Several replicas may run it: what is due is claimed for a while, and no transaction is open while a provider is asked.
It works in a running window: something slow takes one place, and holds up nothing behind it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from mesh import context
from mesh.errors import ApiError
from mesh.storage.database import Database
from mesh.telemetry import get_logger
from mesh.worker import Worker
from payment_svc.providers.base import ProviderError
from payment_svc.storage.measures import MeasureRepository

log = get_logger(__name__)
WINDOW = 16
LOOK_SECONDS = 2.0
"""How often it is looked whether something is due."""
INTERVAL_SECONDS = 30.0
"""How often a loop looks by itself, told or not."""
ItemT = TypeVar("ItemT")


class Subject(Protocol[ItemT]):
    """What is recovered."""

    name: str

    async def claim(self, limit: int) -> Sequence[ItemT]:
        """Take what is due; no other replica sees it for a while."""
        ...

    def call_of(self, item: ItemT) -> context.Call:
        """Return what it is worked on for, as the log and the timeline say."""
        ...

    async def check(self, item: ItemT) -> None:
        """Learn how it stands, and act on that."""
        ...

    async def reschedule(self, item: ItemT) -> bool | None:
        """Say when to look again, unless it has ended. Return whether others had to wait for this one's place."""
        ...


def recovering(merchant_id: object = "") -> context.Call:
    """Return the call of what the gateway finds out by itself."""
    return context.Call(secrets.token_hex(16), merchant_id=str(merchant_id), method="recovery")


class Recovery(Generic[ItemT]):
    """Runs the loop for one subject."""

    def __init__(self, subject: Subject[ItemT], window: int = WINDOW) -> None:
        self._subject = subject
        self._window = window
        self._running: set[asyncio.Task[None]] = set()
        self._kept = 0
        self.worker = Worker(subject.name, self.step, interval=INTERVAL_SECONDS)

    async def step(self) -> bool:
        """Start what is due and has a place; return whether there may be more."""
        if self._free <= 0 and self._running:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        free = max(self._free, 0)
        due = await self._subject.claim(free) if free else ()
        for item in due:
            self._start(item)
        return bool(free) and len(due) == free

    def keep_place(self) -> bool:
        """Keep a place for something that is claimed by who stores it; False when there is none."""
        kept = self._free > 0 and not self.worker.is_stopping
        self._kept += kept
        return kept

    def take_place(self, item: ItemT | None) -> None:
        """Begin with what a place was kept for; None: nothing came of it."""
        if self._free <= 0:
            # who is due may have found no place
            self.worker.wake()
        self._kept -= 1
        if item is not None:
            self._start(item)

    @property
    def _free(self) -> int:
        return self._window - len(self._running) - self._kept

    def _start(self, item: ItemT) -> None:
        task = asyncio.create_task(self._safely(item))
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)

    async def _safely(self, item: ItemT) -> None:
        subject = self._subject
        context.enter(subject.call_of(item))
        try:
            await subject.check(item)
        except (ProviderError, ApiError) as error:
            log.warning("look-up failed", subject=subject.name, error=repr(error))
        except Exception as error:
            log.error("look-up failed", subject=subject.name, exc_info=error)
        finally:
            # however it ended: a subject may have kept a place for it
            await self._reschedule(item)

    async def _reschedule(self, item: ItemT) -> None:
        try:
            if await self._subject.reschedule(item):
                self.worker.wake()
        except Exception as error:
            # it comes again when its claim is over
            log.warning("not rescheduled", subject=self._subject.name, error=repr(error))


class DueWatch:
    """One look for all loops: wakes those of which something is due. Alone each would look as often."""

    def __init__(self, database: Database, store: MeasureRepository, loops: Sequence[Worker]) -> None:
        """`loops` are of webhooks, payments, operations and refunds."""
        self._database = database
        self._store = store
        self._loops = loops
        self.worker = Worker("due-watch", self._look, interval=LOOK_SECONDS)

    async def _look(self) -> bool:
        async with self._database.session() as session:
            due = await self._store.due(session)
        for is_due, loop in zip(due, self._loops, strict=True):
            if is_due:
                loop.wake()
        return False
