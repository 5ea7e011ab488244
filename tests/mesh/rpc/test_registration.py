"""How services are added to a server."""

from __future__ import annotations

from typing import Any

from grpc_health.v1 import health_pb2_grpc

from mesh.rpc.registration import ByName


class _Server:
    """A server that notes what it was given."""

    def __init__(self) -> None:
        self.generic: list[Any] = []
        self.registered: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self.generic.extend(handlers)

    def add_registered_method_handlers(self, service: str, _: Any) -> None:
        self.registered.append(service)


def test_no_method_is_registered_as_each_would_be_waited_for_at_every_call() -> None:
    server = _Server()
    both: Any = server
    health_pb2_grpc.add_HealthServicer_to_server(health_pb2_grpc.HealthServicer(), both)
    assert (len(server.generic), server.registered) == (1, ["grpc.health.v1.Health"])
    by_name: Any = ByName(both)
    health_pb2_grpc.add_HealthServicer_to_server(health_pb2_grpc.HealthServicer(), by_name)
    assert (len(server.generic), server.registered) == (2, ["grpc.health.v1.Health"])
