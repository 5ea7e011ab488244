"""Waiting for what must come true, never for a length of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")
PATIENCE = 60.0
"""Seconds after which what has not come true never will, also on a machine that has too much to do."""

POLL_SECONDS = 0.02
MOST_POLL_SECONDS = 0.25
"""What has not come true for a while is asked for more seldom: fifty requests a second cost more than most tests."""
TIMES = 3
"""How many times as long as an answer takes nobody asks again: what is asked is busy with the answer itself."""


def eventually(probe: Callable[[], ResultT | None], what: str = "", *, seconds: float = PATIENCE) -> ResultT:
    """Return the probe's first true result.

    Raises:
        AssertionError: none came in time; the message carries the last result.
    """
    begun = asked = time.monotonic()
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > begun + seconds:
            raise AssertionError(f"{what or 'the condition'} did not come true within {seconds:g} s: {result!r}")
        time.sleep(_pause(begun, asked))
        asked = time.monotonic()


async def answers(
    ask: Callable[[], Awaitable[ResultT | None]], what: str = "", *, seconds: float = PATIENCE
) -> ResultT:
    """Return the first true answer, as `eventually` does, while the event loop goes on."""
    begun = asked = time.monotonic()
    while not (result := await ask()):
        if time.monotonic() > begun + seconds:
            raise AssertionError(f"{what or 'the condition'} did not come true within {seconds:g} s: {result!r}")
        await asyncio.sleep(_pause(begun, asked))
        asked = time.monotonic()
    return result


async def come_true(probe: Callable[[], ResultT | None], what: str = "", *, seconds: float = PATIENCE) -> ResultT:
    """Return the probe's first true result, as `eventually` does, while the event loop goes on."""

    async def ask() -> ResultT | None:
        return probe()

    return await answers(ask, what, seconds=seconds)


def _pause(begun: float, asked: float) -> float:
    """Return how long to wait before the next question."""
    now = time.monotonic()
    return min(max((now - begun) / 4, TIMES * (now - asked), POLL_SECONDS), MOST_POLL_SECONDS)
