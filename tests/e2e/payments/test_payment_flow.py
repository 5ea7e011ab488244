"""The main job: an order is paid, and everybody agrees on it."""

from __future__ import annotations

import pytest

from tests.support.merchant.api import RETURN_URL, Merchant
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider


def test_customer_pays_on_the_hosted_page(merchant: Merchant, provider: Provider, receiver: Receiver) -> None:
    order = merchant.new_order("12.00", "EUR", merchant_order_id="A-1", metadata={"cart": "7"})
    assert (order["status"], order["version"]) == ("NEW", 1)
    payment = merchant.open_page(order["order_id"])
    assert payment["status"] == "INITIATED"
    assert merchant.order(order["order_id"])["status"] == "PROCESSING"

    assert provider.pay(payment["redirect_url"]).status_code == 200

    paid = assert_paid(merchant, provider, receiver, order["order_id"])
    assert paid["payment_id"] == payment["payment_id"]
    assert (paid["amount"], paid["metadata"]) == ({"value": "12.00", "currency": "EUR"}, {"cart": "7"})
    assert provider.captures(order["order_id"]) == [(1200, "eur")]
    assert receiver.histories()[order["order_id"]] == [
        (1, "order.created"),
        (2, "order.processing"),
        (3, "order.succeeded"),
    ]


@pytest.mark.parametrize(
    ("value", "currency", "wire"), [("7.50", "USD", 750), ("500", "JPY", 500), ("1.230", "KWD", 1230)]
)
def test_token_is_charged_at_once_in_the_minor_unit_of_its_currency(
    value: str, currency: str, wire: int, merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order(value, currency)["order_id"]
    payment = merchant.charge(order_id)
    assert (payment["status"], payment["amount"]) == ("SUCCESS", {"value": value, "currency": currency})
    merchant.wait_for_order(order_id, "SUCCESS")
    assert provider.captures(order_id) == [(wire, currency.lower())]


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_chargeDeclined", "card_declined"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ],
)
def test_declined_token_fails_payment_and_order_with_a_code(token: str, code: str, merchant: Merchant) -> None:
    order_id = merchant.new_order()["order_id"]
    payment = merchant.charge(order_id, token)
    assert (payment["status"], payment["failure"]["code"]) == ("FAILED", code)
    assert merchant.wait_for_order(order_id, "FAILED")["payment_id"] == payment["payment_id"]


def test_declined_order_is_paid_by_a_new_payment(merchant: Merchant, provider: Provider, receiver: Receiver) -> None:
    order_id = merchant.new_order()["order_id"]
    merchant.charge(order_id, "pm_card_chargeDeclined")
    merchant.wait_for_order(order_id, "FAILED")
    second = merchant.charge(order_id)
    paid = assert_paid(merchant, provider, receiver, order_id)
    assert paid["payment_id"] == second["payment_id"]
    assert provider.charges(order_id) == ["failed", "succeeded"]
    assert [kind for _, kind in receiver.histories()[order_id]] == [
        "order.created",
        "order.processing",
        "order.failed",
        "order.processing",
        "order.succeeded",
    ]


@pytest.mark.parametrize(
    ("answer", "payment", "order"), [("approve", "SUCCESS", "SUCCESS"), ("refuse", "FAILED", "FAILED")]
)
def test_bank_decides_on_a_card_that_needs_authentication(
    answer: str, payment: str, order: str, merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order()["order_id"]
    started = merchant.charge(order_id, "pm_card_threeDSecure2Required", return_url=RETURN_URL)
    assert started["status"] == "REQUIRES_ACTION"
    assert started["next_action"] == {
        "type": "REDIRECT",
        "url": started["redirect_url"],
        "client_secret": "",
        "provider_type": "redirect_to_url",
    }
    provider.answer_challenge(started["redirect_url"], answer)
    ended = merchant.wait_for_payment(started["payment_id"], payment)
    merchant.wait_for_order(order_id, order)
    assert ended["redirect_url"] == ""
    assert (ended.get("failure") or {}).get("code") == (None if answer == "approve" else "authentication_failed")


@pytest.mark.parametrize(
    ("token", "status"), [("pm_usBankAccount_success", "SUCCESS"), ("pm_usBankAccount_failed", "FAILED")]
)
def test_slow_method_settles_after_a_while(token: str, status: str, merchant: Merchant) -> None:
    order_id = merchant.new_order("20.00", "USD")["order_id"]
    started = merchant.charge(order_id, token)
    assert started["status"] == "PROCESSING"
    merchant.wait_for_payment(started["payment_id"], status)
    merchant.wait_for_order(order_id, status)


def test_customer_who_pays_after_the_page_was_seen_twice_pays_once(merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order()["order_id"]
    page = merchant.open_page(order_id)["redirect_url"]
    answers = [provider.pay(page).status_code for _ in range(2)]
    assert answers[0] == 200
    merchant.wait_for_order(order_id, "SUCCESS")
    assert provider.captures(order_id) == [(1200, "eur")]
