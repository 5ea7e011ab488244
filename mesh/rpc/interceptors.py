"""What happens around every RPC of ours: trace, identity, deadline, overload, validation, errors, access log, metrics.

One interceptor wraps a method's handler once, at its first call, and keeps the wrapped form: a chain of interceptors
would be walked again at every call.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

import grpc
from fusionx.type.v1 import access_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from mesh import context, tracing
from mesh.errors import DETAILS_KEY, ApiError, invalid, permission_denied, unauthenticated, unavailable
from mesh.metrics import CODES, OVERLOADED, RPC_ANSWERS, RPC_SECONDS, STREAMS_OPEN, prime
from mesh.rpc.headers import KEY_KEY
from mesh.rpc.shares import LISTS_AT_ONCE, Shares, is_list
from mesh.telemetry import get_logger
from mesh.tracing import names
from mesh.validation import validate

log = get_logger("access")

MERCHANT_KEY = "x-merchant-id"
MODE_KEY = "x-merchant-mode"
SCOPES_KEY = "x-merchant-scopes"
ALL_SCOPES = "*"
TRACE_KEY = "traceparent"
REQUEST_ID_KEY = "x-request-id"
TRANSCODED_KEY = "x-envoy-original-path"
"""What Envoy's transcoder says of the request that it made a call of; the edge takes it from no client."""
BROKEN: Any = b"\x07"
"""No message of protobuf: its wire type is none. Envoy breaks the answer off that it comes in."""
IDEMPOTENCY_KEY = "idempotency-key"
LEAST_USEFUL_SECONDS = 0.005
SERVER_ERRORS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""What says that the server failed, and not its caller. Source: OpenTelemetry, "Semantic conventions for gRPC"."""
UNREADABLE: Any = object()
"""In the place of a request whose bytes are no message of the RPC."""

ServicerContext = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Message, ServicerContext], Awaitable[Message]]
StreamBehaviour = Callable[[Message, ServicerContext], AsyncGenerator[Message]]
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call an RPC, and for a merchant's key, which scope it takes."""

    access: int
    scope: str = ""
    at_once: int = 0
    """How many calls of it one merchant has under way at the most, where that is fewer than of others."""


def access_of(service: ServiceDescriptor) -> dict[str, Rule]:
    """Return the declared access of each RPC, by its path.

    Raises TypeError for an RPC that does not declare who may call it, and for one of merchants without a scope: such a
    service must not start.
    """
    table: dict[str, Rule] = {}
    for method in service.methods:
        declared = method.GetOptions().Extensions
        at_once = declared[access_pb2.at_once] or (LISTS_AT_ONCE if is_list(method) else 0)
        rule = Rule(declared[access_pb2.access], declared[access_pb2.scope], at_once)
        if rule.access == access_pb2.ACCESS_UNSPECIFIED:
            raise TypeError(f"{method.full_name} does not declare who may call it")
        if (rule.access == access_pb2.ACCESS_MERCHANT) != bool(rule.scope):
            raise TypeError(f"{method.full_name} must declare a scope if it is for merchants, and none otherwise")
        table[f"/{service.full_name}/{method.name}"] = rule
    return table


@lru_cache(maxsize=4096)
def _grants(scopes: str) -> frozenset[str]:
    """Return what a key may do, from the header that the edge sets."""
    return frozenset(scopes.split())


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Gives every RPC of the contract the same treatment; health and reflection pass untouched.

    A stream is no call in flight: it mostly waits. So streams have a bound of their own, and no default deadline.
    """

    def __init__(
        self, access: Mapping[str, Rule], max_concurrent: int, max_streams: int, default_deadline: float
    ) -> None:
        self._access = access
        self._max_concurrent = max_concurrent
        self._shares = Shares(max_concurrent, {method: rule.at_once for method, rule in access.items()})
        self._max_streams = max_streams
        self._default_deadline = default_deadline
        self._in_flight = 0
        self._streams = 0
        self._is_ending = False
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        prime(RPC_SECONDS, access)
        prime(RPC_ANSWERS, access, CODES)

    def end_files(self) -> None:
        """Break off what must not look whole when it is not: the process is about to stop."""
        self._is_ending = True

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the wrapped handler of the method."""
        method = str(handler_call_details.method)
        known = self._wrapped.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or method not in self._access:
            return handler
        wrapped = self._wrap_stream(method, handler) if handler.response_streaming else self._wrap(method, handler)
        self._wrapped[method] = wrapped
        return wrapped

    def _wrap(self, method: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        behaviour = cast(Behaviour, handler.unary_unary)

        async def call(request: Message, servicer: ServicerContext) -> Message:
            async def answer(running: context.Call) -> Message:
                if self._in_flight > self._max_concurrent:
                    OVERLOADED.inc()
                    raise unavailable("OVERLOADED", "too many requests are in flight, try again")
                self._admit(request, running, method)
                taken = self._shares.take(running.merchant_id, method, is_own=running.is_own)
                try:
                    return await self._answer(behaviour, request, servicer, running)
                finally:
                    self._shares.give_back(taken)

            self._in_flight += 1
            try:
                return await self._observed(method, servicer, self._default_deadline, answer)
            finally:
                self._in_flight -= 1

        return grpc.unary_unary_rpc_method_handler(
            call,
            request_deserializer=_reader(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _wrap_stream(self, method: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        behaviour = cast(StreamBehaviour, handler.unary_stream)
        open_now = STREAMS_OPEN.labels(method)

        async def call(request: Message, servicer: ServicerContext) -> None:
            async def answer(running: context.Call) -> None:
                if self._streams > self._max_streams or self._in_flight > self._max_concurrent:
                    OVERLOADED.inc()
                    raise unavailable("OVERLOADED", "too many requests are in flight, try again")
                self._admit(request, running, method)
                await _send(behaviour, request, servicer, running, lambda: self._is_ending)

            self._streams += 1
            open_now.inc()
            try:
                await self._observed(method, servicer, float("inf"), answer)
            finally:
                self._streams -= 1
                open_now.dec()

        # written message by message, so that what is left of a stream whose client went away ends with its call
        return grpc.unary_stream_rpc_method_handler(
            call,
            request_deserializer=_reader(handler.request_deserializer),
            response_serializer=_writer(handler.response_serializer),
        )

    async def _observed(
        self,
        method: str,
        servicer: ServicerContext,
        deadline: float,
        answer: Callable[[context.Call], Awaitable[AnswerT]],
    ) -> AnswerT:
        """Answer a call, turn what is raised into its status, and record both in the log and the metrics."""
        started = time.perf_counter()
        metadata = servicer.invocation_metadata() or ()
        running = _begin(method, metadata, servicer.time_remaining(), deadline)
        span = _span(method, running)
        code = grpc.StatusCode.OK
        try:
            if running.idempotency_key and [name for name, _ in metadata].count(IDEMPOTENCY_KEY) > 1:
                raise invalid("Idempotency-Key", "stands twice: which one is meant?")
            return await answer(running)
        except ApiError as error:
            code = error.code
            running.log["reason"] = error.reason
            return await _abort(servicer, error, running)
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except Exception as error:
            code = grpc.StatusCode.INTERNAL
            return await _abort(servicer, _internal(error), running)
        finally:
            _record(method, code, running, time.perf_counter() - started)
            _end(span, code, running)

    def _admit(self, request: Message, call: context.Call, method: str) -> None:
        """Refuse what comes too late, who may not call, and what the contract does not take."""
        if call.remaining() < LEAST_USEFUL_SECONDS:
            raise ApiError(
                grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT", "not enough time is left to do this"
            )
        rule = self._access[method]
        if rule.access == access_pb2.ACCESS_MERCHANT:
            _check_merchant(call, rule.scope)
        if request is UNREADABLE:
            raise invalid("", "the request cannot be read as what this RPC takes")
        validate(request)

    async def _answer(
        self, behaviour: Behaviour, request: Message, servicer: ServicerContext, call: context.Call
    ) -> Message:
        """Run the handler, for no longer than somebody waits: calls with a deadline are ended by gRPC itself."""
        if servicer.time_remaining() is None:
            try:
                async with asyncio.timeout(self._default_deadline):
                    response = await behaviour(request, servicer)
            except TimeoutError:
                raise ApiError(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "this took too long") from None
        else:
            response = await behaviour(request, servicer)
        await _send_headers(servicer, call)
        return response


def _begin(method: str, metadata: Iterable[tuple[str, Any]], remaining: float | None, deadline: float) -> context.Call:
    """Enter the call that comes in; `deadline` is the seconds that it has when it does not say."""
    headers = dict(metadata)
    trace = context.trace_of(headers.get(TRACE_KEY, ""), headers.get(REQUEST_ID_KEY, ""))
    call = context.Call(
        trace_id=trace.trace_id,
        parent_id=trace.span_id,
        sampled=trace.sampled,
        merchant_id=headers.get(MERCHANT_KEY, ""),
        is_own=KEY_KEY in headers,
        mode=headers.get(MODE_KEY, ""),
        scopes=_grants(headers.get(SCOPES_KEY, "")),
        idempotency_key=headers.get(IDEMPOTENCY_KEY),
        request_id=headers.get(REQUEST_ID_KEY, ""),
        method=method,
        deadline=time.monotonic() + (deadline if remaining is None else remaining),
    )
    context.enter(call)
    return call


async def _send(
    behaviour: StreamBehaviour,
    request: Message,
    servicer: ServicerContext,
    call: context.Call,
    is_ending: Callable[[], bool],
) -> None:
    """Send what a stream yields, as fast as its reader takes it; however it ends, the generator is closed."""
    has_begun = False
    try:
        async with aclosing(behaviour(request, servicer)) as messages:
            async for message in messages:
                if call.is_whole and is_ending():
                    raise unavailable("STOPPING", "this replica is about to stop, try again")
                await _send_headers(servicer, call)
                await servicer.write(message)
                has_begun = True
    except Exception:
        # HTTP has no place for a status after the answer has begun: to Envoy a stream that fails ends as any other
        # does, unless it carries what is no message
        if has_begun and call.is_whole and is_transcoded(servicer):
            await servicer.write(BROKEN)
        raise


async def _send_headers(servicer: ServicerContext, call: context.Call) -> None:
    if call.response_headers:
        await servicer.send_initial_metadata(tuple(call.response_headers))
        # sent once: an error that follows must not repeat them
        call.response_headers.clear()


def _check_merchant(call: context.Call, scope: str) -> None:
    """Hold the merchant and its key's scopes, as the edge attached them, against what the RPC takes."""
    try:
        UUID(call.merchant_id)
    except ValueError:
        raise unauthenticated("IDENTITY_MISSING", "the call does not say for which merchant it is") from None
    if scope not in call.scopes and ALL_SCOPES not in call.scopes:
        raise permission_denied("SCOPE_MISSING", f"the API key does not have the scope {scope}", scope=scope)


def _reader(read: Any) -> Callable[[bytes], Any]:
    """Return a reader that lets the handler refuse what cannot be read: gRPC itself would call it an unknown error."""

    def lenient(data: bytes) -> Any:
        try:
            return read(data)
        except DecodeError:
            return UNREADABLE

    return lenient


def is_transcoded(servicer: ServicerContext) -> bool:
    """Whether a call was made in HTTP, and is a gRPC call only since Envoy's transcoder."""
    headers: dict[str, Any] = dict(servicer.invocation_metadata() or ())
    return TRANSCODED_KEY in headers


def _writer(write: Any) -> Callable[[Any], bytes]:
    """Return a writer that lets pass what is written already."""

    def lenient(message: Any) -> bytes:
        written: bytes = message if isinstance(message, bytes) else write(message)
        return written

    return lenient


def _internal(error: Exception) -> ApiError:
    """Hide an unexpected error behind an id; what it says stays in the log."""
    error_id = secrets.token_hex(8)
    log.error("unexpected error", error_id=error_id, exc_info=error)
    return ApiError(grpc.StatusCode.INTERNAL, "INTERNAL", "something went wrong on our side", {"error_id": error_id})


async def _abort(servicer: ServicerContext, error: ApiError, call: context.Call) -> NoReturn:
    status = error.to_status(call.request_id)
    later = [("retry-after", str(error.retry_after))] if error.retry_after else []
    trailers = (*call.response_headers, *later, (DETAILS_KEY, status.SerializeToString()))
    await servicer.abort(error.code, error.message, trailers)
    raise AssertionError("abort returned")


_TOUCHED = (names.ORDER, names.PAYMENT, names.PROVIDER, names.EVENT_TYPE, names.REASON)


def _span(method: str, call: context.Call) -> tracing.Span:
    span = tracing.start(
        method[1:], tracing.Kind.SERVER, {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: method[1:]}, call=call
    )
    span.enter()
    return span


def _end(span: tracing.Span, code: grpc.StatusCode, call: context.Call) -> None:
    if span is tracing.OFF:
        return
    # a line of the log may have more; what spans hold is documented
    touched: dict[str, Any] = {name: value for name in _TOUCHED if (value := call.log.get(name[len(names.OURS) :]))}
    span.end(code.name if code in SERVER_ERRORS else "", {names.RPC_STATUS: code.name, **touched})


def _record(method: str, code: grpc.StatusCode, call: context.Call, seconds: float) -> None:
    RPC_SECONDS.labels(method).observe(seconds)
    RPC_ANSWERS.labels(method, code.name).inc()
    log.info(
        "rpc",
        trace_id=call.trace_id,
        method=method,
        code=code.name,
        duration_ms=round(seconds * 1000, 3),
        merchant_id=call.merchant_id,
        **call.log,
    )
