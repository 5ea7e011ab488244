"""Background loops: woken when there is work, else looking now and then, and never dying of an exception."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

from mesh import context
from mesh.metrics import WORKER_FAILURES, WORKER_SUCCESS
from mesh.telemetry import get_logger

log = get_logger(__name__)
MAX_BACKOFF = 10.0
LEAST_BACKOFF = 1.0
"""How long a loop that fails pauses at least, whoever wakes it."""
STEP_SECONDS = 120.0
"""How long a step may take. What it waits for has shorter bounds of its own; this one is for what was overlooked."""

TOGETHER_SECONDS = 1.0
"""Loops that pause for as long or longer end their pauses at multiples of it, and so together."""
EARLY_SECONDS = 0.05
TURN_SECONDS = 0.1
LEAST_REST, LONGEST_REST, REST_TIMES = 0.02, 0.06, 4
"""Between batches: seconds, and how many times as long as one took."""
LEAST_COMING = 1
"""How many are to be expected in a rest: for fewer nobody is held up."""
PACE_SECONDS = 0.5
"""Over which time it is counted how many come."""

ResultT = TypeVar("ResultT")


class Turn:
    """What looks now and then at the same moment looks one after the other: one connection to the database is enough.

    A turn is waited for a moment only: what takes long holds up nothing.
    """

    _locks: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._lock: asyncio.Lock | None = None

    async def __aenter__(self) -> Turn:
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        with suppress(TimeoutError):
            async with asyncio.timeout(TURN_SECONDS):
                await lock.acquire()
                self._lock = lock
        return self

    async def __aexit__(self, *_: object) -> None:
        self.give_up()

    def give_up(self) -> None:
        """Let the next one begin."""
        lock, self._lock = self._lock, None
        if lock:
            lock.release()


class Worker:
    """Runs `step` again and again: at once while it returns True, else when woken or after `interval` seconds.

    A step that raises is tried again with growing delays: a database or broker that is down must not end the loop. It
    is logged once, and counted from then on.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        interval: float | Callable[[], float],
        *,
        at_end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Make a loop; `at_end` runs when it was stopped, within the time that its last step has.

        An interval that depends on what there is to do is asked for after each step: who shortens it wakes the loop.
        """
        self.name = name
        self._at_end = at_end
        self._step = step
        self._interval = interval
        self._wake = asyncio.Event()
        self._stopping = False
        self._ended = asyncio.Event()
        self._last_error = ""
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[Any] | None = None
        self._turn = Turn()
        WORKER_FAILURES.labels(name)
        WORKER_SUCCESS.labels(name).set_to_current_time()

    @property
    def is_stopping(self) -> bool:
        """Whether nothing new is to be begun."""
        return self._stopping

    @property
    def interval(self) -> float:
        """How long it pauses as things are now, in seconds."""
        return self._interval() if callable(self._interval) else self._interval

    def wake(self) -> None:
        """Say that there is work now."""
        self._wake.set()

    def start(self) -> None:
        """Start the loop."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, seconds: float = 10.0) -> None:
        """End the loop after the step under way, which is given so long; a step that only waits ends at once."""
        self._stopping = True
        self._wake.set()
        self._ended.set()
        if self._idle:
            self._idle.cancel()
        if self._task:
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()

    async def idle(self, waiting: Awaitable[ResultT]) -> ResultT:
        """Wait, inside a step, for something that may be given up when the worker stops."""
        self._turn.give_up()
        future: asyncio.Future[ResultT] = asyncio.ensure_future(waiting)
        self._idle = future
        try:
            return await future
        finally:
            self._idle = None

    async def _run(self) -> None:
        failures, more = 0, False
        while not self._stopping:
            is_woken = more or self._wake.is_set()
            self._wake.clear()
            context.enter(context.Call(trace_id=secrets.token_hex(16), method=self.name))
            try:
                async with asyncio.timeout(STEP_SECONDS), nullcontext() if is_woken else self._turn:
                    more = await self._step()
            except Exception as error:
                task = asyncio.current_task()
                if task and task.cancelling():
                    # what was under way has made an error of its own of the cancellation, which comes only once
                    raise asyncio.CancelledError from error
                failures += 1
                more = False
                self._tell(error, failures)
            else:
                if failures:
                    log.info("worker goes on", worker=self.name, failures=failures)
                failures, self._last_error = 0, ""
                WORKER_SUCCESS.labels(self.name).set_to_current_time()
            if not more:
                await self._rest(failures)
        if self._at_end:
            try:
                await self._at_end()
            except Exception as error:
                log.warning("worker ended with something left", worker=self.name, error=repr(error))

    def _tell(self, error: Exception, failures: int) -> None:
        """Log an error once; while it stays the same, it is counted only."""
        WORKER_FAILURES.labels(self.name).inc()
        said = repr(error)
        # what is within an error, such as how many of how many, changes each time
        if type(error).__name__ != self._last_error:
            self._last_error = type(error).__name__
            log.warning("worker step failed", worker=self.name, failures=failures, error=said)

    async def _rest(self, failures: int) -> None:
        seconds = pause(self.interval, failures)
        if failures:
            # whoever wakes a loop that fails must not have it fail without a pause
            await _until(self._ended, min(LEAST_BACKOFF, seconds))
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        await _until(self._wake, together(asyncio.get_running_loop().time(), seconds))


class Pace:
    """How much comes to a loop that works in batches, and so how long it rests after one.

    Many in a batch cost little more than a few, here and wherever they go. So the busier the machine, the longer it is
    waited for more. Where so little is asked for that hardly anything would come, what comes next does not wait.
    """

    def __init__(self) -> None:
        self._per_second = 0.0
        self._told = -math.inf

    def rest(self, count: int, began: float, now: float) -> float:
        """Return the seconds to rest after a batch of so many, begun and ended at these times."""
        self._per_second *= math.exp((self._told - now) / PACE_SECONDS)
        self._per_second += count / PACE_SECONDS
        self._told = now
        seconds = min(max(REST_TIMES * (now - began), LEAST_REST), LONGEST_REST)
        return seconds if self._per_second * seconds > LEAST_COMING else 0.0


def together(now: float, seconds: float) -> float:
    """Return how long to pause instead of so many seconds: until a full second, and hardly longer.

    So a process that has nothing to do wakes once for all that is due, and not for each.
    """
    if seconds < TOGETHER_SECONDS:
        return seconds
    # whoever wakes a moment before a full second is not to wake again at it
    return (now + seconds + EARLY_SECONDS) // TOGETHER_SECONDS * TOGETHER_SECONDS - now


def pause(interval: float, failures: int) -> float:
    """Return how long a loop rests: its interval, and longer after failures, but then no longer than the most."""
    return min(MAX_BACKOFF, interval * 2 ** min(failures, 6)) if failures else interval


async def _until(event: asyncio.Event, seconds: float) -> None:
    # not wait_for: before Python 3.12 it loses a cancellation that comes as the event does
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
