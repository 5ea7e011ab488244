"""Between the contract's messages and what merchants see."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import orjson
from fusionx.notify.v1 import event_pb2
from fusionx.notify.v1 import event_service_pb2 as service_pb2
from fusionx.notify.v1 import notification_channel_pb2 as channel_pb2
from fusionx.notify.v1 import webhook_endpoint_pb2 as endpoint_pb2
from fusionx.type.v1.event_pb2 import EventEnvelope
from google.protobuf.message import Message

from mesh.events.envelope import fact_of, options_of
from mesh.messages import document
from notify_svc.domain.delivery import LoggedAttempt, LoggedDelivery
from notify_svc.domain.endpoint import Endpoint, Kind
from notify_svc.domain.event import PublicEvent

RETRY_MS = 1000
"""How long a client of the stream waits before it connects again."""

HEARTBEAT_FRAME = b":\n\n"
"""A comment: clients ignore it, and whatever is between them and us sees that the stream lives."""


def ids_of(kind: Kind, endpoint_id: UUID) -> tuple[str, str]:
    """Return the id as that of a webhook endpoint and as that of a channel: one of them is empty."""
    return (str(endpoint_id), "") if kind is Kind.WEBHOOK else ("", str(endpoint_id))


def webhook_body(payload: bytes) -> bytes:
    """Return exactly what is signed and sent of a stored event, in the form of Standard Webhooks."""
    return orjson.dumps(event_document(payload))


def event_document(payload: bytes) -> dict[str, Any]:
    """Return a stored event as `{"id", "type", "timestamp", "data"}`, the data as the REST API prints the resource."""
    envelope = EventEnvelope.FromString(payload)
    fact = fact_of(envelope)
    return {
        "id": envelope.event_id,
        "type": options_of(fact.DESCRIPTOR).public_type,
        "timestamp": envelope.time.ToJsonString(),
        "data": document(fact),
    }


def event_frame(event: PublicEvent) -> bytes:
    """Return an event as Server-Sent Events show it. The body of a webhook is one line, so one `data` holds it."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        str(event.event_id).encode(),
        event.type.encode(),
        webhook_body(event.payload),
    )


def opening_frame(last_event_id: UUID) -> bytes:
    """Return what a stream begins with: when to connect again, and the id to do it with, until an event comes."""
    return b"retry: %d\nid: %b\n\n" % (RETRY_MS, str(last_event_id).encode())


def resource_of(fact: Message) -> Any:
    """Return the order or the payment that a fact is about: its only field."""
    return getattr(fact, fact.DESCRIPTOR.fields[0].name)


def event_message(event: PublicEvent) -> event_pb2.Event:
    """Return an event as the contract shows it; without data when it is of a type that only a later version knows."""
    message = event_pb2.Event(
        event_id=str(event.event_id),
        type=event.type,
        resource_id=str(event.aggregate_id),
        resource_version=event.aggregate_version,
        order_id=event.order_id,
    )
    message.create_time.FromDatetime(event.create_time)
    message.data.SetInParent()
    # one event of a version that was withdrawn must not hide all others of a page
    with suppress(ValueError):
        fact = fact_of(EventEnvelope.FromString(event.payload))
        getattr(message.data, fact.DESCRIPTOR.fields[0].name).CopyFrom(resource_of(fact))
    return message


def resent_message(events: int, deliveries: int) -> service_pb2.ResendEventsResponse:
    """Return what came of sending events again as the contract shows it."""
    return service_pb2.ResendEventsResponse(events=events, deliveries=deliveries)


def delivery_message(delivery: LoggedDelivery) -> event_pb2.Delivery:
    """Return a delivery as the contract shows it."""
    webhook_id, channel_id = ids_of(delivery.kind, delivery.endpoint_id)
    message = event_pb2.Delivery(
        delivery_id=str(delivery.delivery_id),
        webhook_endpoint_id=webhook_id,
        notification_channel_id=channel_id,
        event_id=str(delivery.event_id),
        event_type=delivery.event_type,
        status=event_pb2.Delivery.Status.Value(delivery.status),
        attempts=[_attempt_message(attempt) for attempt in delivery.attempts],
    )
    if delivery.next_attempt_time:
        message.next_attempt_time.FromDatetime(delivery.next_attempt_time)
    return message


def _attempt_message(logged: LoggedAttempt) -> event_pb2.DeliveryAttempt:
    message = event_pb2.DeliveryAttempt(
        attempt=logged.number,
        http_status=logged.attempt.status,
        duration_ms=round(logged.attempt.duration_ms),
        answer=logged.attempt.answer,
        failure=logged.attempt.failure,
    )
    message.time.FromDatetime(logged.time)
    return message


def endpoint_message(endpoint: Endpoint, secret: str = "") -> endpoint_pb2.WebhookEndpoint:
    """Return an endpoint as the contract shows it; with its secret only where that is new."""
    reason = endpoint.disable_reason
    message = endpoint_pb2.WebhookEndpoint(
        webhook_endpoint_id=str(endpoint.endpoint_id),
        url=endpoint.destination,
        # a private key is nobody's but ours
        secret="" if endpoint.public_key else secret,
        public_key=endpoint.public_key,
        signature_scheme=endpoint_pb2.ED25519 if endpoint.public_key else endpoint_pb2.HMAC_SHA256,
        event_types=endpoint.event_types,
        description=endpoint.description,
        enabled=endpoint.enabled,
        disable_reason=endpoint_pb2.WebhookEndpoint.DisableReason.Value(reason) if reason else None,
    )
    message.create_time.FromDatetime(endpoint.create_time)
    message.update_time.FromDatetime(endpoint.update_time)
    if endpoint.old_secret_expire_time:
        message.old_secret_expire_time.FromDatetime(endpoint.old_secret_expire_time)
    return message


def channel_message(channel: Endpoint) -> channel_pb2.NotificationChannel:
    """Return a channel as the contract shows it."""
    reason = channel.disable_reason
    message = channel_pb2.NotificationChannel(
        notification_channel_id=str(channel.endpoint_id),
        event_types=channel.event_types,
        description=channel.description,
        language=channel_pb2.NotificationChannel.Language.Value(channel.language),
        enabled=channel.enabled,
        disable_reason=channel_pb2.NotificationChannel.DisableReason.Value(reason) if reason else None,
    )
    if channel.kind is Kind.EMAIL:
        message.email.address = channel.destination
    else:
        message.push.endpoint = channel.destination
    message.create_time.FromDatetime(channel.create_time)
    message.update_time.FromDatetime(channel.update_time)
    return message
