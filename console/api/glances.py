"""What many people look at again and again, and what is long to count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from console.clients.merchant_api import ApiError, Json
from mesh.telemetry import get_logger

log = get_logger(__name__)

FAILED: Json = {"has_failed": True}
"""What is kept of a count that failed."""
FAILED_SECONDS = 10.0
"""For so long: who looks again meanwhile begins no other one."""


class Orders:
    """Of which orders payments are, as far as this process has seen it: that never changes.

    Who knows it can ask for both at once. It opens nothing: each is asked for with the session's own key.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: dict[str, str] = {}

    def get(self, payment_id: str) -> str:
        """Return the order of a payment; empty where it is not known."""
        return self._known.get(payment_id, "")

    def keep(self, payment_id: str, order_id: str) -> None:
        """Remember one; the oldest makes room."""
        self._known.pop(payment_id, None)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[payment_id] = order_id


class Glances:
    """Keeps what was counted for as long as nobody minds, in this process."""

    def __init__(self, seconds: float = 60.0, most: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep `most` of them, each for some seconds."""
        self._seconds, self._most, self._clock = seconds, most, clock
        # oldest first, each with when it is too old
        self._kept: dict[Hashable, tuple[float, Json]] = {}
        self._counting: dict[Hashable, asyncio.Task[Json]] = {}

    def get(self, key: Hashable) -> Json | None:
        """Return what was counted, unless that is too long ago."""
        until, found = self._kept.get(key, (0.0, None))
        return found if found is not None and self._clock() < until else None

    def counted(self, key: Hashable, count: Callable[[], Coroutine[Any, Any, Json]]) -> asyncio.Task[Json]:
        """Count, once for all who ask meanwhile, and keep what was found: FAILED for a moment where that failed.

        It goes on though nobody waits for it.
        """
        if running := self._counting.get(key):
            return running

        async def kept() -> Json:
            try:
                found = await count()
            except Exception as error:
                # others ask too, and are not told what this one's session was
                log.warning("a count has failed", exc_info=not isinstance(error, ApiError), error=str(error))
                self.keep(key, FAILED, FAILED_SECONDS)
                return FAILED
            self.keep(key, found)
            return found

        def ended(_: asyncio.Task[Json]) -> None:
            del self._counting[key]

        task = self._counting[key] = asyncio.create_task(kept())
        task.add_done_callback(ended)
        return task

    def keep(self, key: Hashable, found: Json, seconds: float | None = None) -> None:
        """Keep what was counted now; the oldest makes room."""
        self._kept.pop(key, None)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock() + (seconds or self._seconds), found)
