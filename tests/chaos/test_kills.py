"""Any process may die at any moment: once it is back, the flow ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from stack.layout import SERVICES
from stack.stack import Stack
from tests.support.merchant.api import Merchant, direct, hosted
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.slow import short_of

pytestmark = pytest.mark.xdist_group("chaos")
KILLED = (*SERVICES, "envoy", "sandbox", "postgres", "nats", "valkey")


@pytest.mark.parametrize("victim", short_of(KILLED, "payment_svc", "nats"))
def test_flow_ends_the_same_though_one_is_killed_before_the_customer_pays(
    victim: str, stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order = merchant.new_order()
    payment = merchant.open_page(order["order_id"])
    stack.kill(victim)
    if victim != "sandbox":  # the customer pays while the gateway is broken, and the webhook meets what is left of it
        assert provider.pay(payment["redirect_url"]).status_code == 200
    stack.start(victim)
    if victim == "sandbox":
        assert provider.pay(payment["redirect_url"]).status_code == 200
    paid = assert_paid(merchant, provider, receiver, order["order_id"])
    assert (paid["payment_id"], paid["version"]) == (payment["payment_id"], 3)


@pytest.mark.parametrize("victim", short_of(["order_svc", "payment_svc", "edge", "envoy"], "order_svc"))
def test_order_and_payment_are_made_once_though_one_is_killed_under_their_requests(
    victim: str, stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    with ThreadPoolExecutor(2) as clients:
        creating = [clients.submit(merchant.insist, "/v1/orders", _order(n)) for n in range(2)]
        stack.kill(victim)
        stack.start(victim)
        orders = [future.result() for future in creating]
    assert len(merchant.get("/v1/orders")["orders"]) == 2
    for order in orders:
        payment = merchant.insist("/v1/payments", hosted(order["order_id"]))
        provider.pay(payment["redirect_url"])
    for order in orders:
        merchant.wait_for_order(order["order_id"], "SUCCESS")
        assert provider.captures(order["order_id"]) == [(1200, "eur")]


def test_payment_service_killed_during_the_charge_charges_once(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    slow = provider.fault(order_id, "latency", operation="payment_intents.create", seconds=1.5)
    with ThreadPoolExecutor(1) as client:
        charging = client.submit(merchant.http.post, "/v1/payments", json=direct(order_id))
        provider.wait_for_hit(slow)
        stack.kill("payment_svc")
        assert _lost(charging.result)
    stack.start("payment_svc")
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.charges(order_id) == ["succeeded"]


def test_provider_killed_between_the_charge_and_its_answer_has_charged_once(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "timeout_after", operation="payment_intents.create", seconds=5)
    with ThreadPoolExecutor(1) as client:
        charging = client.submit(merchant.charge, order_id)
        provider.wait_for_capture(order_id)
        stack.kill("sandbox")
        stack.start("sandbox")
        assert charging.result()["status"] in ("PROCESSING", "SUCCESS")
    assert_paid(merchant, provider, receiver, order_id)


@pytest.mark.slow
def test_order_service_killed_during_the_charge_learns_of_it(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    slow = provider.fault(order_id, "latency", operation="payment_intents.create", seconds=1)
    with ThreadPoolExecutor(1) as client:
        charging = client.submit(merchant.charge, order_id)
        provider.wait_for_hit(slow)
        stack.kill("order_svc")
        assert charging.result()["status"] == "SUCCESS"
    stack.start("order_svc")
    assert_paid(merchant, provider, receiver, order_id)


def test_notification_service_killed_during_a_delivery_delivers_again(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    with receiver.hanging():
        order_id = merchant.new_order()["order_id"]
        receiver.wait_for("order.created")
        stack.kill("notify_svc")
    stack.start("notify_svc")
    merchant.charge(order_id)
    assert_paid(merchant, provider, receiver, order_id)
    assert [event["type"] for event in receiver.events()].count("order.created") == 2


def _order(number: int) -> dict[str, object]:
    return {"amount": {"value": "12.00", "currency": "EUR"}, "merchant_order_id": f"A-{number}"}


def _lost(call: Callable[[], httpx.Response]) -> bool:
    """Whether a request came to nothing that its client could read as an outcome."""
    try:
        return call().status_code in (503, 504)
    except httpx.TransportError:
        return True
