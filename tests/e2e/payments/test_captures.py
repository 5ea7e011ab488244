"""Authorize now, capture by hand later, or void: what is held, what is taken, what is given free."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually

UNKNOWN = "00000000-0000-7000-8000-000000000000"


def authorized(merchant: Merchant, value: str = "10.00") -> Json:
    """Return a payment whose money is held."""
    order_id = merchant.new_order(value)["order_id"]
    payment = merchant.charge(order_id, capture_method="manual")
    assert (payment["status"], payment["capture_method"]) == ("AUTHORIZED", "MANUAL")
    return payment


def capture(merchant: Merchant, payment: Json, value: str = "") -> Json:
    """Capture a part, or all."""
    body = {"amount": {"value": value, "currency": "EUR"}} if value else {}
    return merchant.post(f"/v1/payments/{payment['payment_id']}/capture", body)


def test_authorized_money_is_not_taken_before_the_capture(merchant: Merchant, provider: Provider) -> None:
    payment = authorized(merchant)
    assert provider.captures(payment["order_id"]) == []
    assert merchant.order(payment["order_id"])["status"] == "PROCESSING"

    captured = capture(merchant, payment)

    assert captured["status"] == "SUCCESS"
    assert captured["captured_amount"] == {"value": "10.00", "currency": "EUR"}
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    assert provider.captures(payment["order_id"]) == [(1000, "eur")]


def test_part_of_what_is_authorized_may_be_captured(merchant: Merchant, provider: Provider) -> None:
    payment = authorized(merchant)
    assert capture(merchant, payment, "6.50")["captured_amount"] == {"value": "6.50", "currency": "EUR"}
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    assert provider.captures(payment["order_id"]) == [(650, "eur")]
    # what was not captured was neither paid nor can it go back
    assert merchant.http.post(f"/v1/payments/{payment['payment_id']}/refunds", json={}).status_code == 200
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    order = merchant.order(payment["order_id"])
    assert (order["paid_amount"]["value"], order["refunded_amount"]["value"]) == ("6.50", "6.50")


def test_same_capture_again_takes_nothing_more(merchant: Merchant, provider: Provider) -> None:
    payment = authorized(merchant)
    assert capture(merchant, payment, "6.50") == capture(merchant, payment, "6.50")
    assert provider.captures(payment["order_id"]) == [(650, "eur")]


def test_page_with_capture_by_hand_holds_the_money(merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order("10.00")["order_id"]
    body = {
        "order_id": order_id,
        "provider": "stripe",
        "return_url": "https://shop.example/",
        "capture_method": "MANUAL",
    }
    payment = merchant.post("/v1/payments", body)
    provider.pay(payment["redirect_url"])
    merchant.wait_for_payment(payment["payment_id"], "AUTHORIZED")
    assert provider.captures(order_id) == []
    assert capture(merchant, payment)["status"] == "SUCCESS"
    assert provider.captures(order_id) == [(1000, "eur")]


def test_void_frees_the_money_and_the_order_may_be_paid_again(merchant: Merchant, provider: Provider) -> None:
    payment = authorized(merchant)
    path = f"/v1/payments/{payment['payment_id']}/cancel"
    voided = merchant.post(path, {})
    assert (voided["status"], voided["failure"]["code"]) == ("CANCELLED", "cancelled")
    assert merchant.post(path, {}) == voided
    merchant.wait_for_order(payment["order_id"], "FAILED")
    assert provider.captures(payment["order_id"]) == []

    assert merchant.charge(payment["order_id"])["status"] == "SUCCESS"
    merchant.wait_for_order(payment["order_id"], "SUCCESS")


def test_cancelled_page_can_no_longer_be_paid_on(merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order()["order_id"]
    payment = merchant.open_page(order_id)
    assert merchant.post(f"/v1/payments/{payment['payment_id']}/cancel", {})["status"] == "CANCELLED"
    assert provider.pay(payment["redirect_url"]).status_code == 409
    assert provider.captures(order_id) == []


def test_capture_whose_answer_is_lost_is_made_once_when_it_is_repeated(merchant: Merchant, provider: Provider) -> None:
    payment = authorized(merchant)
    provider.fault(payment["order_id"], "timeout_after", operation="payment_intents.capture", seconds=30)
    path = f"/v1/payments/{payment['payment_id']}/capture"
    merchant.http.post(path, json={})
    merchant.insist(path, {})
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    assert provider.captures(payment["order_id"]) == [(1000, "eur")]


def test_capture_that_is_made_while_another_waits_for_it_answers_both(
    merchant: Merchant, provider: Provider, gateway: Ready
) -> None:
    """Somebody works on the payment; meanwhile the provider's event tells that the money was taken."""
    payment = authorized(merchant)
    path = f"/v1/payments/{payment['payment_id']}"
    provider.fault(payment["order_id"], "webhook_delay", seconds=1)
    with psycopg.connect(gateway.database_urls["payments"], autocommit=True) as look, ThreadPoolExecutor(1) as pool:
        lease = b"UPDATE payments SET driver = %s, driving_until = now() + %s::interval WHERE payment_id = %s"
        look.execute(lease, [UNKNOWN, "60 s", payment["payment_id"]])
        waiting = pool.submit(merchant.insist, f"{path}/capture", {})
        provider.take_elsewhere(payment["order_id"], 1000)
        eventually(lambda: merchant.get(path)["status"] == "SUCCESS")
        look.execute(lease, [None, None, payment["payment_id"]])
        assert waiting.result()["captured_amount"] == {"value": "10.00", "currency": "EUR"}
    assert provider.captures(payment["order_id"]) == [(1000, "eur")]


@pytest.mark.parametrize(
    ("action", "body", "status", "reason", "fields"),
    [
        ("capture", {"amount": {"value": "10.01", "currency": "EUR"}}, 400, "AMOUNT_TOO_LARGE", {"amount.value"}),
        ("capture", {"amount": {"value": "1.00", "currency": "USD"}}, 400, "INVALID_ARGUMENT", {"amount.currency"}),
        ("capture", {"amount": {"value": "0", "currency": "EUR"}}, 400, "INVALID_ARGUMENT", {"amount.value"}),
        ("refunds", {}, 400, "PAYMENT_NOT_REFUNDABLE", set()),
    ],
)
def test_wrong_call_on_an_authorized_payment_changes_nothing(
    action: str, body: Json, status: int, reason: str, fields: set[str], merchant: Merchant
) -> None:
    payment = authorized(merchant)
    answer = merchant.http.post(f"/v1/payments/{payment['payment_id']}/{action}", json=body)
    assert problem(answer) == (status, reason, fields)
    assert merchant.payment(payment["payment_id"]) == payment


@pytest.mark.parametrize(("action", "reason"), [("cancel", "PAYMENT_NOT_CANCELLABLE")])
def test_captured_payment_cannot_be_cancelled(action: str, reason: str, merchant: Merchant) -> None:
    payment = merchant.charge(merchant.new_order()["order_id"])
    answer = merchant.http.post(f"/v1/payments/{payment['payment_id']}/{action}", json={})
    assert problem(answer) == (400, reason, set())


def test_voided_payment_cannot_be_captured(merchant: Merchant) -> None:
    payment = authorized(merchant)
    merchant.post(f"/v1/payments/{payment['payment_id']}/cancel", {})
    answer = merchant.http.post(f"/v1/payments/{payment['payment_id']}/capture", json={})
    assert problem(answer) == (400, "PAYMENT_NOT_CAPTURABLE", set())


@pytest.mark.parametrize("action", ["capture", "cancel", "refunds"])
def test_another_merchants_payment_is_not_there(
    action: str, merchant: Merchant, new_merchant: Callable[[], Merchant]
) -> None:
    payment = authorized(merchant)
    answer = new_merchant().http.post(f"/v1/payments/{payment['payment_id']}/{action}", json={})
    assert problem(answer) == (404, "PAYMENT_NOT_FOUND", set())
    assert merchant.payment(payment["payment_id"]) == payment


def test_authorization_that_nobody_captures_in_time_is_voided(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    payment = authorized(merchant)
    assert payment["capture_before"] > payment["create_time"]
    let_time_pass(gateway, payment["payment_id"])
    expired = merchant.wait_for_payment(payment["payment_id"], "CANCELLED")
    assert expired["failure"]["code"] == "expired"
    merchant.wait_for_order(payment["order_id"], "FAILED")
    assert provider.captures(payment["order_id"]) == []


def let_time_pass(gateway: Ready, payment_id: str) -> None:
    """Have the authorization run out, and recovery look at it."""
    query = "UPDATE payments SET capture_before = now(), next_check_time = now() WHERE payment_id = %s"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.execute(query, [payment_id])
