"""How much a merchant may have sent again: each delivery costs us as much as one of a new event, and none of theirs."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from uuid import UUID

from mesh.rpc.allowance import Allowance
from mesh.rpc.shares import too_many_calls

AT_ONCE = 30_000
"""How many deliveries are sent again at once: what one call may make."""
PER_SECOND = 100
"""How many more with each second."""


class ResendBudget:
    """What each merchant has had sent again lately, of this replica."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._allowance: Allowance[UUID] = Allowance(AT_ONCE, PER_SECOND, now)
        self.spend = self._allowance.spend

    def require(self, merchant_id: UUID) -> None:
        """Raise ApiError RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, for a merchant who has used up what there is."""
        if (seconds := self._allowance.wait(merchant_id)) >= 0:
            words = f"{AT_ONCE} deliveries were sent again lately, and {PER_SECOND} more may be with each second"
            raise too_many_calls(words, ceil(seconds) + 1)
