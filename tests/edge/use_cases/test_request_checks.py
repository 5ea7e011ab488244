from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.use_cases import duplicates, json_values
from edge.use_cases.request_checks import MAX_REST_BYTES, MAX_REST_COMMAS, MAX_VIOLATIONS, RequestChecks
from mesh.errors import FieldViolation
from mesh.rpc.headers import MAX_BODY
from mesh.rpc.routes import contract_routes

CHECKS = RequestChecks(contract_routes())
JSON = "application/json"
ORDER = {"amount": {"value": "12.00", "currency": "EUR"}}
RPC = "/fusionx.order.v1.OrderService/CreateOrder"
ID = "01a2081b-7886-7068-9e1a-d7c0f5764b64"
ORDER_PATH, PAYMENT_PATH, EVENT_PATH = (f"/v1/{kind}/{ID}" for kind in ("orders", "payments", "events"))


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/v1/orders", ORDER),
        ("POST", "/order/create", ORDER | {"metadata": {"any": "thing"}, "expire_time": "2030-01-01T00:00:00Z"}),
        ("POST", "/v1/orders", {"merchantOrderId": "A-1"}),
        ("POST", "/v1/orders", ORDER | {"description": None, "metadata": None, "merchant_order_id": ""}),
        ("POST", "/v1/notification_channels", {"email": {"address": "a@b.example"}, "push": None}),
        ("PUT", "/v1/routing_policy", {"rules": []}),
        ("PATCH", f"/v1/payment_links/{ID}", {"description": ""}),
        ("POST", f"{ORDER_PATH}/cancel", {}),
        ("POST", "/v1/orders", ORDER | {"description": 'say "value":', "metadata": {"value": '":', "description": ""}}),
        ("GET", "/v1/orders?page_size=3&status=NEW", None),
        ("GET", "/v1/orders?statuses=NEW&page_size=3&statuses=SUCCESS", None),
        ("GET", ORDER_PATH, None),
    ],
)
def test_request_that_fits_the_contract_passes(method: str, target: str, body: object) -> None:
    assert CHECKS.violations(method, target, JSON, orjson.dumps(body) if body is not None else b"") == []


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
        ("GET", "/v1/orders?status=SUCCESS&status=FAILED", b"", "status"),
        ("GET", "/v1/orders?page_size=3&pageSize=4", b"", "pageSize"),
        ("GET", f"{ORDER_PATH}?orderId=7", b"", "orderId"),
        ("GET", f"{ORDER_PATH}?order%5fid=7", b"", "order_id"),
        ("DELETE", "/v1/webhook_endpoints/A?webhook_endpoint_id=B", b"", "webhook_endpoint_id"),
        ("DELETE", "/v1/webhook_endpoints/A?webhookEndpointId=B", b"", "webhookEndpointId"),
        ("POST", f"{ORDER_PATH}/cancel", b'{"orderId": "7"}', "orderId"),
        ("GET", "/v1/payments?order_id=", b"", "order_id"),
        ("POST", f"{PAYMENT_PATH}/refunds", b'{"amount": null}', "amount"),
        ("POST", f"{PAYMENT_PATH}/capture", b'{"amount": null}', "amount"),
        ("POST", "/v1/payment_links", b'{"expire_time": null}', "expire_time"),
        ("POST", "/v1/webhook_endpoints/A/rotate_secret", b'{"overlap": null}', "overlap"),
        ("POST", "/v1/webhook_endpoints", b'{"url": "https://x.example", "event_types": null}', "event_types"),
        ("POST", f"{EVENT_PATH}/resend", b'{"webhook_endpoint_id": null}', "webhook_endpoint_id"),
        ("PATCH", f"/v1/payment_links/{ID}", b'{"expire_time": null}', "expire_time"),
        ("PATCH", f"/v1/payment_links/{ID}", b'{"description": null}', "description"),
        ("PATCH", f"/v1/payment_links/{ID}", b'{"update_mask": ["expire_time"]}', "update_mask"),
        ("PUT", "/v1/routing_policy", b"", "body"),
        ("PUT", "/v1/routing_policy", b"{}", "rules"),
        ("PUT", "/v1/routing_policy", b'{"rules": null}', "rules"),
        ("PUT", "/v1/routing_policy", b'{"rules": [{"name": "a", "countries": null}]}', "rules[0].countries"),
        ("POST", "/v1/orders", b'{"merchant_order_id": "A", "merchantOrderId": "B"}', "merchantOrderId"),
        ("GET", "/no/route/of/ours?x=y", b"", "path"),
        ("POST", RPC, b"", "path"),
        ("POST", f"{RPC}?order_id=7", b"", "path"),
    ],
)
def test_what_does_not_fit_is_named(method: str, target: str, body: bytes, field: str) -> None:
    found = CHECKS.violations(method, target, JSON, body)
    assert found
    assert found[0].field == field
    assert all(one.description for one in found)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/orders", b'{"amount": {"value": "1.00", "currency": "EUR"}, "expire_time": null}'),
        ("/v1/orders", b'{"amount": {"value": "1.00", "currency": "EUR"}, "merchant_order_id": null}'),
    ],
)
def test_null_is_the_default_where_that_does_no_harm(target: str, body: bytes) -> None:
    assert CHECKS.violations("POST", target, JSON, body) == []


def test_plus_that_a_query_has_lost_is_told() -> None:
    time = "2026-11-28T10:00:00%s01:00"
    target = "/v1/orders?create_time_from=%s"
    (told,) = CHECKS.violations("GET", target % (time % "+"), JSON, b"")
    assert (told.field, time % "%2B" in told.description) == ("create_time_from", True)
    assert CHECKS.violations("GET", target % (time % "%2B"), JSON, b"") == []


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+proto"])
def test_grpc_is_left_to_grpc(content_type: str) -> None:
    assert CHECKS.violations("POST", RPC, content_type, b"\x00") == []


@pytest.mark.parametrize(
    "content_type", ["application/grpc", "application/grpc+proto", "application/grpcx", "application/grpc-web", ""]
)
def test_no_content_type_switches_the_checks_of_a_route_off(content_type: str) -> None:
    found = CHECKS.violations("DELETE", "/v1/webhook_endpoints/A?webhook_endpoint_id=B", content_type, b"")
    assert found
    assert found[0].field == "webhook_endpoint_id"
    if not content_type.startswith("application/grpc+") and content_type != "application/grpc":
        assert CHECKS.violations("POST", RPC, content_type, b"\x00")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b'{"amount": {"value": "0.10"}, "amount": {"value": "0.20", "currency": "EUR"}}', ["amount"]),
        (b'{"amount" :\n{"value": "0.10", "currency": "EUR", "value": "0.20"}}', ["amount.value"]),
        (b'{"metadata": {"a": "1", "b": "2", "a": "3", "b" : "4", "a": "5"}}', ["metadata.a", "metadata.b"]),
        (b'{"description": "a", "d\\u0065scription": "\\u0022:"}', ["description"]),
    ],
)
def test_name_that_stands_twice_in_an_object_is_refused(body: bytes, fields: list[str]) -> None:
    found = CHECKS.violations("POST", "/v1/orders", JSON, body)
    assert [one.field for one in found if one.description == duplicates.TWICE] == fields


def test_name_that_stands_twice_is_told_with_the_number_of_its_object() -> None:
    rules = b'"rules": [{"name": "a"}, {"name": "b", "name": "c"}]'
    body = b"{" + rules + b"," + rules + b"}"
    found = CHECKS.violations("PUT", "/v1/routing_policy", JSON, body)
    assert [one.field for one in found] == ["rules", "rules[1].name"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"' + b"n" * 30_000 + b'":[' + b'{"a":1,"a":2},' * 2_000 + b'{}],"description":"\\":"}',
        b'{"a":{"a":1},' * 4_000 + b'"a":1' + b"}" * 4_000,
        b'{"a":' * 1_000 + b'{"a":1,"a":2}' + b"}" * 1_000,
        b'{"metadata":{' + b'"a":"1",' * 8_000 + b'"a":"2"}}',
        b'{"description":"' + b'\\":' * 16_000 + b'"}',
        b'{"description":"' + b" " * 65_000 + b'"}',
        b'{"description":"",' + b'"' + b" " * 65_000 + b'":1}',
    ],
    ids=["long-path", "broken", "deep", "one-name", "texts", "spaces", "name-of-spaces"],
)
def test_looking_for_what_stands_twice_takes_no_longer_than_the_body_is(body: bytes) -> None:
    assert len(body) <= MAX_BODY + 1_000
    started = time.process_time()
    CHECKS.violations("POST", "/v1/orders", JSON, body)
    assert time.process_time() - started < SECONDS


NAMES = st.sampled_from(("amount", "value", "currency", "metadata", "expire_time", "description", "create_time", "a"))
SCALARS = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, 10**18, 1e300, "", "EUR", "eur", "12.00", "12,00", "2026-12-24", "\ud800", "\0"),
        *("1e5", "1e99997", "1e999999999", "-1e-99999", "NaN", "9" * 5000, "0." + "0" * 5000 + "1"),
    ]
)
DOCUMENTS = st.dictionaries(
    NAMES, st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
)
SECONDS = 1.0
"""Processor time that a body may take; a number of a million digits takes minutes."""


@given(st.binary(max_size=200) | DOCUMENTS.map(json.dumps).map(str.encode))
@example(b'{"amount": {"value": "1e999997", "currency": "EUR"}, "x": 1}')
@example(b'{"amount": {"value": "1e999999999", "currency": "EUR"}, "x": 1}')
@settings(deadline=None)
def test_no_body_breaks_the_check_or_keeps_it_long(body: bytes) -> None:
    started = time.process_time()
    CHECKS.violations("POST", "/v1/orders", JSON, body)
    assert time.process_time() - started < SECONDS


def test_body_nested_deeper_than_any_message_is_refused() -> None:
    assert CHECKS.violations("POST", "/v1/orders", JSON, b'{"amount":' * 100 + b"{}" + b"}" * 100)


def test_all_that_is_wrong_is_told_at_once_and_what_was_probably_meant() -> None:
    body = {
        "amount": {"valeu": "1", "currency": "EUR"},
        "descripton": "x",
        "metadata": {"n": 1},
        "merchant_order_id": "x" * 200,
        "expire_time": "2026-12-24",
    }
    found = {one.field: one.description for one in CHECKS.violations("POST", "/v1/orders", JSON, orjson.dumps(body))}
    assert found.keys() == {"amount.valeu", "descripton", "metadata", "merchant_order_id", "expire_time"}
    assert 'did you mean "value"?' in found["amount.valeu"]
    assert 'did you mean "description"?' in found["descripton"]
    assert 'did you mean {"n": "1"}?' in found["metadata"]
    assert 'did you mean "2026-12-24T00:00:00Z"?' in found["expire_time"]
    assert "at most 128" in found["merchant_order_id"]


def test_thousands_of_wrong_fields_cost_no_more_than_a_few() -> None:
    body = {f"descripton{number}": 1 for number in range(3000)}
    assert len(CHECKS.violations("POST", "/v1/orders", JSON, orjson.dumps(body))) == MAX_VIOLATIONS


@pytest.mark.parametrize(
    ("module", "name", "pair"),
    [(json_values, "of_object", b'"wrong%d":1'), (duplicates, "of_body", b'"n%d":1,"n%d":1')],
)
def test_of_thousands_that_are_wrong_a_few_are_looked_for(
    module: ModuleType, name: str, pair: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told is bounded anyway: this is what it costs."""
    look, looked_at = getattr(module, name), list[FieldViolation]()

    def counted(*given: Any) -> Iterator[FieldViolation]:
        for one in look(*given):
            looked_at.append(one)
            yield one

    monkeypatch.setattr(module, name, counted)
    body = b"{" + b",".join(pair.replace(b"%d", b"%d" % number) for number in range(2000)) + b"}"
    assert len(CHECKS.violations("POST", "/v1/orders", JSON, body)) == MAX_VIOLATIONS
    assert len(looked_at) <= MAX_VIOLATIONS + 1


@pytest.mark.parametrize(("length", "commas", "is_read"), [
    (MAX_REST_BYTES, 0, True), (MAX_REST_BYTES + 1, 0, False),
    (MAX_REST_BYTES, MAX_REST_COMMAS, True), (MAX_REST_BYTES, MAX_REST_COMMAS + 1, False),
])  # fmt: skip
def test_of_a_body_up_to_its_bounds_the_rest_is_read_as_well(length: int, commas: int, is_read: bool) -> None:
    body = b'{"descripton":"%s","merchant_order_id":"' + b"x" * 200 + b'"}'
    begun = body.replace(b"%s", b"," * (commas - 1 if commas else 0))
    whole = begun.replace(b'{"descripton":"', b'{"descripton":"' + b"x" * (length - len(begun)))
    assert (len(whole), whole.count(b",")) == (length, commas or 1)
    found = [one.field for one in CHECKS.violations("POST", "/v1/orders", JSON, whole)]
    assert ("merchant_order_id" in found) is is_read
    assert found[0] == "descripton"


@pytest.mark.parametrize(
    "rules", [[{"name": "a", "countries": ["DE"] * 150}] * 2, [{"name": "a" * 5000}]], ids=["many", "long"]
)
def test_of_a_long_body_what_is_unknown_is_named_and_the_rest_is_not_read(rules: list[object]) -> None:
    body = orjson.dumps({"rulez": [], "rules": rules})
    (only,) = CHECKS.violations("PUT", "/v1/routing_policy", JSON, body)
    assert only.field == "rulez"


def test_list_that_is_too_long_is_refused_in_the_contracts_words_and_not_walked_through() -> None:
    rules = [{"name": "a"}] * 20 + [{"nam": "a"}] + [{"name": "a"}] * 30
    (only,) = CHECKS.violations("PUT", "/v1/routing_policy", JSON, orjson.dumps({"rules": rules}))
    assert only == FieldViolation("rules", "must contain no more than 50 item(s)")
