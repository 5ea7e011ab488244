"""gRPC in, use case, gRPC out: the dead letters of whichever service it is registered at."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.mesh.v1 import dead_letter_pb2 as letter_pb2
from fusionx.mesh.v1 import dead_letter_service_pb2 as service_pb2
from fusionx.mesh.v1 import dead_letter_service_pb2_grpc as service_grpc
from fusionx.type.v1 import event_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from mesh.events.dead_letters import DeadLetter, DeadLetters, State, event_of
from mesh.paging import page
from mesh.redaction import redacted, redacted_bytes, redacted_values
from mesh.rpc.callers import caller_of
from mesh.rpc.registration import Registration

Context = grpc.aio.ServicerContext[Any, Any]


class DeadLetterServicer(service_grpc.DeadLetterServiceServicer):
    """The internal contract of dead letters; each RPC's promise is written there."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    @classmethod
    def registration(cls, letters: DeadLetters) -> Registration:
        """Return the registration at a service that consumes."""
        return Registration.of(service_pb2, service_grpc, cls(letters))

    async def ListDeadLetters(
        self, request: service_pb2.ListDeadLettersRequest, _: Context
    ) -> service_pb2.ListDeadLettersResponse:
        """Return a page of letters."""
        state = State(letter_pb2.DeadLetter.State.Name(request.state)) if request.state else None
        letters, token = await page(
            request,
            lambda after, limit: self._letters.page(request.consumer, state, after, limit),
            lambda letter: letter.dead_letter_id,
            _message,
        )
        return service_pb2.ListDeadLettersResponse(dead_letters=letters, next_page_token=token)

    async def GetDeadLetter(self, request: service_pb2.GetDeadLetterRequest, _: Context) -> letter_pb2.DeadLetter:
        """Return one letter with what is in it."""
        return _whole_message(await self._letters.get(UUID(request.dead_letter_id)))

    async def ReplayDeadLetter(
        self, request: service_pb2.ReplayDeadLetterRequest, servicer: Context
    ) -> letter_pb2.DeadLetter:
        """Apply the event of a letter."""
        actor = caller_of(servicer.auth_context())
        return _whole_message(await self._letters.replay(UUID(request.dead_letter_id), actor))

    async def DropDeadLetter(
        self, request: service_pb2.DropDeadLetterRequest, servicer: Context
    ) -> letter_pb2.DeadLetter:
        """Have the event of a letter never applied."""
        actor = caller_of(servicer.auth_context())
        return _whole_message(await self._letters.drop(UUID(request.dead_letter_id), actor))


def _message(letter: DeadLetter) -> letter_pb2.DeadLetter:
    """Return a letter as lists show it."""
    message = letter_pb2.DeadLetter(
        dead_letter_id=str(letter.dead_letter_id),
        consumer=letter.consumer,
        state=letter_pb2.DeadLetter.State.Value(letter.state),
        subject=redacted(letter.subject),
        reason=redacted(letter.reason),
        deliveries=letter.deliveries,
        failed_replays=letter.failed_replays,
        closed_by=letter.closed_by,
    )
    for name in ("create_time", "replay_time", "drop_time"):
        if time := getattr(letter, name):
            getattr(message, name).FromDatetime(time)
    envelope = _envelope(letter)
    if envelope:
        message.event.CopyFrom(_event(envelope))
    return message


def _whole_message(letter: DeadLetter) -> letter_pb2.DeadLetter:
    """Return a letter with its fact, or with its bytes where no fact can be read."""
    message = _message(letter)
    event = event_of(letter)
    if event:
        message.event.fact.update(redacted_values(MessageToDict(event.fact, preserving_proto_field_name=True)))
    else:
        message.payload = redacted_bytes(bytes(letter.payload))
    return message


def _envelope(letter: DeadLetter) -> event_pb2.EventEnvelope | None:
    """Return the envelope; None when the bytes are none, or only look like one by chance."""
    try:
        envelope = event_pb2.EventEnvelope.FromString(bytes(letter.payload))
    except DecodeError:
        return None
    return envelope if envelope.event_id and envelope.type else None


def _event(envelope: event_pb2.EventEnvelope) -> letter_pb2.DeadEvent:
    return letter_pb2.DeadEvent(
        event_id=redacted(envelope.event_id),
        type=redacted(envelope.type),
        time=envelope.time,
        aggregate_id=redacted(envelope.aggregate_id),
        aggregate_version=envelope.aggregate_version,
        merchant_id=redacted(envelope.merchant_id),
        traceparent=redacted(envelope.traceparent),
    )
