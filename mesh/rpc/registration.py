"""What a server serves: a gRPC service, what implements it, and who may call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from mesh.rpc.callers import Allowed, callers_of


class ByName:
    """A server that looks for a call's method by its name when the call is there.

    Methods that are registered are waited for one by one, all of them anew for each call (grpc.aio): with forty of them
    that costs a fifth of a call that does nothing.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Have calls answered."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Do nothing: they are among the generic ones as well."""


@dataclass(frozen=True)
class Registration:
    """A gRPC service and what implements it.

    `descriptor` is None for a protocol that is not of our contract, such as Envoy's: its calls are not intercepted, and
    who may make them is said by `callers`.
    """

    add: Callable[[Any, Any], None]
    servicer: object
    descriptor: ServiceDescriptor | None = None
    name: str = ""
    callers: Allowed = frozenset({"envoy"})

    @property
    def full_name(self) -> str:
        """The name of the gRPC service."""
        return str(self.descriptor.full_name) if self.descriptor else self.name

    @property
    def allowed(self) -> Allowed:
        """Who may call it. Raises TypeError when the contract does not say."""
        return callers_of(self.descriptor) if self.descriptor else self.callers

    @classmethod
    def of(cls, messages: ModuleType, stubs: ModuleType, servicer: object) -> Registration:
        """Return the registration of the one service that a file of the contract declares."""
        (descriptor,) = messages.DESCRIPTOR.services_by_name.values()
        return cls(getattr(stubs, f"add_{descriptor.name}Servicer_to_server"), servicer, descriptor)
