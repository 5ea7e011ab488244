"""The HTTP routes that the contracts declare (`google.api.http`), read from the one descriptor set.

Envoy's configuration and the edge's request checks are both made from this table, so they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

from fusionx.type.v1 import access_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from mesh.contract.descriptors import contract_services

HTTP_BODY = "google.api.HttpBody"
SEGMENT = "[A-Za-z0-9._~-]+"
"""What a path variable may hold: ids and names need no escapes (RFC 3986, unreserved characters)."""
REFLECTION = "grpc.reflection.v1.ServerReflection"
"""The service by which clients of gRPC ask what there is; merchants ask the edge."""
REFLECTION_PATHS = tuple(f"/{name}/ServerReflectionInfo" for name in (REFLECTION, REFLECTION.replace("v1", "v1alpha")))
"""Its one RPC, by the versions that clients know: the messages are the same."""
_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Route:
    """One HTTP binding of an RPC."""

    rpc: MethodDescriptor
    method: str
    template: str
    body: str

    @property
    def service(self) -> str:
        """Full name of the gRPC service."""
        return str(self.rpc.containing_service.full_name)

    @property
    def package(self) -> str:
        """The domain that the service belongs to: `order`, `payment`, `notify`."""
        return self.service.split(".")[1]

    @property
    def variables(self) -> frozenset[str]:
        """Fields that the path carries."""
        return frozenset(_VARIABLE.findall(self.template))

    @property
    def pattern(self) -> str:
        """A regular expression (RE2) for the whole path."""
        return "".join(
            SEGMENT if _VARIABLE.fullmatch(part) else re.escape(part) for part in re.split(r"(\{\w+\})", self.template)
        )

    @property
    def is_raw(self) -> bool:
        """Whether the body is handed on as the bytes that came, as for provider webhooks."""
        field = self.request.fields_by_name.get(self.body)
        return field is not None and field.message_type is not None and field.message_type.full_name == HTTP_BODY

    @property
    def is_stream(self) -> bool:
        """Whether the answer goes on for as long as both sides like."""
        return bool(self.rpc.server_streaming)

    @property
    def is_export(self) -> bool:
        """Whether the answer is a file, which ends."""
        return self.is_stream and "format" in self.request.fields_by_name

    @property
    def is_authenticated(self) -> bool:
        """Whether the caller must be a merchant."""
        return bool(self.rpc.GetOptions().Extensions[access_pb2.access] == access_pb2.ACCESS_MERCHANT)

    @property
    def scope(self) -> str:
        """What the merchant's key must be allowed to do; empty where no key comes in."""
        return str(self.rpc.GetOptions().Extensions[access_pb2.scope])

    @property
    def request(self) -> Descriptor:
        """The request message."""
        return self.rpc.input_type

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled `pattern`."""
        return re.compile(self.pattern)


@cache
def contract_routes() -> tuple[Route, ...]:
    """Return every HTTP binding of every RPC, in the order of the contracts."""
    rpcs = (rpc for service in contract_services() for rpc in service.methods)
    return tuple(route for rpc in rpcs for route in _bindings(rpc))


def _bindings(rpc: MethodDescriptor) -> list[Route]:
    options = rpc.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return []
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]
    return [_route(rpc, binding) for binding in (rule, *rule.additional_bindings)]


def _route(rpc: MethodDescriptor, rule: http_pb2.HttpRule) -> Route:
    verb = rule.WhichOneof("pattern")
    return Route(rpc, str(verb).upper(), getattr(rule, str(verb)), rule.body)


def scopes_of(routes: Iterable[Route]) -> frozenset[str]:
    """Return every scope that an RPC takes: the ones that a key can be given."""
    return frozenset(route.scope for route in routes if route.scope)
