"""The API is what its OpenAPI document says: odd requests of every kind get documented answers, and never a 5xx."""

from __future__ import annotations

import json

import grpc
import httpx
import pytest

from mesh.rpc.routes import contract_routes
from stack.stack import Ready
from tests.fuzz import fuzz
from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem
from tools.openapi import RENDERED, document

SECONDS = 20


def test_odd_requests_get_documented_answers(gateway: Ready, merchant: Merchant) -> None:
    done = fuzz(gateway, merchant.secret, SECONDS, seed=1)
    assert done.returncode == 0, done.stdout + done.stderr


def test_document_is_what_the_contracts_say() -> None:
    assert json.loads(RENDERED.read_text()) == document()


def test_every_public_route_is_documented_with_words() -> None:
    paths = document()["paths"]
    for route in contract_routes():
        operation = paths[route.template][route.method.lower()]
        assert operation["summary"], route.template
        assert operation["operationId"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_stream_is_documented_as_server_sent_events() -> None:
    operation = document()["paths"]["/v1/events:stream"]["get"]
    assert set(operation["responses"]["200"]["content"]) == {"text/event-stream"}
    export = document()["paths"]["/v1/payments:export"]["get"]
    assert set(export["responses"]["200"]["content"]) == {"text/csv; charset=utf-8", "application/x-ndjson"}
    parameters = {(parameter["in"], parameter["name"]) for parameter in operation["parameters"]}
    assert parameters == {("header", "Last-Event-ID"), ("query", "last_event_id"), ("query", "event_types")}


def test_wrong_method_is_told_which_there_are(gateway: Ready, merchant: Merchant) -> None:
    answer = merchant.http.delete("/v1/orders")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    answer = httpx.put(f"{gateway.edge_url}/v1/provider_accounts")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_header_whose_name_grpc_does_not_know_is_no_error(merchant: Merchant) -> None:
    odd = {"^": "a", "wm`eq0d#5": "x", "x.dots": "1", "-leading": "2"}
    assert merchant.http.get("/v1/orders", headers=odd).status_code == 200


@pytest.mark.parametrize("query", ["page_token=%FF", "merchant_order_id=%C3%28", "page_token=%ED%A0%80"])
def test_query_that_is_no_text_is_refused(query: str, merchant: Merchant) -> None:
    answer = merchant.http.get(f"/v1/orders?{query}")
    assert problem(answer) == (400, "INVALID_ARGUMENT", {"query"})


@pytest.mark.parametrize(
    "path", ["/v1/orders/%FF", "/v1/webhooks/%FF", "/v1/provider_accounts/%C3%28", "/v1/orders/a%20b"]
)
def test_path_that_names_nothing_is_no_path(path: str, gateway: Ready, merchant: Merchant) -> None:
    answer = merchant.http.request("POST" if "webhooks" in path else "GET", f"{gateway.edge_url}{path}")
    assert problem(answer)[:2] == (404, "ROUTE_NOT_FOUND")


def test_bytes_that_are_no_message_are_refused(gateway: Ready, merchant: Merchant) -> None:
    with grpc.insecure_channel(gateway.edge_grpc) as channel:
        path = "/fusionx.order.v1.OrderService/GetOrder"
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path, request_serializer=bytes)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\x0a\x01\xff", metadata=merchant.metadata, timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
