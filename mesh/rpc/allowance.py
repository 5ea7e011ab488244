"""How much each may use of what all of them share: so much at once, and so much more with each second."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MAX_KNOWN = 10_000
"""How many are remembered: of more, those that have used something longest ago are forgiven."""
KeyT = TypeVar("KeyT", bound=Hashable)


class Allowance(Generic[KeyT]):
    """What each has used lately, in this process. What begins while something is left may use more than that."""

    def __init__(self, at_once: float, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._ahead = at_once / per_second
        self._per_second = per_second
        self._now = now
        self._paid_off: dict[KeyT, float] = {}

    def wait(self, key: KeyT) -> float:
        """Return in how many seconds what a key has used up is there again; below 0: something is left."""
        return self._paid_off.get(key, 0.0) - self._now() - self._ahead

    def spend(self, key: KeyT, amount: float) -> None:
        """Count what a key has used."""
        paid_off = max(self._paid_off.pop(key, 0.0), self._now())
        self._paid_off[key] = paid_off + amount / self._per_second
        if len(self._paid_off) > MAX_KNOWN:
            self._paid_off.pop(next(iter(self._paid_off)))
