"""HTTP as clients and tools send it: HEAD, plus signs, verbs without a body, and nothing behind a webhook's path."""

from __future__ import annotations

import httpx
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem
from tests.support.net.raw_http import connected, exchange


def test_head_is_answered_as_get_is_without_its_body(gateway: Ready, merchant: Merchant) -> None:
    order_id = merchant.new_order()["order_id"]
    for path, status in ((f"/v1/orders/{order_id}", 200), ("/v1/orders?page_size=1", 200), ("/v1/orders?x=1", 400)):
        whole, head = merchant.http.get(path), merchant.http.head(path)
        assert (whole.status_code, head.status_code, head.content) == (status, status, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert int(head.headers["content-length"]) == len(whole.content)
    assert httpx.head(f"{gateway.edge_url}/healthz").status_code == 200
    assert httpx.head(f"{gateway.edge_url}/v1/orders").status_code == 401
    assert merchant.http.head("/v1/events:stream").status_code == 405


def test_head_leaves_the_connection_fit_for_the_next_request(gateway: Ready, merchant: Merchant) -> None:
    key = f"Authorization: Bearer {merchant.secret}\r\nHost: x\r\n"
    both = f"HEAD /v1/orders HTTP/1.1\r\n{key}\r\nGET /v1/orders HTTP/1.1\r\n{key}Connection: close\r\n\r\n"
    head, _, rest = exchange_all(gateway, both.encode()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert rest.startswith(b"HTTP/1.1 200")
    assert b'"orders"' in rest


def exchange_all(gateway: Ready, sent: bytes) -> bytes:
    """Send bytes and return what comes until the server closes."""
    with connected(gateway.edge_url) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_plus_in_a_query_is_a_space(merchant: Merchant) -> None:
    order = merchant.new_order(merchant_order_id="two words")
    for query in ("two+words", "two%20words"):
        found = merchant.http.get(f"/v1/orders?merchant_order_id={query}").json()["orders"]
        assert [one["order_id"] for one in found] == [order["order_id"]]
    plus = merchant.new_order(merchant_order_id="a+b")
    found = merchant.http.get("/v1/orders", params={"merchant_order_id": "a+b"}).json()["orders"]
    assert [one["order_id"] for one in found] == [plus["order_id"]]


def test_verb_without_fields_needs_neither_body_nor_content_type(gateway: Ready, merchant: Merchant) -> None:
    for headers in ({}, {"content-length": "0"}, {"content-type": "application/json"}):
        order_id = merchant.new_order()["order_id"]
        answer = merchant.http.post(f"/v1/orders/{order_id}/cancel", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
    order_id = merchant.new_order()["order_id"]
    request = (
        f"POST /v1/orders/{order_id}/cancel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {merchant.secret}\r\n\r\n"
    )
    assert exchange(gateway.edge_url, request.encode())[0] == 200
    # what has fields is told which it lacks, and a body needs its type all the same
    assert problem(merchant.http.post("/v1/orders"))[::2] == (400, {"amount"})
    assert merchant.http.post("/v1/orders", content=b"{}").status_code == 415


@pytest.mark.parametrize(
    "query",
    [
        "provider=paypal",
        "%70rovider=paypal",
        "providerAccountId=x",
        "provider_account%5Fid=x",
        "payload=e30",
        "x=1",
        "",
    ],
)
def test_nothing_stands_behind_the_path_of_a_webhook(gateway: Ready, query: str) -> None:
    answer = httpx.post(f"{gateway.edge_url}/v1/webhooks/stripe?{query}", json={})
    raw = f"POST /v1/webhooks/stripe?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    assert exchange(gateway.edge_url, raw.encode())[0] == 400
    assert answer.status_code == 400 or not query


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("HTTPS://shop.example/back", 200),
        ("https://müller.example/zurück", 200),
        ("https://shop.example:99999/", 400),
        ("https://user:secret@shop.example/", 400),
        ("https:///nowhere", 400),
    ],
)
def test_return_url_is_what_a_browser_can_go_to(merchant: Merchant, url: str, status: int) -> None:
    order_id = merchant.new_order()["order_id"]
    body = {"order_id": order_id, "provider": "stripe", "return_url": url}
    answer = merchant.http.post("/v1/payments", json=body)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert problem(answer)[2] == {"return_url"}
