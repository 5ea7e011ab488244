"""Who may call which service: the second layer, behind a handshake that only certificates of the mesh pass.

Each service of the contracts declares its callers (`fusionx.type.v1.callers`). A caller is who its certificate says,
never what a header says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import grpc
from fusionx.type.v1 import callers_pb2
from google.protobuf.descriptor import ServiceDescriptor

from mesh.errors import DETAILS_KEY, ApiError
from mesh.telemetry import get_logger
from mesh.tls import TRUST_DOMAIN

log = get_logger(__name__)
NAMES = "x509_subject_alternative_name"
OPEN_SERVICES = (
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
    "grpc.reflection.v1.ServerReflection",
)
"""What every process of the mesh may ask of every other."""

ServicerContext = grpc.aio.ServicerContext[Any, Any]
Allowed = frozenset[str]
Behaviour = Callable[[Any, Any], Awaitable[Any]]


def callers_of(service: ServiceDescriptor) -> Allowed:
    """Return the names of the processes that a service declares as its callers.

    Raises TypeError for a service without a declaration: it must not start.
    """
    declared = frozenset(service.GetOptions().Extensions[callers_pb2.callers])
    if not declared:
        raise TypeError(f"{service.full_name} does not declare its callers")
    return declared


def caller_of(auth_context: Mapping[str, Any]) -> str:
    """Return the name in the caller's certificate; empty when it has none of ours."""
    for name in auth_context.get(NAMES, ()):
        text = str(name, errors="replace")
        if text.startswith(TRUST_DOMAIN):
            return text.removeprefix(TRUST_DOMAIN)
    return ""


def check(servicer: ServicerContext, allowed: Allowed) -> None:
    """Raise ApiError PERMISSION_DENIED, reason CALLER_NOT_ALLOWED, unless the caller is one of the allowed."""
    caller = caller_of(servicer.auth_context())
    if caller not in allowed:
        raise not_allowed(caller)


def not_allowed(caller: str) -> ApiError:
    """Return the refusal of a caller."""
    return ApiError(
        grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED", f"{caller or 'an unnamed process'} may not call this"
    )


class CallerInterceptor(grpc.aio.ServerInterceptor):
    """Lets only declared callers through, to every RPC of a server but health and reflection."""

    def __init__(self, callers: Mapping[str, Allowed]) -> None:
        """Take the callers of each service by its full name; a service without an entry has no callers."""
        self._callers = callers
        self._guarded: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the method's handler behind its guard."""
        method = str(handler_call_details.method)
        if method in self._guarded:
            return self._guarded[method]
        handler = await continuation(handler_call_details)
        service = method.split("/")[1] if method.count("/") == 2 else ""
        if handler is None or service in OPEN_SERVICES:
            return handler
        if handler.request_streaming:
            raise TypeError(f"{method} takes a stream, and cannot be guarded")
        streaming = handler.response_streaming
        behaviour = handler.unary_stream if streaming else handler.unary_unary
        made = grpc.unary_stream_rpc_method_handler if streaming else grpc.unary_unary_rpc_method_handler
        guarded: grpc.RpcMethodHandler[Any, Any] = made(
            _guarded(cast(Behaviour, behaviour), method, self._callers.get(service, frozenset())),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        self._guarded[method] = guarded
        return guarded


def _guarded(behaviour: Behaviour, method: str, allowed: Allowed) -> Behaviour:
    """Return what a handler does behind its guard; a stream's must write its messages itself."""

    async def call(request: Any, servicer: ServicerContext) -> Any:
        try:
            check(servicer, allowed)
        except ApiError as error:
            log.warning("caller refused", method=method, peer=servicer.peer(), error=error.message)
            await servicer.abort(error.code, error.message, ((DETAILS_KEY, error.to_status("").SerializeToString()),))
        return await behaviour(request, servicer)

    return call
