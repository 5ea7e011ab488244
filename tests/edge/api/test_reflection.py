"""The bounds of what clients of gRPC ask before they call, at a server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import (
    FileDescriptorResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from edge.api import reflection
from edge.api.reflection import MAX_OF_A_MERCHANT, MAX_QUESTIONS, public_reflection, serve_reflection
from mesh.rpc.headers import ACCOUNT_KEY
from mesh.rpc.routes import REFLECTION_PATHS, contract_routes
from tests.support.waiting import PATIENCE

LIST = ServerReflectionRequest(list_services="")
ORDERS = "fusionx.order.v1.OrderService"


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    serve_reflection(public_reflection(contract_routes()), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


def talk(channel: grpc.aio.Channel, merchant: str) -> Any:
    return channel.stream_stream(
        REFLECTION_PATHS[0], ServerReflectionRequest.SerializeToString, ServerReflectionResponse.FromString
    )(metadata=((ACCOUNT_KEY, merchant),), timeout=PATIENCE)


async def ask(call: Any, question: ServerReflectionRequest) -> Any:
    await call.write(question)
    return await call.read()


async def test_what_is_asked_again_is_not_put_together_again(
    channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = reflection.with_all_that_it_imports

    def counted(file: FileDescriptor) -> FileDescriptorResponse:
        made.append(file.name)
        return make(file)

    monkeypatch.setattr(reflection, "with_all_that_it_imports", counted)
    call = talk(channel, "a")
    questions = [
        *({"file_containing_symbol": ORDERS}, {"file_containing_symbol": "fusionx.order.v1.CreateOrderRequest"}),
        {"file_by_filename": "fusionx/order/v1/order_service.proto"},
    ]
    answers = [await ask(call, ServerReflectionRequest(**one)) for one in questions]
    files = [list(one.file_descriptor_response.file_descriptor_proto) for one in answers]
    names = [FileDescriptorProto.FromString(file).name for file in files[0]]
    assert (files[1:], made) == ([files[0]] * 2, ["fusionx/order/v1/order_service.proto"])
    assert names[0] == made[0]
    assert len(set(names)) == len(names)
    assert {"fusionx/order/v1/order.proto", "google/protobuf/timestamp.proto"} <= set(names)
    call.cancel()


async def test_extension_is_found_in_its_file(channel: grpc.aio.Channel) -> None:
    question = ServerReflectionRequest()
    question.file_containing_extension.containing_type = "google.protobuf.MethodOptions"
    question.file_containing_extension.extension_number = 72295728
    call = talk(channel, "a")
    first = (await ask(call, question)).file_descriptor_response.file_descriptor_proto[0]
    assert FileDescriptorProto.FromString(first).name == "google/api/annotations.proto"
    call.cancel()


async def test_conversation_ends_after_so_many_questions(channel: grpc.aio.Channel) -> None:
    call = talk(channel, "a")
    for _ in range(MAX_QUESTIONS):
        assert (await ask(call, LIST)).list_services_response.service
    with pytest.raises(grpc.RpcError):
        await ask(call, LIST)
    assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_conversations_of_a_merchant_are_few_and_others_have_theirs(channel: grpc.aio.Channel) -> None:
    held = [talk(channel, "a") for _ in range(MAX_OF_A_MERCHANT)]
    for call in held:
        await ask(call, LIST)
    one_more = talk(channel, "a")
    assert await one_more.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    others = talk(channel, "b")
    assert (await ask(others, LIST)).list_services_response.service
    others.cancel()
    held[0].cancel()

    async def has_room() -> None:
        while True:
            again = talk(channel, "a")
            try:
                if (await ask(again, LIST)) is not grpc.aio.EOF:
                    again.cancel()
                    return
            except grpc.RpcError:
                continue

    await asyncio.wait_for(has_room(), PATIENCE)
    held[1].cancel()
