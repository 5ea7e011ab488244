"""Waiting for what must come true, never for a length of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")
PATIENCE = 30.0
POLL_SECONDS = 0.05


def eventually(probe: Callable[[], ResultT], what: str = "", *, seconds: float = PATIENCE) -> ResultT:
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
