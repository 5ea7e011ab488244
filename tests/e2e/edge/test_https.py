"""The public API by HTTPS, and what becomes of HTTP beside it in production."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import httpx
import pytest
from fusionx.order.v1 import order_service_pb2
from fusionx.order.v1.order_service_pb2_grpc import OrderServiceStub

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.stack.edges import Edges

ORDER = {"amount": {"value": "12.00", "currency": "EUR"}}


def trusting(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def test_order_is_made_by_https_with_hsts(gateway: Ready, merchant: Merchant) -> None:
    headers = {"authorization": f"Bearer {merchant.secret}"}
    with httpx.Client(base_url=gateway.edge_https_url, verify=trusting(gateway.ca_file), headers=headers) as client:
        answer = client.post("/v1/orders", json=ORDER)
        refused = client.get("/nothing")
    assert answer.status_code == 200, answer.text
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert refused.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in merchant.http.get("/v1/orders").headers


def test_native_grpc_works_by_tls(gateway: Ready, merchant: Merchant) -> None:
    credentials = grpc.ssl_channel_credentials(Path(gateway.ca_file).read_bytes())
    address = urlsplit(gateway.edge_https_url).netloc
    with grpc.secure_channel(address, credentials) as channel:
        answer = OrderServiceStub(channel).ListOrders(
            order_service_pb2.ListOrdersRequest(), metadata=merchant.metadata, timeout=20
        )
    assert not answer.orders


def test_without_the_ca_there_is_no_trust(gateway: Ready) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{gateway.edge_https_url}/healthz")


def test_http_on_the_https_port_is_refused(gateway: Ready) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(gateway.edge_https_url.replace("https", "http") + "/healthz")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(gateway: Ready) -> None:
    context = trusting(gateway.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{gateway.edge_https_url}/healthz", verify=context)


def test_http_leads_to_https_with_method_and_body(edges: Edges, gateway: Ready, merchant: Merchant) -> None:
    plain, secure = edges.redirecting_envoy()
    away = httpx.post(f"{plain}/v1/orders?page_size=1", json=ORDER)
    assert (away.status_code, away.headers["location"]) == (308, f"{secure}/v1/orders?page_size=1")
    assert httpx.get(f"{plain}/healthz").status_code == 200
    headers = {"authorization": f"Bearer {merchant.secret}"}
    # a client that follows comes with its key to the same host only: httpx takes it off for another port
    answer = httpx.post(away.headers["location"].partition("?")[0], json=ORDER, headers=headers,
                        verify=trusting(gateway.ca_file))  # fmt: skip
    assert answer.status_code == 200, answer.text
