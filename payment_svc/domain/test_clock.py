"""How far a merchant has moved its test data on. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

MODE = "test"
"""The mode of the keys that may advance it."""


@dataclass(frozen=True, slots=True)
class TestClock:
    """The sum of all that a merchant has advanced its test data by."""

    merchant_id: UUID
    version: int
    advanced: timedelta
    update_time: datetime | None

    def after(self, by: timedelta, now: datetime) -> TestClock:
        """Return the clock after it was advanced once more."""
        return replace(self, version=self.version + 1, advanced=self.advanced + by, update_time=now)


def unmoved(merchant_id: UUID) -> TestClock:
    """Return the clock of a merchant that has never advanced it."""
    return TestClock(merchant_id, 0, timedelta(), None)
