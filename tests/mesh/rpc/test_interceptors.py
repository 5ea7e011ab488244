"""What happens around a streaming RPC: the same as around any, but that it may last, and does not count as a call."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Never

import grpc
import pytest
from fusionx.notify.v1 import event_pb2
from fusionx.notify.v1 import event_service_pb2 as service_pb2
from fusionx.notify.v1 import event_service_pb2_grpc as service_grpc
from google.api import httpbody_pb2
from google.protobuf.descriptor import ServiceDescriptor

from mesh import context
from mesh.errors import ApiError, not_found
from mesh.rpc.interceptors import CallInterceptor, access_of
from tests.support.waiting import come_true

SERVICE: ServiceDescriptor = service_pb2.DESCRIPTOR.services_by_name["EventService"]
EVENT = service_pb2.GetEventRequest(event_id=str(uuid.uuid4()))
MERCHANT = (("x-merchant-id", str(uuid.uuid4())), ("x-merchant-scopes", "events:read"))
STREAMS = 2


class Servicer(service_grpc.EventServiceServicer):
    """Streams that do what the test asks for in the place of a filter."""

    def __init__(self) -> None:
        self.open = 0

    async def GetEvent(self, request: service_pb2.GetEventRequest, _: Any) -> event_pb2.Event:  # noqa: N802
        return event_pb2.Event(event_id=request.event_id)

    async def ListEvents(self, request: service_pb2.ListEventsRequest, _: Any) -> Never:  # noqa: N802
        raise NotImplementedError

    async def ListEventDeliveries(self, request: service_pb2.ListEventDeliveriesRequest, _: Any) -> Never:  # noqa: N802
        raise NotImplementedError

    async def ResendEvent(self, request: service_pb2.ResendEventRequest, _: Any) -> Never:  # noqa: N802
        raise NotImplementedError

    async def ResendEvents(self, request: service_pb2.ResendEventsRequest, _: Any) -> Never:  # noqa: N802
        raise NotImplementedError

    async def StreamEvents(  # noqa: N802
        self, request: service_pb2.StreamEventsRequest, _: Any
    ) -> AsyncGenerator[httpbody_pb2.HttpBody]:
        self.open += 1
        try:
            context.current().response_headers.append(("x-said", "once"))
            for word in request.event_types:
                if word == "refuse":
                    raise not_found("event", "7")
                if word == "break":
                    raise RuntimeError("a secret")
                if word == "file":
                    context.current().is_whole = True
                if word == "wait":
                    await asyncio.Event().wait()
                if word == "rest":
                    await asyncio.sleep(0.3)
                yield httpbody_pb2.HttpBody(data=word.encode())
        finally:
            self.open -= 1


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture
async def interceptor() -> CallInterceptor:
    return CallInterceptor(access_of(SERVICE), max_concurrent=1, max_streams=STREAMS, default_deadline=0.1)


@pytest.fixture
async def stub(servicer: Servicer, interceptor: CallInterceptor) -> AsyncIterator[Any]:
    server = grpc.aio.server(interceptors=[interceptor])
    service_grpc.add_EventServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield service_grpc.EventServiceStub(channel)
    await server.stop(0)


def stream(stub: Any, *words: str, metadata: Any = MERCHANT) -> Any:
    return stub.StreamEvents(service_pb2.StreamEventsRequest(event_types=words), metadata=metadata)


async def said(call: Any) -> list[str]:
    return [message.data.decode() async for message in call]


async def refusal(call: Any) -> ApiError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await said(call)
    return ApiError.from_rpc(refused.value)


async def test_stream_outlasts_the_default_deadline_and_sends_its_headers_once(stub: Any) -> None:
    call = stream(stub, "a", "rest", "b")
    assert await said(call) == ["a", "rest", "b"]
    assert dict(await call.initial_metadata())["x-said"] == "once"
    assert "x-said" not in dict(await call.trailing_metadata())


@pytest.mark.parametrize("before", [[], ["a", "b"]])
async def test_what_is_raised_becomes_a_status_at_any_time(before: list[str], stub: Any, servicer: Servicer) -> None:
    refused = await refusal(stream(stub, *before, "refuse"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "EVENT_NOT_FOUND")
    broken = await refusal(stream(stub, *before, "break"))
    assert (broken.code, broken.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert broken.metadata["error_id"]
    assert "secret" not in broken.message
    assert servicer.open == 0


async def test_file_is_broken_off_by_a_replica_that_stops_and_a_stream_is_not(
    stub: Any, interceptor: CallInterceptor
) -> None:
    interceptor.end_files()
    assert await said(stream(stub, "a", "b")) == ["a", "b"]
    assert (await refusal(stream(stub, "a", "file", "b"))).reason == "STOPPING"


@pytest.mark.parametrize(
    ("metadata", "words", "reason"),
    [
        ((), ["a"], "IDENTITY_MISSING"),
        ((MERCHANT[0], ("x-merchant-scopes", "events:write")), ["a"], "SCOPE_MISSING"),
        (MERCHANT, ["a", ""], "INVALID_ARGUMENT"),
        ((*MERCHANT, ("idempotency-key", "a"), ("idempotency-key", "b")), ["a"], "INVALID_ARGUMENT"),
        (MERCHANT, ["4111 1111 1111 1111"], "CARD_NUMBER_REFUSED"),
    ],
)
async def test_stream_is_held_to_what_calls_are(metadata: Any, words: list[str], reason: str, stub: Any) -> None:
    assert (await refusal(stream(stub, *words, metadata=metadata))).reason == reason


async def test_streams_have_a_bound_of_their_own_and_leave_room_for_calls(stub: Any, servicer: Servicer) -> None:
    waiting = [stream(stub, "wait") for _ in range(STREAMS)]
    readers = [asyncio.create_task(said(call)) for call in waiting]
    await come_true(lambda: servicer.open == STREAMS, "the streams")
    refused = await refusal(stream(stub, "a"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
    assert (await stub.GetEvent(EVENT, metadata=MERCHANT)).event_id == EVENT.event_id
    for call in waiting:
        call.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await come_true(lambda: servicer.open == 0, "the ends of the streams")
    assert await said(stream(stub, "a")) == ["a"]


async def test_second_idempotency_key_is_refused_of_a_call_too(stub: Any) -> None:
    assert await stub.GetEvent(EVENT, metadata=(*MERCHANT, ("idempotency-key", "a")))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetEvent(EVENT, metadata=(*MERCHANT, ("idempotency-key", "a"), ("idempotency-key", "a")))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Idempotency-Key: stands twice" in str(refused.value.details())
