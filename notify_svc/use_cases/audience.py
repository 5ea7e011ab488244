"""Who waits for which events, as far as this process remembers: what nobody waits for may take its time.

It may be wrong, as another replica may have changed an endpoint: then something comes a moment later, but never to
nobody, as who gets an event is read anew with each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from notify_svc.domain.endpoint import takes, takes_some_of
from notify_svc.storage.endpoints import Subscription

SOON_SECONDS, LATER_SECONDS = 0.05, 0.25
"""How long an event may take that is only the version before one that an endpoint takes; and any other."""
REMEMBERED_SECONDS = 10.0
MOST = 10_000
"""How many merchants are remembered at the most."""


class Audience:
    """What the endpoints of merchants take, and who reads a stream here."""

    def __init__(
        self, reads_stream: Callable[[UUID], bool] = lambda _: False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Be told by `reads_stream` whether a merchant reads a stream of events in this process."""
        self._reads_stream = reads_stream
        self._clock = clock
        self._known: dict[UUID, tuple[float, frozenset[str]]] = {}

    def note(self, merchant_ids: Collection[UUID], subscriptions: Mapping[UUID, Sequence[Subscription]]) -> None:
        """Remember what the endpoints of merchants take, of which some may have none."""
        if len(self._known) >= MOST:
            self._known.clear()
        until = self._clock() + REMEMBERED_SECONDS
        for merchant_id in merchant_ids:
            filters = (one.event_types for one in subscriptions.get(merchant_id, ()))
            self._known[merchant_id] = until, frozenset[str]().union(*filters)

    def patience(self, merchant_id: UUID, event_type: str) -> float:
        """Return for how many seconds nobody misses an event of a merchant."""
        until, filters = self._known.get(merchant_id, (-math.inf, frozenset[str]()))
        if self._clock() >= until or takes(filters, event_type) or self._reads_stream(merchant_id):
            return 0.0
        return SOON_SECONDS if takes_some_of(filters, event_type) else LATER_SECONDS
