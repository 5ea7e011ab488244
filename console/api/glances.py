"""What many people look at again and again, and what is long to count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from console.clients.merchant_api import Json


class Glances:
    """Keeps what was counted for as long as nobody minds, in this process."""

    def __init__(self, seconds: float = 60.0, most: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep `most` of them, each for some seconds."""
        self._seconds, self._most, self._clock = seconds, most, clock
        # oldest first
        self._kept: dict[Hashable, tuple[float, Json]] = {}
        self._counting: dict[Hashable, asyncio.Task[Json]] = {}

    def get(self, key: Hashable) -> Json | None:
        """Return what was counted, unless that is too long ago."""
        time_kept, found = self._kept.get(key, (0.0, None))
        return found if found is not None and self._clock() - time_kept < self._seconds else None

    def counted(self, key: Hashable, count: Callable[[], Coroutine[Any, Any, Json]]) -> asyncio.Task[Json]:
        """Count, once for all who ask meanwhile, and keep what was found. It goes on though nobody waits for it."""
        if running := self._counting.get(key):
            return running

        async def kept() -> Json:
            found = await count()
            self.keep(key, found)
            return found

        def ended(task: asyncio.Task[Json]) -> None:
            del self._counting[key]
            if not task.cancelled():
                # who waits is told; where nobody does, the next look counts anew
                task.exception()

        task = self._counting[key] = asyncio.create_task(kept())
        task.add_done_callback(ended)
        return task

    def keep(self, key: Hashable, found: Json) -> None:
        """Keep what was counted now; the oldest makes room."""
        self._kept.pop(key, None)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock(), found)
