"""What only a pushed payment has: the customer decides how much is sent, and each callback has a token."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from payment_svc.providers.registry import capabilities_of
from stack.stack import Ready
from tests.providers.drivers.bank_transfer import BankTransferDriver
from tests.providers.drivers.driver import Subject
from tests.providers.shop import Shop
from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem
from tests.support.providers.sandbox import Provider
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually


@pytest.fixture
def bank_shop(gateway: Ready, merchant: Merchant, provider: Provider) -> Iterator[Shop]:
    """A shop that is paid by bank transfer."""
    driver = BankTransferDriver(gateway, provider)
    yield Shop(driver, merchant, provider, capabilities_of(driver.name))
    driver.close()


@pytest.mark.parametrize("sent", [999, 1001])
def test_too_little_or_too_much_money_is_quarantined(bank_shop: Shop, sent: int) -> None:
    order_id = bank_shop.order()
    payment = bank_shop.open_page(order_id)
    answer = httpx.post(f"{payment['redirect_url']}/send", data={"amount": str(sent)})
    assert answer.status_code == 303

    def quarantined() -> list[str]:
        events = bank_shop.books.deliveries(payment_id=payment["payment_id"], type="transfer.settled")
        found = [provider_event(bank_shop.driver.gateway, event["event_id"]) for event in events]
        return [reason for status, reason in filter(None, found) if status == "QUARANTINED"]

    difference = f"the provider says {sent / 100:.2f} EUR, the payment is of 10.00 EUR"
    assert eventually(quarantined, "a quarantined callback") == [difference]
    assert bank_shop.merchant.payment(payment["payment_id"])["status"] == "PROCESSING"
    assert bank_shop.merchant.order(order_id)["status"] == "PROCESSING"


def test_callback_with_the_token_of_another_transfer_is_refused(bank_shop: Shop) -> None:
    """Its signature is right, so only the token tells that whoever signed it was never told of this payment."""
    victim, own = (bank_shop.open_page(bank_shop.order()) for _ in range(2))
    event = bank_shop.driver.callback(Subject(own["payment_id"], own["provider_reference"]))
    forged = json.dumps(json.loads(event.body) | {"merchant_reference": victim["payment_id"]}).encode()
    answer = bank_shop.send(forged, bank_shop.driver.sign(forged))
    assert problem(answer) == (401, "WEBHOOK_SIGNATURE_INVALID", set())
    assert provider_event(bank_shop.driver.gateway, event.event_id) is None


def test_transfer_that_is_not_sent_in_time_is_cancelled(bank_shop: Shop) -> None:
    payment = bank_shop.open_page(bank_shop.order())
    bank_shop.driver.settle(payment, "expired")
    expired = bank_shop.merchant.wait_for_payment(payment["payment_id"], "CANCELLED")
    assert expired["failure"]["code"] == "expired"
    bank_shop.merchant.wait_for_order(payment["order_id"], "FAILED")
    assert bank_shop.driver.pay(payment["redirect_url"]).status_code == 409


def test_transfer_that_was_sent_cannot_be_cancelled(bank_shop: Shop) -> None:
    payment = bank_shop.open_page(bank_shop.order())
    # nobody tells the gateway that the money is on its way
    fault = bank_shop.books.fault(payment["order_id"], "webhook_drop", count=None)
    bank_shop.driver.pay_slowly(payment["redirect_url"])
    answer = bank_shop.merchant.http.post(f"/v1/payments/{payment['payment_id']}/cancel", json={})
    # the bank refuses, unless recovery has learned before that the money is on its way
    assert problem(answer)[0] == 400
    assert problem(answer)[1] in ("PROVIDER_REFUSED", "PAYMENT_NOT_CANCELLABLE")
    assert bank_shop.merchant.get(f"/v1/payments/{payment['payment_id']}")["status"] == "PROCESSING"
    bank_shop.books.disarm(fault)
    bank_shop.driver.settle(payment, "succeeded")
    bank_shop.settled(payment["order_id"])


@pytest.mark.parametrize(("value", "currency"), [("10.00", "USD"), ("1000000000.01", "EUR")])
def test_money_that_the_bank_does_not_take_is_refused(bank_shop: Shop, value: str, currency: str) -> None:
    order_id = bank_shop.merchant.new_order(value, currency)["order_id"]
    assert problem(bank_shop.start(order_id)) == (400, "AMOUNT_NOT_SUPPORTED", {"order_id"})
