"""The public events that merchants receive, made of the facts that services publish, and of our own."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from fusionx.notify.v1 import endpoint_events_pb2, ping_pb2
from fusionx.type.v1.event_pb2 import EventEnvelope
from google.protobuf.message import Message

from mesh.context import TraceContext, trace_id_of, trace_of
from mesh.events import envelope as events
from mesh.events.envelope import options_of
from notify_svc.contract.messages import ids_of, resource_of
from notify_svc.domain.endpoint import Endpoint
from notify_svc.domain.event import PublicEvent


def trace_of_event(payload: bytes) -> TraceContext:
    """Return the trace of what caused an event, from its envelope."""
    return trace_of(EventEnvelope.FromString(payload).traceparent)


def public_event(envelope: EventEnvelope, fact: Message) -> PublicEvent | None:
    """Return the public event of a fact; None for one that is internal."""
    public_type = options_of(fact.DESCRIPTOR).public_type
    if not public_type:
        return None
    return PublicEvent(
        event_id=UUID(envelope.event_id),
        merchant_id=UUID(envelope.merchant_id),
        type=public_type,
        aggregate_id=UUID(envelope.aggregate_id),
        aggregate_version=envelope.aggregate_version,
        # a ping belongs to no order
        order_id=getattr(resource_of(fact), "order_id", ""),
        create_time=envelope.time.ToDatetime(UTC),
        trace_id=trace_id_of(envelope.traceparent),
        payload=envelope.SerializeToString(),
    )


def ping_event(endpoint: Endpoint, now: datetime) -> PublicEvent:
    """Return a new test event for an endpoint.

    Each is the first version of its resource, so none waits for another.
    """
    webhook_id, channel_id = ids_of(endpoint.kind, endpoint.endpoint_id)
    ping = ping_pb2.Ping(webhook_endpoint_id=webhook_id, notification_channel_id=channel_id or None)
    return _own_event(endpoint, ping_pb2.EndpointPinged(ping=ping), now)


def disabled_event(endpoint: Endpoint) -> PublicEvent:
    """Return a new event about an endpoint that was disabled when it was last changed.

    Where it leads is left out: that may be a secret, and this goes elsewhere.
    """
    disabled = endpoint_events_pb2.DisabledEndpoint(
        endpoint_id=str(endpoint.endpoint_id),
        kind=endpoint_events_pb2.DisabledEndpoint.Kind.Value(endpoint.kind),
        description=endpoint.description,
        disable_reason=endpoint.disable_reason,
    )
    disabled.disable_time.FromDatetime(endpoint.update_time)
    return _own_event(endpoint, endpoint_events_pb2.EndpointDisabled(endpoint=disabled), endpoint.update_time)


def _own_event(endpoint: Endpoint, fact: Message, now: datetime) -> PublicEvent:
    made = events.event(fact, aggregate_id=endpoint.endpoint_id, version=1, merchant_id=endpoint.merchant_id, time=now)
    event = public_event(EventEnvelope.FromString(made.payload), fact)
    assert event
    return event
