"""Between the contract's messages and what merchants see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from fusionx.notify.v1 import webhook_endpoint_pb2 as endpoint_pb2
from fusionx.type.v1.event_pb2 import EventEnvelope
from google.protobuf import json_format
from google.protobuf.message import Message

from mesh.context import trace_id_of
from mesh.events import fact_of, options_of
from notify_svc.domain import Endpoint


@dataclass(frozen=True, slots=True)
class PublicEvent:
    """An event that a merchant hears of; `payload` is the envelope as it came."""

    event_id: UUID
    merchant_id: UUID
    type: str
    aggregate_id: UUID
    aggregate_version: int
    order_id: str
    create_time: datetime
    trace_id: str
    payload: bytes


def public_event(envelope: EventEnvelope, fact: Message) -> PublicEvent | None:
    """Return what a merchant hears of a fact; None for one that is internal."""
    public_type = options_of(fact.DESCRIPTOR).public_type
    if not public_type:
        return None
    return PublicEvent(
        event_id=UUID(envelope.event_id),
        merchant_id=UUID(envelope.merchant_id),
        type=public_type,
        aggregate_id=UUID(envelope.aggregate_id),
        aggregate_version=envelope.aggregate_version,
        order_id=_resource(fact).order_id,
        create_time=envelope.time.ToDatetime(UTC),
        trace_id=trace_id_of(envelope.traceparent),
        payload=envelope.SerializeToString(),
    )


def webhook_body(payload: bytes) -> bytes:
    """Return exactly what is signed and sent of a stored event: `{"id", "type", "timestamp", "data"}`.

    The form is Standard Webhooks'; the data is printed as the REST API prints the resource.
    """
    envelope = EventEnvelope.FromString(payload)
    fact = fact_of(envelope)
    data = json_format.MessageToDict(fact, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return orjson.dumps(
        {
            "id": envelope.event_id,
            "type": options_of(fact.DESCRIPTOR).public_type,
            "timestamp": envelope.time.ToJsonString(),
            "data": data,
        }
    )


def _resource(fact: Message) -> Any:
    """Return the order or the payment that a fact is about: its only field."""
    return getattr(fact, fact.DESCRIPTOR.fields[0].name)


def endpoint_message(endpoint: Endpoint, secret: str) -> endpoint_pb2.WebhookEndpoint:
    """Return an endpoint as the contract shows it at its creation, with its secret."""
    message = endpoint_pb2.WebhookEndpoint(
        webhook_endpoint_id=str(endpoint.endpoint_id), url=endpoint.url, secret=secret
    )
    message.create_time.FromDatetime(endpoint.create_time)
    return message
