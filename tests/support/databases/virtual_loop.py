"""An event loop whose clock jumps when nothing runs, and stands still while the database works.

Libraries for this (looptime) let the clock run while real I/O is under way, so that an answer of the database races
with every time-out. Here one statement is under way at a time, in an order that a seed decides: a schedule repeats.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import selectors
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

ResultT = TypeVar("ResultT")
SOON_SECONDS = 0.002
"""In real time: a statement that takes longer may wait for a lock."""
DEADLOCK_SECONDS = 0.05
"""In real time: longer than PostgreSQL takes to see a deadlock, as it is set here."""


class StuckError(Exception):
    """Nothing runs and nothing ever will."""


class Turnstile:
    """Lets one statement through at a time. One that waits for a row lock stands aside until the lock is free."""

    def __init__(self) -> None:
        self.rng = random.Random(0)
        self.who_waits: Callable[[set[int]], set[int]] = lambda _: set()
        """Of these connections, by their pids, those that wait for a lock."""
        self._sent: set[int] = set()
        self._aside: set[int] = set()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def is_busy(self) -> bool:
        """Whether the database works on something."""
        return bool(self._sent)

    @property
    def has_blocked(self) -> bool:
        """Whether a statement waits for a lock."""
        return bool(self._aside)

    async def run(self, pid: int, send: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Send a statement on a connection and return its result; it is not given up on when the caller is."""
        await self._admit(pid)
        # it belongs to nobody who could be killed
        task = asyncio.get_running_loop().create_task(_awaited(send), context=contextvars.Context())
        try:
            while not task.done():
                try:
                    await asyncio.shield(task)
                except asyncio.CancelledError:
                    await asyncio.wait([task])
                    raise
            return task.result()
        finally:
            self._sent.discard(pid)
            self._aside.discard(pid)
            if self._aside:
                self._sent |= self._aside
                self._aside.clear()
                self.set_aside()
            self._let_through()

    def set_aside(self) -> None:
        """Take those that wait for a lock out of the way."""
        blocked = self.who_waits(self._sent)
        self._sent -= blocked
        self._aside |= blocked
        self._let_through()

    async def _admit(self, pid: int) -> None:
        if not self._sent and not self._waiting:
            self._sent.add(pid)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((pid, future))
        try:
            await future
        except asyncio.CancelledError:
            if (pid, future) in self._waiting:
                self._waiting.remove((pid, future))
            else:
                self._sent.discard(pid)
                self._let_through()
            raise

    def _let_through(self) -> None:
        if self._waiting and not self._sent:
            pid, future = self._waiting.pop(self.rng.randrange(len(self._waiting)))
            if future.cancelled():
                return self._let_through()
            self._sent.add(pid)
            future.set_result(None)
        return None


async def _awaited(send: Callable[[], Awaitable[ResultT]]) -> ResultT:
    return await send()


class Idle(Protocol):
    """Says until when nothing happens; `timer` is when the loop's own next timer is due."""

    def __call__(self, now: float, timer: float | None) -> float: ...


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. `idle` is asked before each jump of the clock."""

    def __init__(self) -> None:
        self.turnstile = Turnstile()
        self.idle: Idle = _next_timer
        self._virtual = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._virtual

    def begin_anew(self) -> None:
        """Set the clock back to nought, so that a schedule sees the same numbers wherever it is run."""
        self._virtual = 0.0
        # timers that were given up decide otherwise which of two at the same moment comes first
        self._scheduled.clear()  # type: ignore[attr-defined]
        self._timer_cancelled_count = 0

    def jump(self, wait: float | None) -> None:
        """Set the clock to when something happens next."""
        timer = None if wait is None else self._virtual + wait
        self._virtual = max(self._virtual, self.idle(self._virtual, timer))


def _next_timer(now: float, timer: float | None) -> float:
    if timer is None:
        raise StuckError(f"at {now:.3f}")
    return timer


class _Selector(selectors.BaseSelector):
    """Waits in real time for the database only."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        turnstile = self._loop.turnstile
        if turnstile.is_busy:
            ready = self._real.select(SOON_SECONDS)
            if not ready:
                turnstile.set_aside()
            return ready
        if turnstile.has_blocked and (ready := self._real.select(DEADLOCK_SECONDS)):
            return ready
        self._loop.jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()
