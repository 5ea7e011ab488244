"""Waiting without polling."""

import asyncio
import time
from contextlib import suppress


class Alarm:
    """Sleeps until a wall-clock moment, or until somebody rings."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter now; remembered when nobody waits yet."""
        self._rung.set()

    async def wait(self, until: float | None) -> None:
        """Return at `until` (never, when None) or as soon as the alarm rings."""
        delay = None if until is None else max(0.0, until - time.time())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), delay)
        self._rung.clear()
