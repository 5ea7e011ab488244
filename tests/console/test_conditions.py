"""What operators are told is wrong: by the conditions of the alert rules, with the page about each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from fusionx.mesh.v1 import metrics_service_pb2 as service_pb2
from fusionx.mesh.v1 import metrics_service_pb2_grpc as service_grpc

from console.clients import conditions
from console.clients.conditions import Conditions
from tests.support.console import Console
from tests.support.net.scripted import nobody

WELL = {"fusionxpay_database_up": 1.0, "fusionxpay_nats_up": 1.0}
OVERLOADED = "fusionxpay_rpc_overloaded_total"


class Told(service_grpc.MetricsServiceServicer):
    """A service that says of itself what it is told to."""

    def __init__(self) -> None:
        self.process = "one"
        self.values = dict(WELL)
        self.fails = False

    async def ListSamples(  # noqa: N802 - the contract's name
        self, request: service_pb2.ListSamplesRequest, _: Any
    ) -> service_pb2.ListSamplesResponse:
        """Answer."""
        if self.fails:
            raise ValueError("no")
        asked = {name: value for name, value in self.values.items() if name in request.names}
        samples = [service_pb2.Sample(name=name, value=value) for name, value in asked.items()]
        return service_pb2.ListSamplesResponse(process=self.process, samples=samples)


@asynccontextmanager
async def looked_at(**more: str) -> AsyncIterator[tuple[Told, Conditions]]:
    told, server = Told(), grpc.aio.server()
    service_grpc.add_MetricsServiceServicer_to_server(told, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    found = Conditions({"order_svc": f"127.0.0.1:{port}", **more}, None)
    try:
        yield told, found
    finally:
        await found.close()
        await server.stop(None)


async def alerts(found: Conditions) -> list[tuple[str, bool]]:
    return [(one["alert"], one["page"]) for one in await found.wrong()]


async def test_nothing_is_wrong_with_a_service_that_is_well() -> None:
    async with looked_at() as (_, found):
        assert await found.wrong() == []


async def test_what_is_wrong_is_told_and_what_gets_somebody_up_first() -> None:
    async with looked_at(audit_svc=nobody().removeprefix("http://")) as (told, found):
        told.values |= {"fusionxpay_database_up": 0, "fusionxpay_reconciliation_differences": 0}
        assert await alerts(found) == [("ServiceDown", True), ("DatabaseUnreachable", True)]


async def test_service_of_the_version_before_is_not_down() -> None:
    older = grpc.aio.server()
    port = older.add_insecure_port("127.0.0.1:0")
    await older.start()
    try:
        async with looked_at(edge=f"127.0.0.1:{port}") as (_, found):
            assert await found.wrong() == []
    finally:
        await older.stop(None)


async def test_service_that_fails_to_answer_is_down() -> None:
    async with looked_at() as (told, found):
        told.values = {}
        told.fails = True
        assert await alerts(found) == [("ServiceDown", True)]


async def test_what_grows_is_told_by_two_looks_at_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "NEAREST", 0.0)
    async with looked_at() as (told, found):
        told.values[OVERLOADED] = 7
        assert await alerts(found) == [], "one look tells of no growth"
        told.values[OVERLOADED] = 9
        assert await alerts(found) == [("Overloaded", True)]
        assert await alerts(found) == []
        told.process, told.values[OVERLOADED] = "another", 900
        assert await alerts(found) == [], "another process counts anew"


def test_operators_see_it_first(console: Console) -> None:
    page = console.operator.page("/platform")
    assert ("Wrong now" in page) != ("Nothing is wrong" in page)
    assert "does not answer" not in page
