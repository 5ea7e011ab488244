"""Fan-out: an event becomes one delivery for each endpoint whose filters take it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mesh.ids import NewId, new_id
from mesh.storage.database import Session
from notify_svc.domain import endpoint as endpoint_domain
from notify_svc.domain.endpoint import Kind
from notify_svc.domain.event import PublicEvent
from notify_svc.storage.endpoints import EndpointRepository
from notify_svc.storage.events import EventRepository
from notify_svc.use_cases.audience import Audience

Reached = Collection[tuple[Kind, bool]]
"""Which senders may have something to do: the kinds of endpoints, and whether some that fail, or some that do not."""


class FanOut:
    """Which events go where."""

    def __init__(
        self,
        events: EventRepository,
        endpoints: EndpointRepository,
        ids: NewId = new_id,
        audience: Audience | None = None,
    ) -> None:
        """Tell `audience` what endpoints take, as it is read."""
        self._events = events
        self._endpoints = endpoints
        self._ids = ids
        self._audience = audience or Audience()

    async def publish(self, session: Session, events: Sequence[PublicEvent]) -> Reached:
        """Store events and put each on its way to all endpoints of its merchant whose filters take it.

        Return who has to be told once that is committed: all who reach an endpoint of these merchants, as an event that
        an endpoint does not take may be the one that a later version has waited for.
        """
        if not events:
            return ()
        # endpoints are locked before the log by everybody who locks both
        merchants = {event.merchant_id for event in events}
        subscriptions = await self._endpoints.subscriptions(session, merchants)
        self._audience.note(merchants, subscriptions)
        await self._events.add(session, events)
        new = [
            (self._ids(), subscription.endpoint_id, event)
            for event in events
            for subscription in subscriptions.get(event.merchant_id, ())
            if endpoint_domain.takes(subscription.event_types, event.type)
        ]
        if new:
            await self._events.deliver(session, new)
        return {(one.kind, one.failing) for several in subscriptions.values() for one in several}
