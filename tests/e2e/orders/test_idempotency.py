"""The same request sent again is the same request."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.merchant.api import Json, Merchant, direct
from tests.support.merchant.errors import problem
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually

ORDER: Json = {"amount": {"value": "12.00", "currency": "EUR"}, "merchant_order_id": "A-1"}


@pytest.fixture
def key() -> dict[str, str]:
    """The header of a key that nobody else uses."""
    return {"idempotency-key": str(uuid.uuid4())}


def test_twenty_requests_at_once_make_one_order(merchant: Merchant, key: dict[str, str]) -> None:
    with ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(lambda _: merchant.http.post("/v1/orders", json=ORDER, headers=key), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 19
    assert [order["order_id"] for order in merchant.get("/v1/orders")["orders"]] == [answers[0].json()["order_id"]]


def test_another_body_under_the_key_is_refused(merchant: Merchant, key: dict[str, str]) -> None:
    merchant.http.post("/v1/orders", json=ORDER, headers=key)
    answer = merchant.http.post("/v1/orders", json=ORDER | {"merchant_order_id": "B"}, headers=key)
    assert problem(answer) == (409, "IDEMPOTENCY_KEY_REUSED", set())
    assert len(merchant.get("/v1/orders")["orders"]) == 1


def test_key_of_another_merchant_is_another_key(new_merchant: Callable[[], Merchant], key: dict[str, str]) -> None:
    orders = [
        maker.http.post("/v1/orders", json=ORDER, headers=key).json() for maker in (new_merchant(), new_merchant())
    ]
    assert orders[0]["order_id"] != orders[1]["order_id"]


def test_refused_request_leaves_its_key_free(merchant: Merchant, key: dict[str, str]) -> None:
    refused = merchant.http.post("/v1/orders", json=ORDER | {"amount": {"value": "0"}}, headers=key)
    taken = merchant.http.post("/v1/orders", json=ORDER, headers=key)
    assert (refused.status_code, taken.status_code) == (400, 200)


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/payment_links"])
def test_repetition_is_answered_when_its_time_is_over(path: str, merchant: Merchant, key: dict[str, str]) -> None:
    end = datetime.now(UTC) + timedelta(seconds=6)
    body = {"amount": ORDER["amount"], "expire_time": end.isoformat()}
    first = merchant.http.post(path, json=body, headers=key)
    assert first.status_code == 200
    eventually(lambda: datetime.now(UTC) > end, "the end of its time")
    again = merchant.http.post(path, json=body, headers=key)
    assert (again.status_code, again.text) == (200, first.text)
    assert again.headers["idempotent-replayed"] == "true"
    assert merchant.http.post(path, json=body).status_code == 400


def test_same_payment_request_at_once_charges_once(merchant: Merchant, provider: Provider, key: dict[str, str]) -> None:
    order_id = merchant.new_order()["order_id"]

    def pay(_: int) -> httpx.Response:
        return merchant.http.post("/v1/payments", json=direct(order_id), headers=key)

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(pay, range(8)))
    again = pay(0)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all(problem(answer)[1] == "IDEMPOTENCY_KEY_IN_USE" for answer in answers if answer.status_code == 409)
    assert {answer.text for answer in answers if answer.status_code == 200} == {again.text}
    assert again.headers["idempotent-replayed"] == "true"
    assert provider.charges(order_id) == ["succeeded"]


def test_payments_of_one_order_at_once_charge_once(merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order()["order_id"]
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: merchant.http.post("/v1/payments", json=direct(order_id)), range(8)))
    assert [answer.status_code for answer in answers].count(200) == 1
    refusals = {problem(answer)[1] for answer in answers if answer.status_code != 200}
    assert refusals <= {"PAYMENT_IN_PROGRESS", "ORDER_NOT_PAYABLE"}
    assert provider.charges(order_id) == ["succeeded"]


def test_webhook_endpoint_is_registered_once_and_shows_the_same_secret(merchant: Merchant, key: dict[str, str]) -> None:
    body = {"url": "https://merchant.example/hooks"}
    answers = [merchant.http.post("/v1/webhook_endpoints", json=body, headers=key) for _ in range(2)]
    assert answers[0].text == answers[1].text
    assert answers[0].json()["secret"].startswith("whsec_")
