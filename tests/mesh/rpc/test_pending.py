"""Calls that come faster than anybody looks at them are answered in the end, or refused in our words."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from threading import Event
from typing import Any

import grpc
import pytest

from mesh.service import MAX_PENDING, server_options
from tests.support.waiting import PATIENCE

CALLS = 2_500
"""More than gRPC lets wait by itself, which is a thousand."""
LOOK_SECONDS = 1.0
"""How long gRPC has to refuse one of them; it takes some milliseconds."""


class Busy(grpc.GenericRpcHandler):
    """Keeps the loop of its process to itself, at its first call, until it is let go."""

    def __init__(self) -> None:
        self.may_go_on = Event()

    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        async def answer(request: bytes, _: Any) -> bytes:
            self.may_go_on.wait(PATIENCE)
            return request

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
async def busy() -> Busy:
    return Busy()


@pytest.fixture
async def address(busy: Busy) -> AsyncIterator[str]:
    server = grpc.aio.server(options=server_options(PATIENCE))
    server.add_generic_rpc_handlers((busy,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    busy.may_go_on.set()
    await server.stop(0)


def statuses(address: str, busy: Busy) -> Counter[grpc.StatusCode]:
    """Return how so many calls end that come while nobody looks at them."""
    has_ended = Event()
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary("/any/call")
        calls = [call.future(b"", timeout=PATIENCE) for _ in range(CALLS)]
        for one in calls:
            one.add_done_callback(lambda _: has_ended.set())
        has_ended.wait(LOOK_SECONDS)
        busy.may_go_on.set()
        return Counter(one.code() for one in calls)


async def test_no_call_is_cancelled_by_grpc_because_others_came_before_it(address: str, busy: Busy) -> None:
    assert CALLS < MAX_PENDING
    assert await asyncio.to_thread(statuses, address, busy) == {grpc.StatusCode.OK: CALLS}
