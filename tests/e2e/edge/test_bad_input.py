"""What is wrong with a request is told by name, in one shape of JSON, and nothing of it is stored."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from fusionx.identity.v1 import identity_service_pb2 as identity
from fusionx.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from fusionx.order.v1 import order_payment_service_pb2 as internal
from fusionx.order.v1 import order_service_pb2 as orders
from fusionx.order.v1.order_payment_service_pb2_grpc import OrderPaymentServiceStub
from fusionx.order.v1.order_service_pb2_grpc import OrderServiceStub
from fusionx.type.v1 import money_pb2
from google.rpc import error_details_pb2, status_pb2

from mesh.errors import DETAILS_KEY
from stack.stack import Ready
from tests.support.merchant.api import Identities, Json, Merchant, direct
from tests.support.merchant.errors import problem
from tests.support.net.raw_http import exchange
from tests.support.stack.edges import Edges
from tests.support.stack.storage import rows_of
from tests.support.waiting import PATIENCE, eventually

EUR: Json = {"value": "12.00", "currency": "EUR"}
NOBODY = str(uuid.UUID(int=0))
INVALID = "INVALID_ARGUMENT"
JSON_TYPE = {"content-type": "application/json"}
LONG_KEY = {"idempotency-key": "x" * 256}
UNKNOWN_KEY = "sk_test_" + "A" * 43


@pytest.fixture
def nothing_stored(gateway: Ready, merchant: Merchant) -> Iterator[None]:
    """Hold what is stored for the merchant after the test against what was before it."""
    before = rows_of(gateway, merchant.merchant_id)
    yield
    assert rows_of(gateway, merchant.merchant_id) == before


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": {"currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "12.00"}}, "amount.currency"),
        ({"amount": EUR | {"value": "twelve"}}, "amount.value"),
        ({"amount": EUR | {"value": "1,200.00"}}, "amount.value"),
        ({"amount": EUR | {"value": "1e3"}}, "amount.value"),
        ({"amount": EUR | {"value": "-1.00"}}, "amount.value"),
        ({"amount": EUR | {"value": "0.00"}}, "amount.value"),
        ({"amount": EUR | {"value": "0"}}, "amount.value"),
        ({"amount": EUR | {"value": "12.001"}}, "amount.value"),
        ({"amount": EUR | {"value": "9999999999999"}}, "amount.value"),
        ({"amount": {"value": "1.0", "currency": "JPY"}}, "amount.value"),
        ({"amount": EUR | {"currency": "EURO"}}, "amount.currency"),
        ({"amount": EUR | {"currency": "ZZZ"}}, "amount.currency"),
        ({"amount": EUR | {"currency": "eur"}}, "amount.currency"),
        ({"amount": EUR | {"currency": "XAU"}}, "amount.currency"),
        ({"amount": EUR, "merchant_order_id": "x" * 129}, "merchant_order_id"),
        ({"amount": EUR, "description": "x" * 501}, "description"),
        ({"amount": EUR, "description": "a\0b"}, "description"),
        ({"amount": EUR, "metadata": {"k": "x" * 501}}, "metadata[k]"),
        ({"amount": EUR, "metadata": {"k": "\0"}}, "metadata[k]"),
        ({"amount": EUR, "metadata": {"\0": "v"}}, "metadata"),
        ({"amount": EUR, "metadata": {str(n): "" for n in range(51)}}, "metadata"),
        ({"amount": EUR, "expire_time": "2020-01-01T00:00:00Z"}, "expire_time"),
        ({"amount": EUR, "expire_time": "2999-01-01T00:00:00Z"}, "expire_time"),
        ({"amount": EUR, "descripton": "misspelt"}, "descripton"),
        ({"amount": EUR | {"valeu": "1"}}, "amount.valeu"),
        ({"amount": EUR, "merchant_id": NOBODY}, "merchant_id"),
    ],
)
def test_order_that_is_wrong_names_the_field(body: Json, field: str, merchant: Merchant) -> None:
    answer = merchant.http.post("/v1/orders", json=body, headers={"idempotency-key": "k"})
    assert problem(answer) == (400, INVALID, {field})


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"description": "card 4242 4242 4242 4242"}, "description"),
        ({"merchant_order_id": "5555555555554444"}, "merchant_order_id"),
        ({"metadata": {"note": "378282246310005"}}, "metadata[note]"),
    ],
)
def test_card_number_is_refused_and_reaches_no_log(
    fields: Json, named: str, gateway: Ready, merchant: Merchant
) -> None:
    answer = merchant.http.post("/v1/orders", json={"amount": EUR} | fields)
    assert problem(answer) == (400, "CARD_NUMBER_REFUSED", {named})
    numbers = ("4242 4242 4242 4242", "5555555555554444", "378282246310005")
    logs = "".join(path.read_text(errors="replace") for path in Path(gateway.log_dir).glob("*.log"))
    assert not [number for number in numbers if number in logs or number in answer.text]


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("change", "status", "reason", "fields"),
    [
        ({"order_id": "7"}, 400, INVALID, {"order_id"}),
        ({"order_id": NOBODY}, 404, "ORDER_NOT_FOUND", set()),
        ({"provider": "No one"}, 400, INVALID, {"provider"}),
        ({"customer_country": "Germany"}, 400, INVALID, {"customer_country"}),
        ({"payment_method": "4111"}, 400, "CAPABILITY_NOT_SUPPORTED", {"payment_method"}),
        ({"provider": "nobody"}, 400, "PROVIDER_UNKNOWN", {"provider"}),
        ({"payment_method": "x" * 256}, 400, INVALID, {"payment_method"}),
        ({"payment_method": ""}, 400, INVALID, {"return_url"}),
        ({"return_url": "javascript:alert(1)"}, 400, INVALID, {"return_url"}),
        ({"amount": EUR}, 400, INVALID, {"amount"}),
        ({"status": "SUCCESS"}, 400, INVALID, {"status"}),
    ],
)
def test_payment_that_is_wrong_names_the_field(
    change: Json, status: int, reason: str, fields: set[str], merchant: Merchant
) -> None:
    answer = merchant.http.post("/v1/payments", json=direct(NOBODY) | change)
    assert problem(answer) == (status, reason, fields)


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    "url", ["", "no url", "ftp://merchant.example/", "https://user:word@merchant.example/", "/hooks"]
)
def test_webhook_url_that_may_not_be_called_is_refused(url: str, merchant: Merchant) -> None:
    answer = merchant.http.post("/v1/webhook_endpoints", json={"url": url})
    status, _, fields = problem(answer)
    assert (status, fields) == (400, {"url"})


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("status", "reason", "request_of"),
    [
        (413, "BODY_TOO_LARGE", {"method": "POST", "url": "/v1/orders", "json": {"description": "x" * 70_000}}),
        (415, "CONTENT_TYPE_NOT_SUPPORTED", {"method": "POST", "url": "/v1/orders", "data": {"amount": "1"}}),
        (415, "CONTENT_TYPE_NOT_SUPPORTED", {"method": "POST", "url": "/v1/orders", "content": b"{}"}),
        (
            400,
            INVALID,
            {"method": "POST", "url": "/v1/orders", "content": b"{", "headers": {"content-type": "application/json"}},
        ),
        (400, INVALID, {"method": "POST", "url": "/v1/orders", "json": []}),
        (400, INVALID, {"method": "POST", "url": "/v1/orders?merchant_order_id=A", "json": {"amount": EUR}}),
        (400, INVALID, {"method": "GET", "url": "/v1/orders/7"}),
        (400, INVALID, {"method": "GET", "url": "/v1/orders?status=PAID"}),
        (400, INVALID, {"method": "GET", "url": "/v1/orders?colour=red"}),
        (400, INVALID, {"method": "GET", "url": f"/v1/orders/{NOBODY}?order_id={NOBODY}"}),
        (404, "ORDER_NOT_FOUND", {"method": "GET", "url": f"/v1/orders/{NOBODY}"}),
        (404, "PAYMENT_NOT_FOUND", {"method": "GET", "url": f"/v1/payments/{NOBODY}"}),
        (404, "ROUTE_NOT_FOUND", {"method": "GET", "url": "/"}),
        (404, "ROUTE_NOT_FOUND", {"method": "GET", "url": "/v2/orders"}),
        (404, "ROUTE_NOT_FOUND", {"method": "POST", "url": "/v1/orders/"}),
        (405, "METHOD_NOT_ALLOWED", {"method": "DELETE", "url": "/v1/orders"}),
        (405, "METHOD_NOT_ALLOWED", {"method": "OPTIONS", "url": "/v1/orders"}),
        (431, "HEADERS_TOO_LARGE", {"method": "GET", "url": "/v1/orders", "headers": {"x-long": "x" * 9_000}}),
        (
            400,
            INVALID,
            {"method": "POST", "url": "/v1/orders", "json": {"amount": EUR}, "headers": {"idempotency-key": "x" * 256}},
        ),
    ],
)
def test_request_that_is_no_request_has_the_same_shape_of_error(
    status: int, reason: str, request_of: dict[str, Any], merchant: Merchant
) -> None:
    assert problem(merchant.http.request(**request_of))[:2] == (status, reason)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer sk_test_unknown", f"Bearer {UNKNOWN_KEY}", "Basic {secret}", "{secret}"],
)
def test_without_a_valid_key_nothing_is_answered(authorization: str, merchant: Merchant) -> None:
    headers = {"authorization": authorization.format(secret=merchant.secret)}
    answers = [
        merchant.http.get("/v1/orders", headers=headers),
        merchant.http.post("/v1/orders", json={"amount": EUR}, headers=headers),
    ]
    assert [problem(answer) for answer in answers] == [(401, "API_KEY_INVALID", set())] * 2


def test_revoked_key_is_refused(merchant: Merchant, identities: Identities) -> None:
    merchant.new_order()
    identities.revoke(merchant.api_key_id)
    eventually(lambda: merchant.http.get("/v1/orders").status_code == 401, "401")


@pytest.mark.parametrize("header", ["x-merchant-id", "X-Merchant-Id", "x-fusionx-merchant-id", "merchant-id"])
def test_header_that_claims_an_identity_has_no_effect(header: str, new_merchant: Callable[[], Merchant]) -> None:
    victim, attacker = new_merchant(), new_merchant()
    order_id = victim.new_order()["order_id"]
    claim = {header: victim.merchant_id}
    assert attacker.http.get(f"/v1/orders/{order_id}", headers=claim).status_code == 404
    made = attacker.http.post("/v1/orders", json={"amount": EUR}, headers=claim).json()
    assert attacker.order(made["order_id"]) == made
    assert [order["order_id"] for order in victim.get("/v1/orders")["orders"]] == [order_id]
    anonymous = httpx.get(f"{attacker.http.base_url}/v1/orders", headers=claim)
    assert anonymous.status_code == 401


MEANINGLESS = [
    {"grpc-timeout": "1n"},
    {"grpc-timeout": "soon"},
    {"grpc-encoding": "gzip"},
    {"x-evil-bin": "!!!"},
    {"grpc-status-details-bin": "AAAA"},
    {"x-envoy-upstream-rq-timeout-ms": "1"},
    {"x-envoy-expected-rq-timeout-ms": "1"},
    {"x-envoy-original-path": "/v1/payments"},
    {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "100"},
    {"x-envoy-internal": "true", "x-envoy-external-address": "10.0.0.1"},
    {"x-forwarded-for": "10.0.0.1, 10.0.0.2", "x-forwarded-proto": "gopher"},
    {"x-merchant-mode": "live"},
    {"x-merchant-scopes": ""},
    {"x-merchant-key": NOBODY},
]


@pytest.mark.parametrize("headers", MEANINGLESS, ids=str)
def test_header_that_is_the_edges_own_has_no_effect(headers: dict[str, str], merchant: Merchant) -> None:
    made = merchant.http.post("/v1/orders", json={"amount": EUR}, headers=headers)
    assert made.status_code == 200, made.text
    assert [order["order_id"] for order in merchant.get("/v1/orders")["orders"]] == [made.json()["order_id"]]


@pytest.mark.parametrize("headers", MEANINGLESS, ids=str)
def test_metadata_that_is_the_edges_own_has_no_effect(
    headers: dict[str, str], merchant: Merchant, public: grpc.Channel
) -> None:
    stub = OrderServiceStub(public)
    # the library itself refuses to send what it does not call metadata
    texts = [(name, value.encode() if name.endswith("-bin") else value) for name, value in headers.items()]
    sendable = [(name, value) for name, value in texts if not name.startswith("grpc-")]
    metadata = (*merchant.metadata, *sendable)
    made = stub.CreateOrder(
        orders.CreateOrderRequest(amount=money_pb2.Money(**EUR)), metadata=metadata, timeout=PATIENCE
    )
    assert merchant.order(made.order_id)["order_id"] == made.order_id


@pytest.fixture
def public(gateway: Ready) -> Iterator[grpc.Channel]:
    """Native gRPC to the public listener."""
    with grpc.insecure_channel(gateway.edge_grpc) as channel:
        yield channel


def _merchants(channel: grpc.Channel, metadata: Any) -> object:
    request = identity.CreateMerchantRequest(display_name="intruder")
    return IdentityServiceStub(channel).CreateMerchant(request, metadata=metadata, timeout=PATIENCE)


def _reservation(channel: grpc.Channel, metadata: Any) -> object:
    request = internal.ReserveOrderRequest(order_id=NOBODY, merchant_id=NOBODY, payment_id=NOBODY)
    return OrderPaymentServiceStub(channel).ReserveOrder(request, metadata=metadata, timeout=PATIENCE)


@pytest.mark.parametrize("call", [_merchants, _reservation])
def test_internal_services_are_not_reachable_from_outside(
    call: Callable[[grpc.Channel, Any], object], public: grpc.Channel, merchant: Merchant
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call(public, [("authorization", f"Bearer {merchant.secret}")])
    assert refused.value.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED)


def test_grpc_client_is_told_of_an_envoys_own_error_as_of_any(
    merchant: Merchant, public: grpc.Channel, edges: Edges
) -> None:
    """An unknown method, a body that is too large, and a part of the gateway that is out of reach."""
    unknown: Any = public.unary_unary("/fusionx.order.v1.OrderService/Unknown")
    large = orders.CreateOrderRequest(description="x" * 70_000, amount=money_pb2.Money(**EUR))
    with grpc.insecure_channel(edges.envoy(edge="127.0.0.1:1").removeprefix("http://")) as cut_off:
        told = [
            _told(lambda: unknown(b"", metadata=merchant.metadata, timeout=PATIENCE)),
            _told(lambda: OrderServiceStub(public).CreateOrder(large, metadata=merchant.metadata, timeout=PATIENCE)),
            _told(lambda: OrderServiceStub(cut_off).ListOrders(orders.ListOrdersRequest(), metadata=merchant.metadata)),
        ]
    assert told == [
        (grpc.StatusCode.UNIMPLEMENTED, "ROUTE_NOT_FOUND"),
        (grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE"),
        (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    ]


def test_body_that_is_a_little_too_large_is_never_taken(merchant: Merchant, gateway: Ready) -> None:
    """Over HTTP/2 it comes in parts, and its last one may wait for the window of the stream."""
    large = orders.CreateOrderRequest(description="x" * 66_000, amount=money_pb2.Money(**EUR))
    told = set()
    for _ in range(60):
        with grpc.insecure_channel(gateway.edge_grpc) as fresh:
            call = OrderServiceStub(fresh).CreateOrder
            told.add(_told(partial(call, large, metadata=merchant.metadata, timeout=PATIENCE)))
    assert told == {(grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE")}


def _told(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """Return the code and the reason of an error, which says the same in its details as in its message."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    error: Any = refused.value
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())[DETAILS_KEY])
    assert (status.code, status.message) == (error.code().value[0], error.details())
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "fusionxpay.edge", status
    return error.code(), info.reason


@pytest.mark.parametrize("path", ["/v1/orders/%00", "/v1/orders/a%2Fb", "/v1/orders/a%5cb"])
def test_escape_that_no_path_has_is_told(path: str, merchant: Merchant) -> None:
    status, answer = exchange(
        str(merchant.http.base_url),
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {merchant.secret}\r\n\r\n".encode(),
    )
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (status, told["code"]) == (400, 3)
    assert "%2F" in told["message"]
    assert [detail.get("request_id", "-") for detail in told["details"]] == ["-"]


def test_body_that_is_encoded_is_refused_by_the_name_of_its_encoding(merchant: Merchant) -> None:
    body = gzip.compress(json.dumps({"amount": EUR}).encode())
    answer = merchant.http.post("/v1/orders", content=body, headers=JSON_TYPE | {"content-encoding": "gzip"})
    assert problem(answer) == (415, "CONTENT_TYPE_NOT_SUPPORTED", set())
    assert answer.json()["message"] == "a body is taken as it is, without Content-Encoding: this one came with gzip"
    as_it_is = merchant.http.post("/v1/orders", json={"amount": EUR}, headers={"content-encoding": "identity"})
    assert as_it_is.status_code == 200
