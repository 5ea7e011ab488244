"""The contract as the generators of both clients read it, with its comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

ACCESS_MERCHANT = 1


class Contract:
    """The descriptor set: its types, their options whoever defines them, and their comments."""

    def __init__(self, descriptors: bytes) -> None:
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptors)
        self.pool = descriptor_pool.DescriptorPool()
        self._comments: dict[str, str] = {}
        for file in files.file:
            self.pool.Add(file)
            for location in file.source_code_info.location:
                if name := described_name(file, location.path):
                    self._comments[name] = location.leading_comments
        self._names = [file.name for file in files.file]

    def services(self) -> Iterator[ServiceDescriptor]:
        """Yield the services that have something for merchants."""
        for name in sorted(self._names):
            for service in self.pool.FindFileByName(name).services_by_name.values():
                if any(self.is_for_merchants(rpc) for rpc in service.methods):
                    yield service

    def is_for_merchants(self, rpc: MethodDescriptor) -> bool:
        """Whether merchants may call an RPC."""
        return bool(self.option(rpc, "fusionx.type.v1.access") == ACCESS_MERCHANT)

    def option(self, described: Any, name: str) -> Any:
        """Return an option of a method or a field. It is read again in the set's own pool, which knows it."""
        given = described.GetOptions()
        options: Any = message_factory.GetMessageClass(self.pool.FindMessageTypeByName(given.DESCRIPTOR.full_name))()
        options.ParseFromString(given.SerializeToString())
        return options.Extensions[self.pool.FindExtensionByName(name)]

    def path_without(self, rpc: MethodDescriptor) -> str | None:
        """Return the RPC's further path that names nothing, when its first one does."""
        rule = self.option(rpc, "google.api.http")
        others = [str(other.get) for other in rule.additional_bindings if "{" not in str(other.get)]
        return others[0] if "{" in str(rule.get) and others and others[0] else None

    def comment_or_none(self, described: Any) -> str:
        """Return what the contract says of a field, where it says something that is kept."""
        return self._comments.get(described.full_name, "")

    def comment(self, described: Any) -> str:
        """Return what the contract says of a service, an RPC or a field of a message that is not nested."""
        return self._comments[described.full_name]


def described_name(file: descriptor_pb2.FileDescriptorProto, path: Sequence[int]) -> str:
    """Return the full name of the service, the RPC or the field that a comment is of; empty for another thing's."""
    kinds: dict[int, Any] = {4: (file.message_type, "field"), 6: (file.service, "method")}
    if len(path) not in (2, 4) or path[0] not in kinds or (len(path) == 4 and path[2] != 2):
        return ""
    outer, inner = kinds[path[0]]
    name = f"{file.package}.{outer[path[1]].name}"
    return name if len(path) == 2 else f"{name}.{getattr(outer[path[1]], inner)[path[3]].name}"
