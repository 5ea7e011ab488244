"""Channels to the other services: what is left of the deadline, the trace, merchant and mode travel with every call."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from mesh import context, tracing
from mesh.errors import ApiError
from mesh.metrics import CODES, RPC_CLIENT_ANSWERS, RPC_CLIENT_SECONDS, prime
from mesh.rpc.dial import NO_PROXY
from mesh.rpc.interceptors import MERCHANT_KEY, MODE_KEY, SERVER_ERRORS, TRACE_KEY
from mesh.tls import RenewedChannel, TlsFiles, name_override
from mesh.tracing import names

MARGIN_SECONDS = 0.05
KEEPALIVE_MS = 300_000


def service_config(services: list[ServiceDescriptor]) -> str:
    """Return the gRPC service config: round robin over healthy replicas, and retries for calls that may be repeated.

    A call waits, within its deadline, for a replica to be ready: one that restarts is no reason to fail. Only RPCs that
    the contract calls idempotent are retried, on UNAVAILABLE and on CANCELLED, which is what a server
    that stops in the middle of a call answers.
    """
    repeatable = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if _is_idempotent(method)
    ]
    retry = {
        "maxAttempts": 4,
        "initialBackoff": "0.05s",
        "maxBackoff": "1s",
        "backoffMultiplier": 3,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
    }
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "healthCheckConfig": {"serviceName": ""},
            "methodConfig": [
                {"name": [{"service": service.full_name} for service in services], "waitForReady": True},
                *([{"name": repeatable, "waitForReady": True, "retryPolicy": retry}] if repeatable else []),
            ],
        }
    )


def _is_idempotent(method: MethodDescriptor) -> bool:
    options: MethodOptions = method.GetOptions()
    return options.idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN


def channel(target: str, *services: ServiceDescriptor, peer: str = "", tls: TlsFiles | None = None) -> grpc.aio.Channel:
    """Open a channel to `host:port` or any gRPC name, for calls to the named services.

    With `tls`, the process at the other end must have a certificate in the name of `peer`.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.service_config", service_config(list(services))),
        NO_PROXY,
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 500),
    ]
    called = [f"/{service.full_name}/{method.name}" for service in services for method in service.methods]
    prime(RPC_CLIENT_SECONDS, called)
    prime(RPC_CLIENT_ANSWERS, called, CODES)
    if tls is None:
        return cast(grpc.aio.Channel, ContextChannel(grpc.aio.insecure_channel(target, options=options)))
    options.append(name_override(peer))

    def opened(credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(target, credentials, options=options)

    return cast(grpc.aio.Channel, ContextChannel(RenewedChannel(tls, opened)))


class ContextChannel:
    """What stubs ask a channel for; its calls pass the current call's context on, and raise typed errors.

    Not by an interceptor: gRPC makes a task and three objects more for each call that has one.
    """

    def __init__(self, inner: grpc.aio.Channel | RenewedChannel) -> None:
        self._inner = inner

    def unary_unary(self, method: str, *arguments: Any, **named: Any) -> Callable[..., Awaitable[Any]]:
        """Return a callable for a method."""
        return _calling(method, self._inner.unary_unary(method, *arguments, **named))

    def unary_stream(self, method: str, *arguments: Any, **named: Any) -> Callable[..., Any]:
        """Return a callable for a method that answers by a stream: gRPC's own, without context."""
        return self._inner.unary_stream(method, *arguments, **named)

    async def close(self) -> None:
        """Close the channel."""
        await self._inner.close()


def _calling(method: str, ask: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    name, seconds = method[1:], RPC_CLIENT_SECONDS.labels(method)
    answers = {code: RPC_CLIENT_ANSWERS.labels(method, code.name) for code in grpc.StatusCode}

    async def call(
        request: Message,
        *,
        timeout: float = float("inf"),  # noqa: ASYNC109  # as stubs are called: gRPC itself ends the call
        wait_for_ready: bool | None = None,
    ) -> Any:
        """Make the call with the time that is left. Raises ApiError with the callee's code and reason."""
        running = context.current()
        attributes: dict[str, Any] = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: name}
        span = tracing.start(name, tracing.Kind.CLIENT, attributes, call=running)
        metadata = [(TRACE_KEY, span.traceparent() or running.traceparent)]
        if running.merchant_id:
            metadata.append((MERCHANT_KEY, running.merchant_id))
        if running.mode:
            metadata.append((MODE_KEY, running.mode))
        left = min(timeout, running.remaining() - MARGIN_SECONDS)
        started, code = time.perf_counter(), grpc.StatusCode.CANCELLED
        try:
            answer = await ask(
                request,
                timeout=None if left == float("inf") else left,
                metadata=metadata,
                wait_for_ready=wait_for_ready,
            )
            code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise ApiError.from_rpc(error) from error
        finally:
            seconds.observe(time.perf_counter() - started)
            answers[code].inc()
            failure = "" if code is grpc.StatusCode.OK else code.name
            span.end(failure, {names.RPC_STATUS: code.name}, keep=code in SERVER_ERRORS)
        return answer

    return call
