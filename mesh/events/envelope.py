"""Facts and their envelopes: from a message of the contract to what the outbox stores, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from fusionx.type.v1 import event_pb2
from google.protobuf import symbol_database
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from mesh import context
from mesh.ids import new_id
from mesh.messages import timestamp


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """One row for the outbox."""

    event_id: UUID
    aggregate_id: UUID
    subject: str
    payload: bytes
    create_time: datetime


@cache
def options_of(descriptor: Descriptor) -> event_pb2.EventOptions:
    """Return the event options of a message. Raises TypeError when the contract does not declare it an event."""
    options = descriptor.GetOptions().Extensions[event_pb2.event]
    if not options.subject:
        raise TypeError(f"{descriptor.full_name} is not declared an event in the contract")
    return options


def event(fact: Message, *, aggregate_id: UUID, version: int, merchant_id: UUID, time: datetime) -> OutboxEvent:
    """Wrap a fact for the outbox, under the trace of the current call."""
    event_id = new_id()
    envelope = event_pb2.EventEnvelope(
        event_id=str(event_id),
        type=fact.DESCRIPTOR.full_name,
        aggregate_id=str(aggregate_id),
        aggregate_version=version,
        merchant_id=str(merchant_id),
        traceparent=context.current().traceparent,
        time=timestamp(time),
    )
    envelope.data.Pack(fact)
    return OutboxEvent(event_id, aggregate_id, options_of(fact.DESCRIPTOR).subject, envelope.SerializeToString(), time)


class UnknownTypeError(ValueError):
    """An event is of a type that this process does not know: who published it may be of a later version."""

    def __init__(self, envelope: event_pb2.EventEnvelope) -> None:
        super().__init__(f"unknown event type {envelope.type}")
        self.envelope = envelope


def fact_of(envelope: event_pb2.EventEnvelope) -> Message:
    """Return the fact inside. Raises UnknownTypeError, and ValueError when it is not what the envelope says."""
    try:
        fact: Message = symbol_database.Default().GetSymbol(envelope.type)()
    except KeyError:
        raise UnknownTypeError(envelope) from None
    if not envelope.data.Unpack(fact):
        raise ValueError(f"the data of event {envelope.event_id} is not {envelope.type}")
    return fact


def headers_of(envelope: event_pb2.EventEnvelope, repeats: int = 0) -> dict[str, str]:
    """Return the NATS headers of an event: CloudEvents 1.0 attributes, trace context, and the id to deduplicate by.

    The latter is another one each time that the event is published again on purpose: a stream may remember an id whose
    message it has lost.
    """
    return {
        "Nats-Msg-Id": f"{envelope.event_id}.{repeats}" if repeats else envelope.event_id,
        "content-type": "application/protobuf",
        "ce-specversion": "1.0",
        "ce-id": envelope.event_id,
        "ce-type": envelope.type,
        "ce-source": "/fusionxpay/" + envelope.type.split(".")[1],
        "ce-subject": envelope.aggregate_id,
        "ce-time": envelope.time.ToJsonString(),
        "traceparent": envelope.traceparent,
    }


def columns(events: Iterable[OutboxEvent]) -> dict[str, list[object]]:
    """Turn events into one array a column, for an insert by `unnest`."""
    rows = list(events)
    names = ("event_id", "aggregate_id", "subject", "payload", "create_time")
    return {name: [getattr(row, name) for row in rows] for name in names}
