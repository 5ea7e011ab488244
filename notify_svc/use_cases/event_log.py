"""The use cases of the event log: look at events and their deliveries, and send one again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mesh.errors import invalid, not_found
from mesh.ids import NewId, new_id
from mesh.storage import idempotency
from mesh.storage.database import Database, Session
from mesh.storage.idempotency import Claim, Record
from notify_svc.domain import endpoint as endpoint_domain
from notify_svc.domain.delivery import LoggedDelivery
from notify_svc.domain.endpoint import WEBHOOKS
from notify_svc.domain.event import PublicEvent
from notify_svc.storage import delivery_pages
from notify_svc.storage.delivery_pages import DeliveryFilter, DeliveryPlace
from notify_svc.storage.endpoints import EndpointRepository, Kinds
from notify_svc.storage.events import EventFilter, EventRepository, LoggedEvent
from notify_svc.use_cases.endpoints import require_enabled, require_found
from notify_svc.use_cases.resend_budget import ResendBudget

MAX_SPAN_EVENTS = 10_000
"""How many events are sent again by one call at the most."""

MAX_SPAN_DELIVERIES = 30_000
"""How many deliveries that may make: what is done well within the time of one call."""

CHUNK = 5_000
"""How many deliveries go into one statement."""


Receivers = Mapping[UUID, Kinds]
"""Endpoints that are named, each with the kinds that it may be of; none: all whose filters take an event."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which events are sent again: of these types, from `start` until before `end`; to whom is named, or to all."""

    start: datetime
    end: datetime
    types: list[str]
    receivers: Receivers


class EventLog:
    """Events of merchants. Another merchant's event is as one that does not exist."""

    def __init__(
        self,
        database: Database,
        store: EventRepository,
        endpoints: EndpointRepository,
        *,
        wake: Callable[[], None],
        ids: NewId = new_id,
    ) -> None:
        self._database = database
        self._store = store
        self._endpoints = endpoints
        self._wake = wake
        self._ids = ids
        self._budget = ResendBudget()

    async def get(self, merchant_id: UUID, event_id: UUID) -> PublicEvent:
        """Return an event. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            return await self._found(session, merchant_id, event_id)

    async def page(
        self, merchant_id: UUID, wanted: EventFilter, *, after: UUID | None, limit: int
    ) -> list[PublicEvent]:
        """Return events, in the order that is asked for."""
        async with self._database.session() as session:
            return await self._store.page(session, merchant_id, wanted, after, limit)

    async def deliveries(self, merchant_id: UUID, event_id: UUID) -> list[LoggedDelivery]:
        """Return what became of an event at each endpoint. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            await self._found(session, merchant_id, event_id)
            return await delivery_pages.of_event(session, event_id)

    async def deliveries_to(
        self, merchant_id: UUID, wanted: DeliveryFilter, *, after: UUID | None, limit: int
    ) -> list[LoggedDelivery]:
        """Return what was put on its way to webhook endpoints, after a place.

        That is an event's id where one endpoint is named, else a delivery's. Raises ApiError NOT_FOUND for the
        endpoint, INVALID_ARGUMENT for the place.
        """
        async with self._database.session() as session:
            if wanted.endpoint_id:
                found = await self._endpoints.get(session, merchant_id, wanted.endpoint_id, lock=False, kinds=WEBHOOKS)
                require_found(found, wanted.endpoint_id, WEBHOOKS)
                place = DeliveryPlace(after, wanted.endpoint_id) if after else None
            else:
                place = await delivery_pages.place_of(session, merchant_id, after) if after else None
                if after and place is None:
                    raise invalid("page_token", "is of a delivery that is not kept any more", "PAGE_TOKEN_INVALID")
            return await delivery_pages.read(session, merchant_id, wanted, place, limit)

    async def resend(
        self, merchant_id: UUID, event_id: UUID, named: Receivers, claim: Claim | None = None
    ) -> list[LoggedDelivery] | Record:
        """Send an event again, to who is named or to all whose filters take it, and return all its deliveries.

        Or the record of the same request made before.
        Raises ApiError NOT_FOUND for the event or the endpoint, FAILED_PRECONDITION for a disabled endpoint, and
        RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, for who has had too much sent again.
        """
        # two at once would lock endpoints and deliveries in orders of their own
        async with self._endpoints.alone(self._database, merchant_id) as session:
            if claim and (record := await idempotency.find(session, claim)):
                return record
            self._budget.require(merchant_id)
            event = await self._found(session, merchant_id, event_id)
            receivers = await self._enabled(session, merchant_id, named) or await self._takers(session, event)
            new = [(self._ids(), receiver, event) for receiver in receivers]
            self._budget.spend(merchant_id, len(new))
            await self._store.deliver(session, new, again=True)
            found = await delivery_pages.of_event(session, event_id)
            if claim:
                await idempotency.store(session, claim, event_id, claim.answer(found))
        self._wake()
        return found

    async def resend_span(self, merchant_id: UUID, span: Span, claim: Claim | None) -> tuple[int, int] | Record:
        """Send the events of a span again, all or none; return how many events and deliveries, or an earlier record.

        Raises ApiError NOT_FOUND for the endpoint, FAILED_PRECONDITION for a disabled one, INVALID_ARGUMENT, reason
        TOO_MANY_EVENTS, and RESOURCE_EXHAUSTED as `resend` does.
        """
        # as in `resend`
        async with self._endpoints.alone(self._database, merchant_id) as session:
            if claim and (record := await idempotency.find(session, claim)):
                return record
            self._budget.require(merchant_id)
            found = await self._in_span(session, merchant_id, span)
            new = [
                (self._ids(), receiver, event)
                for event, receiver in await self._receivers(session, merchant_id, span, found)
            ]
            self._budget.spend(merchant_id, len(new))
            for first in range(0, len(new), CHUNK):
                await self._store.deliver(session, new[first : first + CHUNK], again=True)
            if claim:
                await idempotency.store(session, claim, self._ids(), claim.answer((len(found), len(new))))
        self._wake()
        return len(found), len(new)

    async def _in_span(self, session: Session, merchant_id: UUID, span: Span) -> list[LoggedEvent]:
        found = await self._store.in_span(session, merchant_id, span.start, span.end, span.types, MAX_SPAN_EVENTS + 1)
        if len(found) > MAX_SPAN_EVENTS:
            raise invalid("end_time", f"the span holds more than {MAX_SPAN_EVENTS} events", "TOO_MANY_EVENTS")
        return found

    async def _receivers(
        self, session: Session, merchant_id: UUID, span: Span, found: list[LoggedEvent]
    ) -> list[tuple[LoggedEvent, UUID]]:
        """Return each event with each endpoint that gets it."""
        if named := await self._enabled(session, merchant_id, span.receivers):
            return [(event, endpoint_id) for event in found for endpoint_id in named]
        subscriptions = (await self._endpoints.subscriptions(session, [merchant_id])).get(merchant_id, ())
        receivers = [
            (event, subscription.endpoint_id)
            for event in found
            for subscription in subscriptions
            if endpoint_domain.takes(subscription.event_types, event.type)
        ]
        if len(receivers) > MAX_SPAN_DELIVERIES:
            words = f"the span makes {len(receivers)} deliveries, more than {MAX_SPAN_DELIVERIES}"
            raise invalid("end_time", words, "TOO_MANY_EVENTS")
        return receivers

    async def _found(self, session: Session, merchant_id: UUID, event_id: UUID) -> PublicEvent:
        event = await self._store.get(session, merchant_id, event_id)
        if event is None:
            raise not_found("event", str(event_id))
        return event

    async def _enabled(self, session: Session, merchant_id: UUID, named: Receivers) -> list[UUID]:
        # always in the same order, as others lock them too
        for endpoint_id, kinds in sorted(named.items()):
            found = await self._endpoints.hold(session, merchant_id, endpoint_id, kinds)
            require_enabled(require_found(found, endpoint_id, kinds))
        return list(named)

    async def _takers(self, session: Session, event: PublicEvent) -> list[UUID]:
        subscriptions = await self._endpoints.subscriptions(session, [event.merchant_id])
        return [
            subscription.endpoint_id
            for subscription in subscriptions.get(event.merchant_id, ())
            if endpoint_domain.takes(subscription.event_types, event.type)
        ]
