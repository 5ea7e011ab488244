"""A stream outlives the look at its key: here the keys of open streams are looked at again and again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

from mesh.telemetry import get_logger
from mesh.worker import Worker
from notify_svc.domain.watched_keys import Looked
from notify_svc.use_cases.event_stream import EventStreams

log = get_logger(__name__)
INTERVAL_SECONDS = 0.4
"""So that a stream ends within a second of its key, as every other use of it does."""
TRUST_SECONDS = 10.0
"""How long streams go on when nobody can say whether their keys still hold: a restart of the edge takes less."""
AT_ONCE = 10_000
STALE_SECONDS = 1.5
"""How long after a change a stream may still be let in by what its key could do before: edges know within a second."""

Look = Callable[[Collection[UUID], int], Awaitable[Looked]]


class StreamKeys:
    """Ends the streams of keys that were revoked, have expired, were changed, or whose merchant was disabled.

    A key that was changed may still do what its stream does: the reader comes again, and is looked at anew. What comes
    again at once may be let in by an edge that has not heard of the change, so it ends a second time.
    """

    def __init__(self, streams: EventStreams, look: Look, now: Callable[[], float] = time.monotonic) -> None:
        self._streams = streams
        self._look = look
        self._now = now
        self._known = now()
        self._failures = 0
        self._last_change = 0
        self._once_more: list[tuple[float, Collection[UUID]]] = []
        """Keys that were changed, and when those of their streams end that an edge let in which had not heard of it."""
        self.worker = Worker("stream-keys", self.step, streams.pause_of(INTERVAL_SECONDS))
        streams.when_followed(self._begin)

    def _begin(self) -> None:
        """Look again: the key of the first stream was asked about by whoever let it in."""
        self._known = self._now()
        self.worker.wake()

    async def step(self) -> bool:
        """Ask about the keys of all open streams."""
        started, keys = self._now(), list(self._streams.keys())
        while self._once_more and self._once_more[0][0] <= started:
            self._streams.end_of(self._once_more.pop(0)[1])
        try:
            await self._look_at(keys)
        except Exception as error:
            # not raised: the loop would pause for longer and longer, and a key that ends meanwhile reads on
            self._failures += 1
            if self._failures == 1:
                log.warning("nobody says which keys have ended", error=repr(error))
            if self._now() - self._known > TRUST_SECONDS:
                self._streams.end_of(keys)
        else:
            self._known, self._failures = started, 0
        return False

    async def _look_at(self, keys: Sequence[UUID]) -> None:
        """Ask about keys; of changes also where nobody streams and none is known yet.

        A stream that begins is let in a moment before it is seen here, so what was changed since the look before ends
        it too, however long ago that was: it comes again, and goes on.
        """
        if not keys and self._last_change:
            return
        after, last = self._last_change, 0
        for first in range(0, len(keys) or 1, AT_ONCE):
            answer = await self._look(keys[first : first + AT_ONCE], after)
            self._streams.end_of(answer.ended | answer.changed)
            if answer.changed:
                self._once_more.append((self._now() + STALE_SECONDS, answer.changed))
            last = last or answer.last_change
        self._last_change = last
