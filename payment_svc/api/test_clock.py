"""gRPC in, use case, gRPC out: test clocks."""

from __future__ import annotations

from typing import Any

import grpc
from fusionx.payment.v1 import test_clock_pb2, test_clock_service_pb2
from fusionx.payment.v1 import test_clock_service_pb2_grpc as clock_grpc

from mesh.storage.idempotency import Answer
from payment_svc.api.tenant import tenant
from payment_svc.contract.messages import clock_message
from payment_svc.use_cases.recovery.test_clocks import TestClocks

Context = grpc.aio.ServicerContext[Any, Any]
CLOCK = Answer(test_clock_pb2.TestClock, clock_message)


class TestClockServicer(clock_grpc.TestClockServiceServicer):
    """The public contract of test clocks; each RPC's promise is written there."""

    def __init__(self, clocks: TestClocks) -> None:
        self._clocks = clocks

    async def GetTestClock(
        self, _request: test_clock_service_pb2.GetTestClockRequest, _: Context
    ) -> test_clock_pb2.TestClock:
        """Return how far the merchant's test data was moved on."""
        return clock_message(await self._clocks.get(tenant()))

    async def AdvanceTestClock(
        self, request: test_clock_service_pb2.AdvanceTestClockRequest, _: Context
    ) -> test_clock_pb2.TestClock:
        """Move it on."""
        return CLOCK.reply(await self._clocks.advance(tenant(), request.by.ToTimedelta(), CLOCK.claim(request)))
