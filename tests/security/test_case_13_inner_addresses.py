"""Case 13: no refusal tells where something of ours is."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address

import pytest
from fusionx.order.v1 import order_payment_service_pb2 as internal_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.errors import ApiError
from mesh.rpc.client import channel
from notify_svc.channels.guarded_http import look
from notify_svc.domain.addresses import Address
from notify_svc.domain.endpoint import UrlRefusedError
from tests.support.waiting import PATIENCE

ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+|\[?[0-9a-f]*::[0-9a-f]|:\d{2,5}\b|localhost")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_service_that_is_away_is_out_of_reach_and_nowhere(host: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = internal_pb2.DESCRIPTOR.services_by_name["OrderPaymentService"]
    calling = channel(f"{host}:{port}", service, peer="order_svc", tls=None)
    with pytest.raises(ApiError) as refused:
        # an RPC that is not tried again
        await health_pb2_grpc.HealthStub(calling).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    await calling.close()
    assert refused.value.reason == "UNAVAILABLE"
    told = f"{refused.value.message} {refused.value.metadata}"
    assert str(port) not in told
    assert not ADDRESS.search(told), told


@pytest.mark.parametrize("address", ["10.11.12.13", "192.168.7.7", "127.0.0.1", "fd12:3456::1", "169.254.169.254"])
async def test_url_is_refused_without_the_address_that_its_name_leads_to(address: str) -> None:
    async def resolve(_host: str, _port: int) -> list[Address]:
        return [ip_address(address)]

    with pytest.raises(UrlRefusedError) as refused:
        await look("https://db.shop.example/hook", resolve, ())
    assert address not in str(refused.value)
    assert not ADDRESS.search(str(refused.value).removesuffix("db.shop.example"))
