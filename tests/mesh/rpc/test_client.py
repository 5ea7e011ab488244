"""Calls to other services: what they carry, for how long they last, and how they end."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from fusionx.identity.v1 import key_watch_service_pb2 as watch_pb2
from fusionx.identity.v1 import key_watch_service_pb2_grpc as watch_grpc

from mesh import context
from mesh.errors import ApiError, not_found
from mesh.metrics import RPC_CLIENT_ANSWERS
from mesh.rpc.client import channel
from mesh.rpc.interceptors import CallInterceptor, access_of
from notify_svc.domain.watched_keys import Looked
from notify_svc.identity_client import GrpcKeyWatch

SERVICE = watch_pb2.DESCRIPTOR.services_by_name["KeyWatchService"]
METHOD = f"/{SERVICE.full_name}/FindEndedApiKeys"
MERCHANT = str(uuid.uuid4())
ASK = watch_pb2.FindEndedApiKeysRequest()


class Servicer(watch_grpc.KeyWatchServiceServicer):
    """Keeps what came in, and does as it is told."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.seconds: float | None = None
        self.error: ApiError | None = None
        self.is_slow = False
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()

    async def FindEndedApiKeys(self, request: Any, servicer: Any) -> watch_pb2.FindEndedApiKeysResponse:  # noqa: N802
        self.said, self.seconds = dict(servicer.invocation_metadata()), servicer.time_remaining()
        self.begun.set()
        if self.error:
            raise self.error
        if self.is_slow:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return watch_pb2.FindEndedApiKeysResponse(last_change=7)


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture
async def target(servicer: Servicer) -> AsyncIterator[str]:
    server = grpc.aio.server(interceptors=[CallInterceptor(access_of(SERVICE), 100, 100, 30.0)])
    watch_grpc.add_KeyWatchServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


@pytest.fixture
async def stub(target: str) -> AsyncIterator[Any]:
    opened = channel(target, SERVICE)
    yield watch_grpc.KeyWatchServiceStub(opened)
    await opened.close()


def enter(seconds: float = 60.0, **fields: Any) -> context.Call:
    call = context.Call("a" * 32, parent_id="b" * 16, deadline=time.monotonic() + seconds, **fields)
    context.enter(call)
    return call


def answered(code: str) -> float:
    counted: float = RPC_CLIENT_ANSWERS.labels(METHOD, code)._value.get()
    return counted


async def test_call_carries_trace_merchant_and_mode(stub: Any, servicer: Servicer) -> None:
    call, before = enter(merchant_id=MERCHANT, mode="live"), answered("OK")
    await stub.FindEndedApiKeys(ASK, timeout=20.0)
    assert servicer.said["traceparent"] == call.traceparent
    assert (servicer.said["x-merchant-id"], servicer.said["x-merchant-mode"]) == (MERCHANT, "live")
    assert answered("OK") == before + 1


async def test_call_of_nobody_says_no_merchant(stub: Any, servicer: Servicer) -> None:
    enter()
    await stub.FindEndedApiKeys(ASK)
    assert not {"x-merchant-id", "x-merchant-mode"} & set(servicer.said)


@pytest.mark.parametrize(("left", "own"), [(10.0, 600.0), (600.0, 10.0)])
async def test_call_lasts_no_longer_than_its_caller_or_its_own_time(
    left: float, own: float, stub: Any, servicer: Servicer
) -> None:
    enter(left)
    await stub.FindEndedApiKeys(ASK, timeout=own)
    assert servicer.seconds is not None
    # gRPC tells of a deadline in a hundredth of it at the most, and never of less
    assert servicer.seconds <= 10.0 * 1.02


async def test_call_without_a_deadline_has_none(stub: Any, servicer: Servicer) -> None:
    enter(float("inf"))
    await stub.FindEndedApiKeys(ASK)
    assert servicer.seconds is None


async def test_failure_has_its_code_and_reason(stub: Any, servicer: Servicer) -> None:
    enter()
    servicer.error, before = not_found("key", "7"), answered("NOT_FOUND")
    with pytest.raises(ApiError) as failed:
        await stub.FindEndedApiKeys(ASK, timeout=20.0)
    assert (failed.value.code, failed.value.reason) == (servicer.error.code, servicer.error.reason)
    assert answered("NOT_FOUND") == before + 1


async def test_call_whose_time_is_over_ends_here_and_there(stub: Any, servicer: Servicer) -> None:
    servicer.is_slow = True
    enter()
    with pytest.raises(ApiError) as failed:
        await stub.FindEndedApiKeys(ASK, timeout=0.5)
    assert failed.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(servicer.cancelled.wait(), 20)


async def test_caller_who_goes_away_takes_the_call_along(stub: Any, servicer: Servicer) -> None:
    servicer.is_slow = True
    enter()
    before = answered("CANCELLED")
    asking = asyncio.create_task(stub.FindEndedApiKeys(ASK, timeout=60.0))
    await servicer.begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(servicer.cancelled.wait(), 20)
    assert answered("CANCELLED") == before + 1


async def test_server_that_is_not_there_is_waited_for_and_then_given_up() -> None:
    opened = channel("127.0.0.1:1", SERVICE)
    enter()
    with pytest.raises(ApiError) as failed:
        await watch_grpc.KeyWatchServiceStub(opened).FindEndedApiKeys(ASK, timeout=0.5)
    assert failed.value.code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
    await opened.close()


async def test_edge_of_the_version_before_ends_no_streams() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    watch = GrpcKeyWatch(f"127.0.0.1:{port}", None)
    try:
        assert await watch.look([uuid.uuid4()], 0) == Looked(set(), set(), 0)
    finally:
        await watch.close()
        await server.stop(0)
