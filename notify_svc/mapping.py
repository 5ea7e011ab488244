"""Between the contract's messages and what merchants see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson
from fusionx.notify.v1 import webhook_endpoint_pb2 as endpoint_pb2
from fusionx.type.v1.event_pb2 import EventEnvelope
from google.protobuf import json_format
from google.protobuf.message import Message

from mesh.context import trace_id_of
from mesh.events import options_of
from notify_svc.domain import Endpoint


@dataclass(frozen=True, slots=True)
class PublicEvent:
    """An event as a merchant's webhook carries it; `body` is exactly what is signed and sent."""

    event_id: UUID
    merchant_id: UUID
    type: str
    aggregate_id: UUID
    aggregate_version: int
    order_id: str
    time: datetime
    trace_id: str
    body: bytes


def public_event(envelope: EventEnvelope, fact: Message) -> PublicEvent | None:
    """Return what merchants see of a fact; None for one that is internal.

    The body is `{"id", "type", "timestamp", "data"}` (Standard Webhooks), the data as the REST API prints the resource.
    """
    public_type = options_of(fact.DESCRIPTOR).public_type
    if not public_type:
        return None
    data = json_format.MessageToDict(fact, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    body = {
        "id": envelope.event_id,
        "type": public_type,
        "timestamp": envelope.time.ToJsonString(),
        "data": data,
    }
    resource = next(iter(data.values()))
    return PublicEvent(
        event_id=UUID(envelope.event_id),
        merchant_id=UUID(envelope.merchant_id),
        type=public_type,
        aggregate_id=UUID(envelope.aggregate_id),
        aggregate_version=envelope.aggregate_version,
        order_id=resource.get("order_id", ""),
        time=envelope.time.ToDatetime(UTC),
        trace_id=trace_id_of(envelope.traceparent),
        body=orjson.dumps(body),
    )


def endpoint_message(endpoint: Endpoint, secret: str) -> endpoint_pb2.WebhookEndpoint:
    """Return an endpoint as the contract shows it at its creation, with its secret."""
    message = endpoint_pb2.WebhookEndpoint(
        webhook_endpoint_id=str(endpoint.endpoint_id), url=endpoint.url, secret=secret
    )
    message.create_time.FromDatetime(endpoint.create_time)
    return message
