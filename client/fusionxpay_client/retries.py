"""When a call is made again: never without a key or after its deadline, and later each time."""

from __future__ import annotations

import random
import sys
import time
from typing import Self

import grpc

from fusionxpay_client.errors import STILL_RUNS, FusionXPayError

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Attempts:
    """The attempts of one call, which share its deadline. Times are in seconds; without a `timeout` there is no end.

    Only calls that change nothing, or carry an idempotency key, may be made again: the caller sees to that. An attempt
    of the call that still runs is waited for until the deadline, however many retries there are.
    """

    def __init__(self, timeout: float | None, retries: int, *, comes_back: bool = False) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout
        self._retries = retries
        self._comes_back = comes_back
        self._first = True
        self._pause = FIRST_PAUSE

    @classmethod
    def of_what_was_open(cls) -> Self:
        """Return the attempts to open a stream again, which do not end: a place that it had comes back too."""
        return cls(None, sys.maxsize, comes_back=True)

    @property
    def remaining(self) -> float | None:
        """How much of the time is left."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def pause_after(self, error: FusionXPayError) -> float:
        """Return how long to wait before the next attempt. Raises the error when there is none."""
        # jitter, so that clients that were cut off together do not come back together
        pause = max(random.uniform(self._pause / 2, self._pause), error.retry_after or 0.0)  # noqa: S311
        remaining = self.remaining
        waits = error.reason == STILL_RUNS and not self._first
        passes = error.passes or (self._comes_back and error.code is grpc.StatusCode.RESOURCE_EXHAUSTED)
        if not passes or not (self._retries or waits) or (remaining is not None and pause >= remaining):
            raise error
        self._retries -= 0 if waits else 1
        self._first = False
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return pause
