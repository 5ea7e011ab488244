from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.use_cases.request_checks import RequestChecks
from mesh.rpc.routes import contract_routes

CHECKS = RequestChecks(contract_routes())
JSON = "application/json"
ORDER = {"amount": {"value": "12.00", "currency": "EUR"}}
RPC = "/fusionx.order.v1.OrderService/CreateOrder"
ORDER_PATH = "/v1/orders/01a2081b-7886-7068-9e1a-d7c0f5764b64"


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/v1/orders", ORDER),
        ("POST", "/order/create", ORDER | {"metadata": {"any": "thing"}, "expire_time": "2030-01-01T00:00:00Z"}),
        ("POST", "/v1/orders", {"merchantOrderId": "A-1"}),
        ("POST", f"{ORDER_PATH}/cancel", {}),
        ("GET", "/v1/orders?page_size=3&status=NEW", None),
        ("GET", ORDER_PATH, None),
    ],
)
def test_request_that_fits_the_contract_passes(method: str, target: str, body: object) -> None:
    assert CHECKS.violation(method, target, JSON, orjson.dumps(body) if body is not None else b"") is None


@pytest.mark.parametrize(
    ("method", "target", "body", "field"),
    [
        ("POST", "/v1/orders", b'{"descripton": ""}', "descripton"),
        ("POST", "/v1/orders", b'{"amount": {"valeu": "1"}}', "amount.valeu"),
        ("POST", "/v1/orders", b'{"amount": 12}', "amount"),
        ("POST", "/v1/orders", b'{"metadata": {"n": 1}}', "metadata"),
        ("POST", "/v1/orders", b"{", "body"),
        ("POST", "/v1/orders", b"[]", "body"),
        ("POST", "/v1/orders?description=x", b"{}", "query"),
        ("POST", f"{ORDER_PATH}/cancel", b'{"order_id": "7"}', "order_id"),
        ("GET", f"{ORDER_PATH}?order_id=7", b"", "order_id"),
        ("GET", "/v1/orders?colour=red", b"", "colour"),
        ("GET", "/v1/orders?status=PAID", b"", "status"),
        ("GET", "/v1/orders?page_size=ten", b"", "page_size"),
        ("GET", f"{ORDER_PATH}?orderId=7", b"", "orderId"),
        ("GET", f"{ORDER_PATH}?order%5fid=7", b"", "order_id"),
        ("DELETE", "/v1/webhook_endpoints/A?webhook_endpoint_id=B", b"", "webhook_endpoint_id"),
        ("DELETE", "/v1/webhook_endpoints/A?webhookEndpointId=B", b"", "webhookEndpointId"),
        ("POST", f"{ORDER_PATH}/cancel", b'{"orderId": "7"}', "orderId"),
        ("GET", "/no/route/of/ours?x=y", b"", "path"),
        ("POST", RPC, b"", "path"),
        ("POST", f"{RPC}?order_id=7", b"", "path"),
    ],
)
def test_what_does_not_fit_is_named(method: str, target: str, body: bytes, field: str) -> None:
    found = CHECKS.violation(method, target, JSON, body)
    assert found
    assert found.field == field
    assert found.description


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+proto"])
def test_grpc_is_left_to_grpc(content_type: str) -> None:
    assert CHECKS.violation("POST", RPC, content_type, b"\x00") is None


@pytest.mark.parametrize(
    "content_type", ["application/grpc", "application/grpc+proto", "application/grpcx", "application/grpc-web", ""]
)
def test_no_content_type_switches_the_checks_of_a_route_off(content_type: str) -> None:
    found = CHECKS.violation("DELETE", "/v1/webhook_endpoints/A?webhook_endpoint_id=B", content_type, b"")
    assert found
    assert found.field == "webhook_endpoint_id"
    if not content_type.startswith("application/grpc+") and content_type != "application/grpc":
        assert CHECKS.violation("POST", RPC, content_type, b"\x00")


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(orjson.dumps))
def test_no_body_breaks_the_check(body: bytes) -> None:
    CHECKS.violation("POST", "/v1/orders", JSON, body)


def test_body_nested_deeper_than_any_message_is_refused() -> None:
    assert CHECKS.violation("POST", "/v1/orders", JSON, b'{"amount":' * 100 + b"{}" + b"}" * 100)
