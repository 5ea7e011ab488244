"""Events of all domains in, notifications out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from fusionx.payment.v1 import test_clock_events_pb2

from mesh.events.envelope import options_of
from mesh.events.inbox import Received
from mesh.events.participants import CONSUMERS
from mesh.storage.database import Session
from notify_svc.contract import events as facts
from notify_svc.contract.event_types import FACTS
from notify_svc.domain.endpoint import Kind
from notify_svc.storage import test_clocks
from notify_svc.use_cases.audience import Audience
from notify_svc.use_cases.fan_out import FanOut, Reached

LEASE = timedelta(seconds=75)
"""Longer than any delivery stays with its process, whatever its settings are."""
NAME = CONSUMERS["notify_svc"]
SUBJECTS = tuple(sorted({f"fusionx.{contract.package.split('.')[1]}.v1.>" for contract in FACTS}))


class PublicEvents:
    """Puts every public fact into the merchant's event log and on its way; a test clock moves on what waits."""

    def __init__(self, notifications: FanOut, tell: Callable[[Reached], None], audience: Audience) -> None:
        """Have `tell` called, when facts were committed, with whom they reach."""
        self._notifications = notifications
        self._tell = tell
        self._audience = audience
        self._reached: set[tuple[Kind, bool]] = set()

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Apply facts inside the given transaction."""
        for event in events:
            if isinstance(event.fact, test_clock_events_pb2.TestClockAdvanced):
                merchant_id = UUID(event.envelope.merchant_id)
                await test_clocks.age(session, merchant_id, event.fact.by.ToTimedelta(), LEASE)
                # whoever brings something may have something to do
                self._reached.update((kind, failing) for kind in Kind for failing in (False, True))
        public = [facts.public_event(event.envelope, event.fact) for event in events]
        self._reached.update(await self._notifications.publish(session, [event for event in public if event]))

    def patience(self, event: Received) -> float:
        """Return for how many seconds nobody misses a fact: those that are not for merchants are not to wait."""
        public_type = options_of(event.fact.DESCRIPTOR).public_type
        return self._audience.patience(UUID(event.envelope.merchant_id), public_type) if public_type else 0.0

    def committed(self) -> None:
        """Say that what was applied is committed."""
        reached, self._reached = self._reached, set()
        self._tell(reached)
