"""Which events wait for another one of their resource, so that each resource's are applied in order."""

from __future__ import annotations

import math
import time
from collections.abc import Container
from dataclasses import dataclass
from uuid import UUID

from nats.aio.msg import Msg

from mesh import tracing
from mesh.events.bus import ACK_WAIT
from mesh.events.inbox import Received

SWEEP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Delivered(Received):
    """An event as it was taken from the stream."""

    message: Msg
    span: tracing.Span
    """Applying it; one that does not end, as the event comes again, was none."""

    @property
    def sequence(self) -> int:
        """Its place in the stream."""
        return self.message.metadata.sequence.stream


@dataclass(slots=True)
class _Failing:
    """An event that fails: its place in the stream, how often it has, and until when it holds up later ones.

    That is `patience` seconds after it was last seen.
    """

    event_id: UUID
    sequence: int
    failures: int
    until: float
    patience: float


class Held:
    """Which resources have events that come again: their later events wait until those were applied or given up.

    Of replicas, each knows what was given to itself. Failures are counted here, and not by the stream's deliveries:
    those grow also while the database is away.
    """

    def __init__(self, patience: float) -> None:
        """Hold for so many seconds after the last failure: another replica may have been given the event."""
        self._patience = patience
        self._failing: dict[str, _Failing] = {}
        self._put_off: dict[str, dict[int, float]] = {}
        """Until when events are waited for that come again without having failed, by their places in the stream."""
        self._swept = -math.inf

    def holds(self, event: Delivered, going: Container[int] = ()) -> bool:
        """Whether an event has to wait for an earlier one of its resource that is not `going` with it."""
        now, key = time.monotonic(), event.envelope.aggregate_id
        failing = self._failing.get(key)
        if failing and failing.sequence < event.sequence and now < failing.until:
            return True
        return any(
            place < event.sequence and place not in going and now < until
            for place, until in self._put_off.get(key, {}).items()
        )

    def is_put_off(self, event: Delivered) -> bool:
        """Whether an event, or the one that it waits for, waits for a later version."""
        failing = self._failing.get(event.envelope.aggregate_id)
        return bool(failing and failing.patience > self._patience)

    def put_off(self, event: Delivered, seconds: float) -> None:
        """Note that an event comes again in so many seconds."""
        now = time.monotonic()
        self._sweep(now)
        self._put_off.setdefault(event.envelope.aggregate_id, {})[event.sequence] = now + seconds + ACK_WAIT

    def failed(self, event: Delivered, *, counts: bool, patience: float = 0.0) -> int:
        """Note that an event failed, through its own fault when it `counts`; return how often it has.

        It holds up later ones for as many seconds as `patience` says, where it does.
        """
        now, key = time.monotonic(), event.envelope.aggregate_id
        self._sweep(now)
        known = self._failing.get(key)
        if known and now >= known.until:
            known = None
        failures = (known.failures if known and known.event_id == event.event_id else 0) + counts
        # an earlier one holds up more than this one would
        if known is None or known.sequence >= event.sequence:
            patience = patience or self._patience
            self._failing[key] = _Failing(event.event_id, event.sequence, failures, now + patience, patience)
        return failures

    def release(self, event: Delivered) -> None:
        """Note that an event holds up nothing any more."""
        key = event.envelope.aggregate_id
        failing = self._failing.get(key)
        if failing and failing.event_id == event.event_id:
            del self._failing[key]
        if waiting := self._put_off.get(key):
            waiting.pop(event.sequence, None)
            if not waiting:
                del self._put_off[key]

    def _sweep(self, now: float) -> None:
        """Forget what is waited for no longer; now and then, as there may be a hundred thousand."""
        if now < self._swept + SWEEP_SECONDS:
            return
        self._swept = now
        self._failing = {key: one for key, one in self._failing.items() if now < one.until}
        left = {
            key: {place: until for place, until in places.items() if now < until}
            for key, places in self._put_off.items()
        }
        self._put_off = {key: places for key, places in left.items() if places}
