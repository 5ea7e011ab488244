"""One merchant's calls leave room for everybody else's, however many there are."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from fusionx.notify.v1 import event_pb2
from fusionx.notify.v1 import event_service_pb2 as service_pb2
from fusionx.notify.v1 import event_service_pb2_grpc as service_grpc
from fusionx.order.v1 import order_payment_service_pb2 as internal_pb2
from fusionx.order.v1 import order_payment_service_pb2_grpc as internal_grpc
from fusionx.payment.v1 import timeline_service_pb2 as timeline_pb2
from fusionx.type.v1 import access_pb2, money_pb2
from google.protobuf.descriptor import ServiceDescriptor

from mesh.errors import ApiError
from mesh.rpc.interceptors import CallInterceptor, access_of
from mesh.rpc.shares import FULL, LISTS_AT_ONCE
from tests.support.waiting import come_true

EVENTS: ServiceDescriptor = service_pb2.DESCRIPTOR.services_by_name["EventService"]
ORDERS: ServiceDescriptor = internal_pb2.DESCRIPTOR.services_by_name["OrderPaymentService"]
TIMELINES: ServiceDescriptor = timeline_pb2.DESCRIPTOR.services_by_name["TimelineService"]
SHARE = 3
MOST = SHARE * 10


def of(merchant_id: str, mode: str = "test", key_id: str = "key") -> Any:
    """Return what the edge says of a merchant's call; without a key, what the mesh says of one in its place."""
    key = (("x-merchant-key", key_id),) if key_id else ()
    return (("x-merchant-id", merchant_id), ("x-merchant-scopes", "*"), ("x-merchant-mode", mode), *key)


class Held(service_grpc.EventServiceServicer, internal_grpc.OrderPaymentServiceServicer):
    """Answers nobody until it is let go."""

    def __init__(self) -> None:
        self.running = 0
        self.may_end = asyncio.Event()

    async def _hold(self) -> None:
        self.running += 1
        try:
            await self.may_end.wait()
        finally:
            self.running -= 1

    async def GetEvent(self, request: service_pb2.GetEventRequest, _: Any) -> event_pb2.Event:  # noqa: N802
        await self._hold()
        return event_pb2.Event(event_id=request.event_id)

    async def ListEvents(  # noqa: N802
        self, _request: service_pb2.ListEventsRequest, _: Any
    ) -> service_pb2.ListEventsResponse:
        await self._hold()
        return service_pb2.ListEventsResponse()

    async def ResendEvents(  # noqa: N802
        self, _request: service_pb2.ResendEventsRequest, _: Any
    ) -> service_pb2.ResendEventsResponse:
        await self._hold()
        return service_pb2.ResendEventsResponse()

    async def SettleOrder(  # noqa: N802
        self, _request: internal_pb2.SettleOrderRequest, _: Any
    ) -> internal_pb2.SettleOrderResponse:
        await self._hold()
        return internal_pb2.SettleOrderResponse(settled=True)


@pytest.fixture
async def held() -> Held:
    return Held()  # type: ignore[abstract]  # of the rest nothing is asked


@pytest.fixture
async def channel(held: Held) -> AsyncIterator[grpc.aio.Channel]:
    interceptor = CallInterceptor(access_of(EVENTS) | access_of(ORDERS), MOST, 10, 30.0)
    server = grpc.aio.server(interceptors=[interceptor])
    service_grpc.add_EventServiceServicer_to_server(held, server)
    internal_grpc.add_OrderPaymentServiceServicer_to_server(held, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


def get(channel: grpc.aio.Channel, merchant_id: str) -> Any:
    request = service_pb2.GetEventRequest(event_id=str(uuid.uuid4()))
    stub: Any = service_grpc.EventServiceStub(channel)
    return stub.GetEvent(request, metadata=of(merchant_id))


def page(channel: grpc.aio.Channel, merchant_id: str, key_id: str = "key") -> Any:
    stub: Any = service_grpc.EventServiceStub(channel)
    return stub.ListEvents(service_pb2.ListEventsRequest(), metadata=of(merchant_id, key_id=key_id))


def settle(channel: grpc.aio.Channel, merchant_id: str) -> Any:
    order_id, payment_id = str(uuid.uuid4()), str(uuid.uuid4())
    amount = money_pb2.Money(value="1.00", currency="EUR")
    request = internal_pb2.SettleOrderRequest(
        order_id=order_id, merchant_id=merchant_id, payment_id=payment_id, amount=amount
    )
    stub: Any = internal_grpc.OrderPaymentServiceStub(channel)
    return stub.SettleOrder(request, metadata=of(merchant_id, key_id=""))


def resend(channel: grpc.aio.Channel, merchant_id: str) -> Any:
    request = service_pb2.ResendEventsRequest()
    request.start_time.FromSeconds(0)
    request.end_time.FromSeconds(60)
    stub: Any = service_grpc.EventServiceStub(channel)
    return stub.ResendEvents(request, metadata=of(merchant_id))


async def refused(call: Any) -> tuple[grpc.StatusCode, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    error = ApiError.from_rpc(failed.value)
    trailers = dict(failed.value.trailing_metadata() or ())
    return error.code, error.reason, str(trailers.get("retry-after", ""))


async def filled(channel: grpc.aio.Channel, held: Held) -> list[Any]:
    """Have so much under way for other merchants that the process is full."""
    calls = [get(channel, str(uuid.uuid4())) for _ in range(MOST // FULL)]
    await come_true(lambda: held.running == len(calls), "calls of others")
    return calls


async def test_merchant_has_a_tenth_and_others_theirs(channel: grpc.aio.Channel, held: Held) -> None:
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    calls = await filled(channel, held)
    calls += [get(channel, one) for _ in range(SHARE)]
    await come_true(lambda: held.running == len(calls), "the merchant's share")
    assert await refused(get(channel, one)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "1")
    calls += [get(channel, other) for _ in range(SHARE)]
    await come_true(lambda: held.running == len(calls), "the neighbour's")
    held.may_end.set()
    await asyncio.gather(*calls)
    # all of it is given back, also what was refused
    held.may_end.clear()
    again = [*await filled(channel, held), *(get(channel, one) for _ in range(SHARE))]
    await come_true(lambda: held.running == len(again), "the share once more")
    held.may_end.set()
    await asyncio.gather(*again)


async def test_merchant_who_is_alone_has_half_of_all(channel: grpc.aio.Channel, held: Held) -> None:
    """Many payments may wait for a slow provider where nobody else needs the room."""
    one = str(uuid.uuid4())
    calls = [get(channel, one) for _ in range(MOST // FULL)]
    await come_true(lambda: held.running == len(calls), "half of all")
    assert (await refused(get(channel, one)))[1] == "TOO_MANY_CALLS"
    held.may_end.set()
    await asyncio.gather(*calls)


async def test_what_the_mesh_calls_for_a_merchant_has_room_beside_its_own(
    channel: grpc.aio.Channel, held: Held
) -> None:
    """A flood of look-ups keeps no payment from its order, and a flood of payments is told what is tried again."""
    one = str(uuid.uuid4())
    calls = await filled(channel, held)
    calls += [get(channel, one) for _ in range(SHARE)] + [settle(channel, one) for _ in range(SHARE)]
    await come_true(lambda: held.running == len(calls), "both shares")
    code, reason, _ = await refused(settle(channel, one))
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
    held.may_end.set()
    await asyncio.gather(*calls)


async def test_rpc_that_waits_for_others_has_a_bound_of_its_own(channel: grpc.aio.Channel, held: Held) -> None:
    bound = EVENTS.methods_by_name["ResendEvents"].GetOptions().Extensions[access_pb2.at_once]
    assert 0 < bound < SHARE
    one = str(uuid.uuid4())
    calls = [resend(channel, one) for _ in range(bound)]
    await come_true(lambda: held.running == bound, "as many as may be")
    assert (await refused(resend(channel, one)))[1] == "TOO_MANY_CALLS"
    # which takes nothing from what else the merchant asks for
    calls.append(get(channel, one))
    await come_true(lambda: held.running == bound + 1, "another RPC")
    held.may_end.set()
    await asyncio.gather(*calls)


async def test_lists_of_a_merchant_are_few_at_once_and_whoever_looks_after_it_has_room(
    channel: grpc.aio.Channel, held: Held
) -> None:
    """One that asked for two hundred pages a second had a replica answer nobody else."""
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    calls = [page(channel, one) for _ in range(LISTS_AT_ONCE)]
    await come_true(lambda: held.running == len(calls), "as many as may be")
    assert await refused(page(channel, one)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "1")
    calls += [get(channel, one), page(channel, other), page(channel, one, key_id="")]
    await come_true(lambda: held.running == len(calls), "another RPC, a neighbour, and the console")
    held.may_end.set()
    await asyncio.gather(*calls)


def test_every_list_for_merchants_has_a_bound() -> None:
    rules = access_of(EVENTS) | access_of(TIMELINES) | access_of(ORDERS)
    of_merchants = {path.rpartition("/")[2]: rule.at_once for path, rule in rules.items() if rule.scope}
    assert of_merchants["ListEvents"] == of_merchants["ListEventDeliveries"] == LISTS_AT_ONCE
    assert of_merchants["GetOrderTimeline"] == of_merchants["ListProviderExchanges"] == LISTS_AT_ONCE
    assert (of_merchants["GetEvent"], of_merchants["ResendEvents"]) == (0, 2)
