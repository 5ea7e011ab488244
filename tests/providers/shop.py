"""A merchant's shop that takes one provider, and a customer in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from payment_svc.providers.base import Capabilities
from tests.providers.drivers.driver import Driver
from tests.support.merchant.api import RETURN_URL, Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.providers.sandbox import Provider

VALUE = "10.00"
WIRE = (1000, "eur")
"""What the shop's orders cost, as the provider's ledger writes it."""


@dataclass(frozen=True)
class Shop:
    """What a case of the suite has in its hands; everything in it is the case's own."""

    driver: Driver
    merchant: Merchant
    books: Provider
    can: Capabilities

    def order(self) -> str:
        """Create an order, and return its id."""
        return str(self.merchant.new_order(VALUE, description="two pears")["order_id"])

    def start(self, order_id: str, *, key: str = "", **fields: Any) -> httpx.Response:
        """Start a payment, and return the answer whatever it is."""
        body = {"order_id": order_id, "provider": self.driver.name, "return_url": RETURN_URL} | fields
        return self.merchant.http.post("/v1/payments", json=body, headers={"idempotency-key": key} if key else {})

    def open_page(self, order_id: str, **fields: Any) -> Json:
        """Start a payment on the hosted page."""
        payment = _taken(self.start(order_id, **fields))
        assert payment["status"] == "INITIATED", payment
        assert payment["redirect_url"].startswith("http")
        return payment

    def charge(self, order_id: str, token: str) -> Json:
        """Start a payment by a token."""
        return _taken(self.start(order_id, payment_method=token))

    def paid(self) -> Json:
        """Return a payment that is captured, with its order in SUCCESS."""
        payment = self.open_page(self.order())
        assert self.driver.pay(payment["redirect_url"]).is_success
        return self.settled(payment["order_id"])

    def settled(self, order_id: str) -> Json:
        """Wait until the order is paid; what was taken, and how often, must be what the provider's books say."""
        order = self.merchant.wait_for_order(order_id, "SUCCESS")
        assert self.books.captures(order_id) == [WIRE]
        payment = self.merchant.payment(order["payment_id"])
        assert (payment["status"], payment["captured_amount"]["value"]) == ("SUCCESS", VALUE)
        return payment

    def authorized(self) -> Json:
        """Return a payment whose money is held."""
        payment = self.open_page(self.order(), capture_method="MANUAL")
        assert self.driver.pay(payment["redirect_url"]).is_success
        held = self.merchant.wait_for_payment(payment["payment_id"], "AUTHORIZED")
        assert self.books.captures(payment["order_id"]) == []
        return held

    def act(self, payment: Json, action: str, value: str = "") -> httpx.Response:
        """`capture`, `cancel` or `refunds` of a payment, of a part or all of it."""
        body = {"amount": {"value": value, "currency": "EUR"}} if value else {}
        return self.merchant.http.post(f"/v1/payments/{payment['payment_id']}/{action}", json=body)

    def do(self, payment: Json, action: str, value: str = "") -> Json:
        """Act, and return what the action made."""
        return _taken(self.act(payment, action, value))

    def send(self, body: bytes, headers: dict[str, str], path: str = "") -> httpx.Response:
        """Send a webhook as it is given."""
        url = f"{self.driver.gateway.edge_url}{path or f'/v1/webhooks/{self.driver.name}'}"
        return self.driver.http.post(url, content=body, headers={"content-type": "application/json"} | headers)


def assert_not_supported(answer: httpx.Response, field: str) -> None:
    """The refusal of what a provider cannot do: the same for every provider, and it names what was asked too much."""
    assert problem(answer) == (400, "CAPABILITY_NOT_SUPPORTED", {field})


def _taken(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body
