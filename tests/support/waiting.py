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


def eventually(probe: Callable[[], ResultT | None], what: str = "", *, seconds: float = PATIENCE) -> ResultT:
    """Return the probe's first true result.

    Raises:
        AssertionError: none came in time; the message carries the last result.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'the condition'} did not come true within {seconds:g} s: {result!r}")
        time.sleep(POLL_SECONDS)


async def answers(
    ask: Callable[[], Awaitable[ResultT | None]], what: str = "", *, seconds: float = PATIENCE
) -> ResultT:
    """Return the first true answer, as `eventually` does, while the event loop goes on."""
    deadline = time.monotonic() + seconds
    while not (result := await ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'the condition'} did not come true within {seconds:g} s: {result!r}")
        await asyncio.sleep(POLL_SECONDS)
    return result


async def come_true(probe: Callable[[], ResultT | None], what: str = "", *, seconds: float = PATIENCE) -> ResultT:
    """Return the probe's first true result, as `eventually` does, while the event loop goes on."""

    async def ask() -> ResultT | None:
        return probe()

    return await answers(ask, what, seconds=seconds)
