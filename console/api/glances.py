"""What many people look at again and again, and what is long to count."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from console.clients.merchant_api import Json


class Glances:
    """Keeps what was counted for as long as nobody minds, in this process."""

    def __init__(self, seconds: float = 60.0, most: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep `most` of them, each for some seconds."""
        self._seconds, self._most, self._clock = seconds, most, clock
        # oldest first
        self._kept: dict[Hashable, tuple[float, Json]] = {}

    def get(self, key: Hashable) -> Json | None:
        """Return what was counted, unless that is too long ago."""
        time_kept, found = self._kept.get(key, (0.0, None))
        return found if found is not None and self._clock() - time_kept < self._seconds else None

    def keep(self, key: Hashable, found: Json) -> None:
        """Keep what was counted now; the oldest makes room."""
        self._kept.pop(key, None)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock(), found)
