"""Events of all domains in, notifications out."""

from __future__ import annotations

from collections.abc import Sequence

from fusionx.order.v1 import order_events_pb2
from fusionx.payment.v1 import dispute_events_pb2, payment_events_pb2, refund_events_pb2

from mesh.consumer import Received
from mesh.database import Session
from notify_svc import mapping
from notify_svc.notifications import Notifications

NAME = "notify_svc_events"
KNOWN = (
    order_events_pb2.DESCRIPTOR,
    payment_events_pb2.DESCRIPTOR,
    refund_events_pb2.DESCRIPTOR,
    dispute_events_pb2.DESCRIPTOR,
)
"""The contracts whose events merchants hear of; importing them makes their messages known."""

SUBJECTS = tuple(sorted({f"fusionx.{contract.package.split('.')[1]}.v1.>" for contract in KNOWN}))


class PublicEvents:
    """Puts every public fact into the merchant's event log and on its way."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    async def __call__(self, session: Session, events: Sequence[Received]) -> None:
        """Apply facts inside the given transaction."""
        public = [mapping.public_event(event.envelope, event.fact) for event in events]
        await self._notifications.publish(session, [event for event in public if event])
