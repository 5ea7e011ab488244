"""The customer's way to the provider's page and back: by every provider, after success and after turning back."""

from __future__ import annotations

import httpx
import pytest

from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem

BACK = "https://shop.example/back?order={ORDER_ID}&payment={PAYMENT_ID}&came={STATUS}"
CANCEL = "https://shop.example/cart/{ORDER_ID}"
BUTTONS = {
    "stripe": ("pay", {"payment_method": "pm_card_visa"}, "cancel"),
    "paypal": ("approve", {"payment_method": "paypal"}, "cancel"),
    "bank_transfer": ("send", {}, "leave"),
}


def _open(merchant: Merchant, provider: str, **urls: str) -> Json:
    order = merchant.new_order("1234.50", description="Two pears & a plum")
    body = {"order_id": order["order_id"], "provider": provider, "return_url": BACK} | urls
    return merchant.post("/v1/payments", body)


def _back(payment: Json, status: str) -> str:
    return f"https://shop.example/back?order={payment['order_id']}&payment={payment['payment_id']}&came={status}"


@pytest.mark.parametrize("provider", BUTTONS)
def test_pages_say_who_is_paid_what_for_and_lead_back(merchant: Merchant, provider: str) -> None:
    pay, fields, cancel = BUTTONS[provider]
    payment = _open(merchant, provider, cancel_url=CANCEL)
    assert (payment["return_url"], payment["cancel_url"]) == (BACK, CANCEL)
    page = payment["redirect_url"]
    shown = httpx.get(page).text
    assert all(words in shown for words in ("shop.example", "Two pears &amp; a plum", "1,234.50 EUR")), shown
    left = httpx.post(f"{page}/{cancel}")
    assert (left.status_code, left.headers["location"].partition("?")[0]) == (
        303,
        f"https://shop.example/cart/{payment['order_id']}",
    )
    assert merchant.payment(payment["payment_id"])["status"] == "INITIATED"
    paid = httpx.post(f"{page}/{pay}", data=fields)
    assert paid.headers["location"].startswith(_back(payment, "RETURNED"))
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    over = httpx.get(page).text
    assert "Paid. Thank you!" in over
    assert _back(payment, "RETURNED").replace("&", "&amp;") in over
    assert "<form" not in over


@pytest.mark.parametrize("provider", BUTTONS)
def test_without_a_cancel_url_who_turns_back_returns_and_the_status_says_how(merchant: Merchant, provider: str) -> None:
    payment = _open(merchant, provider)
    left = httpx.post(f"{payment['redirect_url']}/{BUTTONS[provider][2]}")
    assert left.headers["location"].startswith(_back(payment, "CANCELLED"))


def test_three_d_secure_leads_back_with_the_ids(merchant: Merchant) -> None:
    order_id = merchant.new_order(description="A plum")["order_id"]
    payment = merchant.charge(order_id, "pm_card_threeDSecure2Required", return_url=BACK)
    challenge = payment["next_action"]["url"]
    assert "shop.example" in httpx.get(challenge).text
    done = httpx.post(f"{challenge}/approve")
    assert done.headers["location"].startswith(_back(payment, "RETURNED"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://shop.example/{CHECKOUT_SESSION_ID}", "{ORDER_ID}, {PAYMENT_ID}, {STATUS}"),
        ("https://{ORDER_ID}.shop.example/", "must not hold a placeholder in its host"),
    ],
)
@pytest.mark.parametrize("field", ["return_url", "cancel_url"])
def test_placeholder_that_is_none_is_told(merchant: Merchant, field: str, url: str, words: str) -> None:
    order_id = merchant.new_order()["order_id"]
    answer = merchant.http.post("/v1/payments", json={"order_id": order_id, "return_url": BACK} | {field: url})
    assert problem(answer) == (400, "INVALID_ARGUMENT", {field})
    assert words in answer.json()["message"]
