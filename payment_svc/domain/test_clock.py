"""How far a merchant has moved its test data on. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

MODE = "test"
"""The mode of the keys that may advance it."""
REST = timedelta(seconds=1)
"""How long a clock stands between two times that it is advanced: each of them is work for all services."""
MOST_ADVANCED = timedelta(days=36_500)
"""As much is counted at the most."""


@dataclass(frozen=True, slots=True)
class TestClock:
    """The sum of all that a merchant has advanced its test data by."""

    merchant_id: UUID
    version: int
    advanced: timedelta
    update_time: datetime | None

    def rests(self, now: datetime) -> bool:
        """Whether it was advanced too short a while ago to be advanced again."""
        return self.update_time is not None and self.update_time <= now < self.update_time + REST

    def after(self, by: timedelta, now: datetime) -> TestClock:
        """Return the clock after it was advanced once more."""
        advanced = min(self.advanced + by, MOST_ADVANCED)
        return replace(self, version=self.version + 1, advanced=advanced, update_time=now)


def unmoved(merchant_id: UUID) -> TestClock:
    """Return the clock of a merchant that has never advanced it."""
    return TestClock(merchant_id, 0, timedelta(), None)
