"""The main job: an order is paid, and everybody agrees on it."""

from __future__ import annotations

from tests.support.merchant import Merchant
from tests.support.provider import Provider
from tests.support.receiver import Receiver


def test_customer_pays_on_the_hosted_page(merchant: Merchant, provider: Provider, receiver: Receiver):
    order = merchant.new_order("12.00", "EUR", merchant_order_id="A-1", metadata={"cart": "7"})
    assert (order["status"], order["version"]) == ("NEW", 1)
    payment = merchant.open_page(order["order_id"])
    assert payment["status"] == "INITIATED"
    assert merchant.order(order["order_id"])["status"] == "PROCESSING"

    assert provider.pay(payment["redirect_url"]).status_code == 200

    paid = merchant.wait_for_order(order["order_id"], "SUCCESS")
    assert paid["payment_id"] == payment["payment_id"]
    assert (paid["amount"], paid["metadata"]) == ({"value": "12.00", "currency": "EUR"}, {"cart": "7"})
    assert merchant.payment(payment["payment_id"])["status"] == "SUCCESS"
    assert provider.captures(order["order_id"]) == [(1200, "eur")]
    receiver.wait_for("order.succeeded")
    receiver.wait_for("payment.succeeded")
    histories = receiver.histories()
    assert histories[order["order_id"]] == [(1, "order.created"), (2, "order.processing"), (3, "order.succeeded")]
    assert [version for version, _ in histories[payment["payment_id"]]] == list(
        range(1, len(histories[payment["payment_id"]]) + 1)
    )


def test_token_is_charged_at_once(merchant: Merchant, provider: Provider):
    order = merchant.new_order("7.50", "USD")
    payment = merchant.charge(order["order_id"])
    assert (payment["status"], payment["amount"]) == ("SUCCESS", {"value": "7.50", "currency": "USD"})
    merchant.wait_for_order(order["order_id"], "SUCCESS")
    assert provider.captures(order["order_id"]) == [(750, "usd")]
