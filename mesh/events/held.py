"""Which events wait for another one of their resource, so that each resource's are applied in order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from nats.aio.msg import Msg

from mesh import tracing
from mesh.events.inbox import Received


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
    """Which resources have an event that fails: their later events wait until it was applied or given up.

    Failures are counted here, and not by the stream's deliveries: those grow also while the database is away.
    """

    def __init__(self, patience: float) -> None:
        """Hold for so many seconds after the last failure: another replica may have been given the event."""
        self._patience = patience
        self._failing: dict[str, _Failing] = {}

    def holds(self, event: Delivered) -> bool:
        """Whether an event has to wait for an earlier one of its resource."""
        failing = self._failing.get(event.envelope.aggregate_id)
        return bool(failing and failing.sequence < event.sequence and time.monotonic() < failing.until)

    def is_put_off(self, event: Delivered) -> bool:
        """Whether an event, or the one that it waits for, waits for a later version."""
        failing = self._failing.get(event.envelope.aggregate_id)
        return bool(failing and failing.patience > self._patience)

    def failed(self, event: Delivered, *, counts: bool, patience: float = 0.0) -> int:
        """Note that an event failed, through its own fault when it `counts`; return how often it has.

        It holds up later ones for as many seconds as `patience` says, where it does.
        """
        now = time.monotonic()
        self._failing = {key: one for key, one in self._failing.items() if now < one.until}
        key = event.envelope.aggregate_id
        known = self._failing.get(key)
        failures = (known.failures if known and known.event_id == event.event_id else 0) + counts
        # an earlier one holds up more than this one would
        if known is None or known.sequence >= event.sequence:
            patience = patience or self._patience
            self._failing[key] = _Failing(event.event_id, event.sequence, failures, now + patience, patience)
        return failures

    def release(self, event: Delivered) -> None:
        """Note that an event holds up nothing any more."""
        failing = self._failing.get(event.envelope.aggregate_id)
        if failing and failing.event_id == event.event_id:
            del self._failing[event.envelope.aggregate_id]
