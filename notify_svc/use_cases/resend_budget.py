"""How much a merchant may have sent again: each delivery costs us as much as one of a new event, and none of theirs."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from uuid import UUID

from mesh.rpc.shares import too_many_calls

AT_ONCE = 30_000
"""How many deliveries are sent again at once: what one call may make."""
PER_SECOND = 100
"""How many more with each second."""
MAX_KNOWN = 10_000


class ResendBudget:
    """What each merchant has had sent again lately, of this replica."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._paid_off: dict[UUID, float] = {}

    def require(self, merchant_id: UUID) -> None:
        """Raise ApiError RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, for a merchant who has used up what there is."""
        seconds = self._paid_off.get(merchant_id, 0.0) - self._now() - AT_ONCE / PER_SECOND
        if seconds >= 0:
            words = f"{AT_ONCE} deliveries were sent again lately, and {PER_SECOND} more may be with each second"
            raise too_many_calls(words, ceil(seconds) + 1)

    def spend(self, merchant_id: UUID, deliveries: int) -> None:
        """Count deliveries that are sent again: more than is left, as long as there was some."""
        paid_off = max(self._paid_off.pop(merchant_id, 0.0), self._now())
        self._paid_off[merchant_id] = paid_off + deliveries / PER_SECOND
        if len(self._paid_off) > MAX_KNOWN:
            self._paid_off.pop(next(iter(self._paid_off)))
