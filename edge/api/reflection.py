"""Reflection for merchants: what they may call and what that is made of, and nothing else of the mesh."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2 import (
    ErrorResponse,
    FileDescriptorResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from mesh.contract.descriptors import described_files
from mesh.rpc.headers import ACCOUNT_KEY
from mesh.rpc.routes import REFLECTION, Route

Context = grpc.aio.ServicerContext[Any, Any]
TOO_MUCH = grpc.StatusCode.RESOURCE_EXHAUSTED
MAX_QUESTIONS = 200
"""How many one conversation has: many times what clients ask before they call."""
MAX_OF_A_MERCHANT = 2
"""How many conversations a merchant has at a time with one process, of the few that Envoy lets through."""


class Reflection(reflection.aio.ReflectionServicer):  # type: ignore[misc]
    """The library's, in the bounds of a process that has to be free for every request's question."""

    def __init__(self, services: Iterable[str], pool: DescriptorPool) -> None:
        super().__init__(services, pool)
        self._open: Counter[str] = Counter()
        self._kept: dict[str, FileDescriptorResponse] = {}

    async def ServerReflectionInfo(
        self, requests: AsyncIterable[ServerReflectionRequest], servicer: Context
    ) -> AsyncIterator[ServerReflectionResponse]:
        """Answer a conversation's questions. Its status is RESOURCE_EXHAUSTED beyond the bounds."""
        merchant = str(dict(servicer.invocation_metadata() or ()).get(ACCOUNT_KEY, ""))
        if self._open[merchant] >= MAX_OF_A_MERCHANT:
            await servicer.abort(TOO_MUCH, f"at most {MAX_OF_A_MERCHANT} conversations at a time: end one first")
        self._open[merchant] += 1
        try:
            async for answer in super().ServerReflectionInfo(_bounded(requests, servicer), servicer):
                yield answer
        finally:
            self._open[merchant] -= 1
            if not self._open[merchant]:
                del self._open[merchant]

    def _file_by_filename(self, request: ServerReflectionRequest, name: str) -> ServerReflectionResponse:
        return self._answer(request, lambda: self._pool.FindFileByName(name))

    def _file_containing_symbol(self, request: ServerReflectionRequest, name: str) -> ServerReflectionResponse:
        return self._answer(request, lambda: self._pool.FindFileContainingSymbol(name))

    def _file_containing_extension(
        self, request: ServerReflectionRequest, extended: str, number: int
    ) -> ServerReflectionResponse:
        def find() -> FileDescriptor:
            message = self._pool.FindMessageTypeByName(extended)
            file: FileDescriptor = self._pool.FindExtensionByNumber(message, number).file
            return file

        return self._answer(request, find)

    def _answer(self, request: ServerReflectionRequest, find: Callable[[], FileDescriptor]) -> ServerReflectionResponse:
        try:
            file = find()
        except KeyError:
            code, words = grpc.StatusCode.NOT_FOUND.value
            none = ErrorResponse(error_code=code, error_message=words)
            return ServerReflectionResponse(error_response=none, original_request=request)
        # it never changes, and takes milliseconds to put together
        if (kept := self._kept.get(file.name)) is None:
            kept = self._kept[file.name] = with_all_that_it_imports(file)
        return ServerReflectionResponse(file_descriptor_response=kept, original_request=request)


def with_all_that_it_imports(file: FileDescriptor) -> FileDescriptorResponse:
    """Return a file and the files that it needs, itself first."""
    found: dict[str, bytes] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop(0)
        if one.name not in found:
            found[one.name] = one.serialized_pb
            waiting += one.dependencies
    return FileDescriptorResponse(file_descriptor_proto=found.values())


async def _bounded(
    requests: AsyncIterable[ServerReflectionRequest], servicer: Context
) -> AsyncIterator[ServerReflectionRequest]:
    """Return the questions of a conversation; at one too many it is ended."""
    asked = 0
    async for request in requests:
        asked += 1
        if asked > MAX_QUESTIONS:
            await servicer.abort(TOO_MUCH, f"a conversation has at most {MAX_QUESTIONS} questions: begin another")
        yield request


def public_reflection(routes: Iterable[Route]) -> Reflection:
    """Return the servicer that reflects the services of the routes that take a merchant's key."""
    public = [route for route in routes if route.is_authenticated]
    pool = DescriptorPool()
    for file in _files_with({str(route.rpc.containing_service.file.name) for route in public}):
        pool.Add(file)
    return Reflection({route.service for route in public}, pool)


def serve_reflection(servicer: Reflection, server: grpc.aio.Server) -> None:
    """Serve it as version 1, whose messages are those of v1alpha; that one is each process's own."""
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(REFLECTION, {"ServerReflectionInfo": handler}),)
    )


def _files_with(names: set[str]) -> list[FileDescriptorProto]:
    """Return these files of the contract and all that they import, each after what it imports."""
    files = described_files()
    needed = set(names)
    # a file of the set comes after what it imports
    for file in reversed(files):
        if file.name in needed:
            needed.update(file.dependency)
    return [file for file in files if file.name in needed]
