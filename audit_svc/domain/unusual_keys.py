"""Which keys are suddenly refused a hundred times more than they used to be: stolen ones are tried out.

What is usual is remembered in the time of the entries, by this process, for the keys that were used lately.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_svc.domain.entry import Entry

WINDOW = timedelta(minutes=1)
TIMES = 100
"""How many times as many refusals as usual are unusual; what is usual is one a minute at the least."""
KNOWN_AFTER = 10
"""How many windows a key is known for before anything counts as unusual: who integrates makes mistakes."""
MEMORY = 60
"""Over how many windows, about, what is usual is averaged."""
QUIET = timedelta(hours=1)
"""How long nothing more is said of a key that was reported."""
MAX_KEYS = 20_000


@dataclass(slots=True)
class _Habit:
    """What is known of a key."""

    window: datetime
    refused: int = 0
    usual: float = 0.0
    windows: int = 0
    reported: datetime | None = None

    def pass_to(self, window: datetime) -> None:
        """Remember the window that is over, and those without any request after it."""
        passed = (window - self.window) // WINDOW
        if passed <= 0:
            return
        share = 1 / min(self.windows + 1, MEMORY)
        self.usual = (self.usual + (self.refused - self.usual) * share) * (1 - 1 / MEMORY) ** (passed - 1)
        self.windows += passed
        self.window, self.refused = window, 0

    def is_unusual(self) -> bool:
        """Whether so many refusals in one window stand out."""
        return self.windows >= KNOWN_AFTER and self.refused >= TIMES * max(self.usual, 1.0)


@dataclass(frozen=True, slots=True)
class Unusual:
    """A key that stands out."""

    merchant_id: str
    key_id: str
    refused: int
    """How many of its requests were refused within the minute so far."""
    usual: float
    """How many usually are in one."""
    client: str
    """Where the last of them came from."""


class KeyHabits:
    """Learns how often each key is refused, and tells of those that change."""

    def __init__(self) -> None:
        self._habits: OrderedDict[str, _Habit] = OrderedDict()

    def noted(self, entries: Iterable[Entry]) -> list[Unusual]:
        """Take entries in, and return the keys that stand out from now on, each once an hour at the most."""
        return [found for entry in entries if entry.key_id and (found := self._note(entry))]

    def _note(self, entry: Entry) -> Unusual | None:
        window = entry.time.replace(second=0, microsecond=0)
        habit = self._habits.setdefault(entry.key_id, _Habit(window))
        self._habits.move_to_end(entry.key_id)
        if len(self._habits) > MAX_KEYS:
            self._habits.popitem(last=False)
        habit.pass_to(window)
        if not 400 <= entry.http_status < 500:
            return None
        habit.refused += 1
        if not habit.is_unusual() or (habit.reported and entry.time - habit.reported < QUIET):
            return None
        habit.reported = entry.time
        return Unusual(entry.merchant_id, entry.key_id, habit.refused, round(habit.usual, 2), entry.client)
