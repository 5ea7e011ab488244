"""Channels to the other services: what is left of the deadline, the trace, merchant and mode travel with every call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

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
    interceptors = [ContextInterceptor()]
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    options.append(name_override(peer))

    def opened(credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(target, credentials, options=options, interceptors=interceptors)

    # stubs ask a channel for nothing but this
    return cast(grpc.aio.Channel, RenewedChannel(tls, opened))


class ContextInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Passes the current call's context on, and turns failures back into typed errors."""

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Make the call with the time that is left. Raises ApiError with the callee's code and reason."""
        call = context.current()
        called = client_call_details.method
        method = called if isinstance(called, str) else called.decode()
        attributes: dict[str, Any] = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: method[1:]}
        span = tracing.start(method[1:], tracing.Kind.CLIENT, attributes, call=call)
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()))
        metadata.add(TRACE_KEY, span.traceparent() or call.traceparent)
        if call.merchant_id:
            metadata.add(MERCHANT_KEY, call.merchant_id)
        if call.mode:
            metadata.add(MODE_KEY, call.mode)
        timeout = min(client_call_details.timeout or float("inf"), call.remaining() - MARGIN_SECONDS)
        details = grpc.aio.ClientCallDetails(
            method=client_call_details.method,
            timeout=None if timeout == float("inf") else timeout,
            metadata=metadata,
            credentials=client_call_details.credentials,
            wait_for_ready=client_call_details.wait_for_ready,
        )
        started, code = time.perf_counter(), grpc.StatusCode.CANCELLED
        try:
            answer = await (await continuation(details, request))
            code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise ApiError.from_rpc(error) from error
        finally:
            RPC_CLIENT_SECONDS.labels(method).observe(time.perf_counter() - started)
            RPC_CLIENT_ANSWERS.labels(method, code.name).inc()
            failure = "" if code is grpc.StatusCode.OK else code.name
            span.end(failure, {names.RPC_STATUS: code.name}, keep=code in SERVER_ERRORS)
        return answer
