"""The hosted page: paid, declined and paid after all, decided later, left open, closed."""

from __future__ import annotations

import uuid

import pytest

from tests.providers.cases import proves
from tests.providers.shop import Shop
from tests.support.waiting import eventually


@proves("hosted_page")
def test_customer_pays_on_the_page(shop: Shop) -> None:
    order_id = shop.order()
    payment = shop.open_page(order_id)
    assert shop.merchant.order(order_id)["status"] == "PROCESSING"
    assert shop.books.captures(order_id) == []
    assert shop.driver.pay(payment["redirect_url"]).is_success
    assert shop.settled(order_id)["payment_id"] == payment["payment_id"]
    assert shop.books.charges(order_id) == ["succeeded"]


@proves("hosted_page")
def test_customer_who_is_declined_pays_after_all(shop: Shop) -> None:
    """On the same page where the provider lets the customer try again, else by a new payment."""
    order_id = shop.order()
    payment = shop.open_page(order_id)
    shop.driver.decline(payment["redirect_url"])
    eventually(lambda: shop.merchant.payment(payment["payment_id"]).get("failure"), "why it was declined")
    declined = shop.merchant.payment(payment["payment_id"])
    assert declined["failure"]["code"]
    assert shop.books.captures(order_id) == []
    if declined["status"] == "FAILED":
        shop.merchant.wait_for_order(order_id, "FAILED")
        payment = shop.open_page(order_id)
    assert shop.driver.pay(payment["redirect_url"]).is_success
    assert "failure" not in shop.settled(order_id)


@proves("hosted_page")
@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "SUCCESS"), ("failed", "FAILED")])
def test_payment_that_is_decided_later_follows_the_decision(shop: Shop, outcome: str, status: str) -> None:
    order_id = shop.order()
    payment = shop.open_page(order_id)
    shop.driver.pay_slowly(payment["redirect_url"])
    undecided = shop.merchant.wait_for_payment(payment["payment_id"], "PROCESSING")
    assert shop.books.captures(order_id) == []
    shop.driver.settle(undecided, outcome)
    decided = shop.merchant.wait_for_payment(payment["payment_id"], status)
    shop.merchant.wait_for_order(order_id, status)
    assert bool(decided.get("failure")) == (status == "FAILED")
    assert len(shop.books.captures(order_id)) == (status == "SUCCESS")


@proves("hosted_page")
def test_page_that_was_cancelled_takes_no_money(shop: Shop) -> None:
    order_id = shop.order()
    payment = shop.open_page(order_id)
    cancelled = shop.do(payment, "cancel")
    assert (cancelled["status"], cancelled["failure"]["code"]) == ("CANCELLED", "cancelled")
    assert shop.do(payment, "cancel") == cancelled
    shop.driver.pay(payment["redirect_url"])
    shop.merchant.wait_for_order(order_id, "FAILED")
    again = shop.open_page(order_id)
    assert shop.driver.pay(again["redirect_url"]).is_success
    assert shop.settled(order_id)["payment_id"] == again["payment_id"]


@proves("hosted_page")
def test_request_sent_again_under_its_key_opens_no_second_page(shop: Shop) -> None:
    order_id, key = shop.order(), str(uuid.uuid4())
    first, second = (shop.start(order_id, key=key) for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert shop.driver.pay(first.json()["redirect_url"]).is_success
    shop.settled(order_id)
    assert shop.start(order_id, key=key).json() == first.json()
    assert shop.books.charges(order_id) == ["succeeded"]
