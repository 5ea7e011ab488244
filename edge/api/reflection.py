"""Reflection for merchants: what they may call and what that is made of, and nothing else of the mesh."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2

from mesh.rpc.routes import DESCRIPTORS, REFLECTION, Route


def public_reflection(routes: Iterable[Route]) -> Any:
    """Return the servicer that reflects the services of the routes that take a merchant's key."""
    public = [route for route in routes if route.is_authenticated]
    pool = DescriptorPool()
    for file in _files_with({str(route.rpc.containing_service.file.name) for route in public}):
        pool.Add(file)
    return reflection.aio.ReflectionServicer(sorted({route.service for route in public}), pool)


def serve_reflection(servicer: Any, server: grpc.aio.Server) -> None:
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
    files = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
    needed = set(names)
    # a file of the set comes after what it imports
    for file in reversed(files):
        if file.name in needed:
            needed.update(file.dependency)
    return [file for file in files if file.name in needed]
