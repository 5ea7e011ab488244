"""What is special to PayPal: an order is approved by the customer, and its money is taken by us."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.stack import Ready
from tests.support.merchant import Merchant
from tests.support.outcome import assert_paid
from tests.support.paypal import PaypalAccount, open_page
from tests.support.provider import Provider
from tests.support.receiver import Receiver


@pytest.fixture
def paypal(gateway: Ready) -> Iterator[PaypalAccount]:
    """The customer's side of PayPal."""
    account = PaypalAccount(gateway.sandbox_url)
    yield account
    account.close()


def test_approved_order_is_captured_though_the_browser_never_returns(
    merchant: Merchant, provider: Provider, receiver: Receiver, paypal: PaypalAccount
):
    order_id = merchant.new_order("12.00", "EUR")["order_id"]
    payment = open_page(merchant, order_id)
    assert merchant.order(order_id)["status"] == "PROCESSING"
    assert paypal.approve(payment["redirect_url"]).status_code == 200
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.captures(order_id) == [(1200, "eur")]
    assert merchant.payment(payment["payment_id"])["redirect_url"] == ""
