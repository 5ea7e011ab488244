"""How long the webhooks of one account may take to be read: whoever owns it signs what they like.

A body of 256 KB that is made for it takes 30 ms of the loop that everybody waits for.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from mesh.rpc.allowance import Allowance
from mesh.rpc.shares import PART, too_many_calls

AT_ONCE_SECONDS = 0.1
"""What an account may use at once, beyond its part of the time: thousands of ordinary webhooks."""
MOST_WAITING = 100
ResultT = TypeVar("ResultT")


class ReadingTime:
    """An account has a tenth of the time, one webhook a turn of the loop; the platform's own are not counted."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, worked: Callable[[], float] = time.thread_time
    ) -> None:
        """`worked` says how long this thread has: on a busy machine more time passes, which is no fault of a body."""
        self._worked = worked
        self._allowance: Allowance[UUID] = Allowance(AT_ONCE_SECONDS, 1 / PART, now)
        self._turns = WeakValueDictionary[UUID, asyncio.Lock]()
        self._waiting = Counter[UUID]()

    async def spent(self, account_id: UUID | None, read: Callable[[], ResultT]) -> ResultT:
        """Return what `read` does, once the account has time for it.

        Raises what `read` does, and ApiError RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, where too much of it waits.
        """
        if account_id is None:
            return read()
        if self._waiting[account_id] >= MOST_WAITING:
            raise too_many_calls(f"{MOST_WAITING} webhooks of the account wait to be read: try again in a moment")
        self._waiting[account_id] += 1
        try:
            async with self._turns.setdefault(account_id, asyncio.Lock()):
                await asyncio.sleep(self._allowance.wait(account_id))
                return self._counted(account_id, read)
        finally:
            self._waiting[account_id] -= 1
            if not self._waiting[account_id]:
                del self._waiting[account_id]

    def _counted(self, account_id: UUID, read: Callable[[], ResultT]) -> ResultT:
        had_worked = self._worked()
        try:
            return read()
        finally:
            self._allowance.spend(account_id, self._worked() - had_worked)
