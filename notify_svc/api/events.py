"""gRPC in, use case, gRPC out: the event log and its live stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC
from typing import Any
from uuid import UUID

import grpc
from fusionx.notify.v1 import event_pb2
from fusionx.notify.v1 import event_service_pb2 as events_pb2
from fusionx.notify.v1 import event_service_pb2_grpc as events_grpc
from google.api import httpbody_pb2

from mesh import context
from mesh.context import UUID_FORM
from mesh.errors import invalid
from mesh.ids import parse_uuid
from mesh.lists import OLDEST_FIRST, span
from mesh.paging import page, that_fit
from mesh.rpc.headers import KEY_KEY
from mesh.storage.idempotency import Answer
from notify_svc.contract import event_types
from notify_svc.contract import messages as mapping
from notify_svc.domain.delivery import LoggedDelivery
from notify_svc.domain.endpoint import CHANNELS, WEBHOOKS
from notify_svc.storage.events import EventFilter
from notify_svc.use_cases.event_log import EventLog, Receivers, Span
from notify_svc.use_cases.event_stream import EventStreams

MAX_SPAN_SECONDS = 30 * 24 * 3600

LAST_SECOND = 253402300799
"""Of the year 9999, the last one that a timestamp can hold."""

EVENT_STREAM = "text/event-stream"

LAST_EVENT_ID = "last-event-id"

NOT_TO_BE_KEPT = (("cache-control", "no-store"), ("x-accel-buffering", "no"))
"""Headers by which neither caches nor proxies keep a stream back."""

Context = grpc.aio.ServicerContext[Any, Any]


def _resent(counted: tuple[int, int]) -> events_pb2.ResendEventsResponse:
    return mapping.resent_message(*counted)


def _deliveries(found: Sequence[LoggedDelivery]) -> events_pb2.ListEventDeliveriesResponse:
    # of more than an answer holds the newest
    newest = that_fit(mapping.delivery_message(one) for one in reversed(found))
    return events_pb2.ListEventDeliveriesResponse(deliveries=reversed(newest))


SENT_AGAIN = Answer(events_pb2.ListEventDeliveriesResponse, _deliveries)
RESENT = Answer(events_pb2.ResendEventsResponse, _resent)


class EventServicer(events_grpc.EventServiceServicer):
    """The public contract of the event log; each RPC's promise is written there."""

    def __init__(self, log: EventLog, streams: EventStreams) -> None:
        self._log = log
        self._streams = streams

    async def GetEvent(self, request: events_pb2.GetEventRequest, _: Context) -> event_pb2.Event:
        """Return one event."""
        return mapping.event_message(await self._log.get(context.merchant(), UUID(request.event_id)))

    async def ListEvents(self, request: events_pb2.ListEventsRequest, _: Context) -> events_pb2.ListEventsResponse:
        """Return a page of events."""
        wanted = EventFilter(
            types=event_types.types_of(request.type) if request.type else None,
            resource_id=UUID(request.resource_id) if request.resource_id else None,
            # as it is stored, in whatever form it was asked for
            order_id=str(UUID(request.order_id)) if request.order_id else None,
            create_time=span(request, "create_time"),
            oldest_first=request.order_by == OLDEST_FIRST,
        )
        events, token = await page(
            request,
            lambda after, limit: self._log.page(context.merchant(), wanted, after=after, limit=limit),
            lambda event: event.event_id,
            mapping.event_message,
        )
        return events_pb2.ListEventsResponse(events=events, next_page_token=token)

    async def ListEventDeliveries(
        self, request: events_pb2.ListEventDeliveriesRequest, _: Context
    ) -> events_pb2.ListEventDeliveriesResponse:
        """Return what became of an event."""
        found = await self._log.deliveries(context.merchant(), UUID(request.event_id))
        return _deliveries(found)

    async def ResendEvent(
        self, request: events_pb2.ResendEventRequest, _: Context
    ) -> events_pb2.ListEventDeliveriesResponse:
        """Send an event again."""
        event_id, claim = UUID(request.event_id), SENT_AGAIN.claim(request)
        return SENT_AGAIN.reply(await self._log.resend(context.merchant(), event_id, _receivers(request), claim))

    async def ResendEvents(
        self, request: events_pb2.ResendEventsRequest, _: Context
    ) -> events_pb2.ResendEventsResponse:
        """Send the events of a span again."""
        _check_span(request)
        wanted = Span(
            start=request.start_time.ToDatetime(UTC),
            end=request.end_time.ToDatetime(UTC),
            types=event_types.types_of_all(request.event_types),
            receivers=_receivers(request),
        )
        return RESENT.reply(await self._log.resend_span(context.merchant(), wanted, RESENT.claim(request)))

    async def StreamEvents(
        self, request: events_pb2.StreamEventsRequest, call: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Stream events as Server-Sent Events."""
        types = frozenset(event_types.types_of_all(request.event_types))
        after = _last_event_id(request, call)
        context.current().response_headers.extend(NOT_TO_BE_KEPT)
        async with aclosing(self._streams.follow(context.merchant(), _key(call), types, after)) as followed:
            async for item in followed:
                if isinstance(item, UUID):
                    # the first message says what type all of them are
                    yield httpbody_pb2.HttpBody(content_type=EVENT_STREAM, data=mapping.opening_frame(item))
                else:
                    yield httpbody_pb2.HttpBody(data=mapping.event_frame(item) if item else mapping.HEARTBEAT_FRAME)


def _receivers(request: events_pb2.ResendEventRequest | events_pb2.ResendEventsRequest) -> Receivers:
    """Return who is named."""
    named = ((request.webhook_endpoint_id, WEBHOOKS), (request.notification_channel_id, CHANNELS))
    return {UUID(endpoint_id): kinds for endpoint_id, kinds in named if endpoint_id}


def _check_span(request: events_pb2.ResendEventsRequest) -> None:
    """Refuse a span that is empty, or longer than events are sent again for: in whole numbers, which hold any times."""
    start, end = request.start_time, request.end_time
    for name, moment in (("start_time", start), ("end_time", end)):
        if not 0 <= moment.seconds <= LAST_SECOND or not 0 <= moment.nanos < 10**9:
            raise invalid(name, "must be a time from 1970 to 9999")
    if not 0 < end.ToNanoseconds() - start.ToNanoseconds() <= MAX_SPAN_SECONDS * 10**9:
        raise invalid("end_time", "must be after start_time, by 30 days at the most")


def _key(call: Context) -> UUID | None:
    """Return the key that came in at the edge."""
    headers: dict[str, Any] = dict(call.invocation_metadata() or ())
    return parse_uuid(str(headers.get(KEY_KEY, "")))


def _last_event_id(request: events_pb2.StreamEventsRequest, call: Context) -> UUID | None:
    """Return after which event a stream goes on: the header knows it better than the address that it was opened by."""
    headers: dict[str, Any] = dict(call.invocation_metadata() or ())
    said = headers.get(LAST_EVENT_ID, "")
    if not said:
        return UUID(request.last_event_id) if request.last_event_id else None
    if not UUID_FORM.fullmatch(said):
        raise invalid("Last-Event-ID", "must be the id of an event")
    return UUID(said)
