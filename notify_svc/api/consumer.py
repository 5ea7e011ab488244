"""Events of all domains in, notifications out."""

from __future__ import annotations

from collections.abc import Sequence

from mesh.events.inbox import Received
from mesh.events.participants import CONSUMERS
from mesh.storage.database import Session
from notify_svc.contract import events as facts
from notify_svc.contract.event_types import FACTS
from notify_svc.use_cases.fan_out import FanOut

NAME = CONSUMERS["notify_svc"]
SUBJECTS = tuple(sorted({f"fusionx.{contract.package.split('.')[1]}.v1.>" for contract in FACTS}))


class PublicEvents:
    """Puts every public fact into the merchant's event log and on its way."""

    def __init__(self, notifications: FanOut) -> None:
        self._notifications = notifications

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Apply facts inside the given transaction."""
        public = [facts.public_event(event.envelope, event.fact) for event in events]
        await self._notifications.publish(session, [event for event in public if event])
