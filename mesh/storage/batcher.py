"""Group commit: what is asked for while the database is busy goes to it together, in one statement.

Under load a statement for thirty rows costs little more than one for a single row, in this process, in PostgreSQL and
on the disk. An item that comes after a while is not held back, but for those of the same turn of the loop; one that
comes right after a batch is, for as long as that one took.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from mesh.errors import is_outage

LONGEST_REST_SECONDS = 0.02
"""How long the next batch waits after one of several items at the most; else as long as that one took: so more go
together."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Batcher(Generic[ItemT, ResultT]):
    """Hands items to `flush` in batches, and each caller its own result.

    A batch that fails is tried again item by item, so that one caller's bad item fails nobody else: `flush` must have
    no effect when it raises. Where it raises that something is out of reach, all its callers are told so at once: one
    by one they would wait for the same silence again and again.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        *,
        max_size: int = 64,
        patience: float = 0.0,
    ) -> None:
        """Have a batch wait for so many seconds for what else comes, where nobody is in a hurry."""
        self._flush = flush
        self._patience = patience
        self._max_size = max_size
        self._waiting: list[tuple[ItemT, asyncio.Future[ResultT]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: ItemT) -> ResultT:
        """Return the item's result, or raise what its flush raised. A caller that is cancelled stops nothing."""
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._start()
        return await future

    def _start(self) -> None:
        if self._waiting and self._running is None:
            self._running = asyncio.create_task(self._next())
            self._running.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._running = None
        self._start()

    async def _next(self) -> None:
        """Flush what waits when this begins to run: those who were woken together go together."""
        if self._patience:
            await asyncio.sleep(self._patience)
        batch, self._waiting = self._waiting[: self._max_size], self._waiting[self._max_size :]
        began = time.monotonic()
        await self._run(batch)
        if 1 < len(batch) < self._max_size:
            # one by itself means that few come: who comes next would wait for nobody
            await asyncio.sleep(min(time.monotonic() - began, LONGEST_REST_SECONDS))

    async def _run(self, batch: Sequence[tuple[ItemT, asyncio.Future[ResultT]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not is_outage(error):
                for pair in batch:
                    await self._run([pair])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
