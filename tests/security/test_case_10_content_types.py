"""Case 10: no content type switches the checks at the edge off: a query cannot say another resource than the path."""

from __future__ import annotations

import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.stack.audit import rows_of_request

TYPES = ["application/grpcx", "application/grpc-web", "application/json", "APPLICATION/GRPCX", ""]


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("name", ["webhook_endpoint_id", "webhookEndpointId", "webhook%5Fendpoint%5Fid"])
def test_query_deletes_nothing_but_what_the_path_says(
    gateway: Ready, merchant: Merchant, content_type: str, name: str
) -> None:
    one, other = (
        merchant.post("/v1/webhook_endpoints", {"url": f"https://shop.example/{number}"})["webhook_endpoint_id"]
        for number in (1, 2)
    )
    headers = {"content-type": content_type} if content_type else {}
    answer = merchant.http.delete(f"/v1/webhook_endpoints/{one}?{name}={other}", headers=headers)
    assert answer.status_code == 400, answer.text
    assert merchant.get(f"/v1/webhook_endpoints/{one}")["webhook_endpoint_id"] == one
    assert merchant.get(f"/v1/webhook_endpoints/{other}")["webhook_endpoint_id"] == other
    [row] = rows_of_request(gateway, answer.headers["x-request-id"])
    assert row["path"] == f"/v1/webhook_endpoints/{one}"
    assert row["http_status"] == 400


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+proto", "application/grpc+json"])
def test_path_of_rest_with_the_type_of_grpc_does_nothing(merchant: Merchant, content_type: str) -> None:
    one, other = (
        merchant.post("/v1/webhook_endpoints", {"url": f"https://shop.example/{number}"})["webhook_endpoint_id"]
        for number in (1, 2)
    )
    target = f"/v1/webhook_endpoints/{one}?webhook_endpoint_id={other}"
    answer = merchant.http.delete(target, headers={"content-type": content_type})
    assert answer.headers.get("grpc-status") not in (None, "0") or answer.status_code >= 400
    ids = {endpoint["webhook_endpoint_id"] for endpoint in merchant.get("/v1/webhook_endpoints")["webhook_endpoints"]}
    assert {one, other} <= ids


def test_body_of_a_delete_says_nothing(gateway: Ready, merchant: Merchant) -> None:
    one, other = (
        merchant.post("/v1/webhook_endpoints", {"url": f"https://shop.example/{number}"})["webhook_endpoint_id"]
        for number in (1, 2)
    )
    path = f"/v1/webhook_endpoints/{one}"
    answer = merchant.http.request("DELETE", path, json={"webhook_endpoint_id": other})
    assert merchant.get(f"/v1/webhook_endpoints/{other}")["webhook_endpoint_id"] == other
    [row] = rows_of_request(gateway, answer.headers["x-request-id"])
    assert row["path"] == path


def test_page_of_a_list_is_held_to_the_route_whatever_the_type(merchant: Merchant) -> None:
    answer = merchant.http.get("/v1/orders?colour=red", headers={"content-type": "application/grpcx"})
    assert answer.status_code == 400
    assert "colour" in answer.text
