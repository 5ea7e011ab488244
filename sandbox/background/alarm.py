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
        # not wait_for: before Python 3.12 it loses a cancellation that comes as the alarm rings
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._rung.wait()
        self._rung.clear()
