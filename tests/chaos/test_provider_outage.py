"""One provider is down, another is healthy: payments that name none go where they can be paid, and come back."""

from __future__ import annotations

import httpx
import psutil
import pytest
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub

from stack.stack import Ready
from tests.support.merchant.api import RETURN_URL, STRIPE_THEN_PAYPAL, Json, Merchant
from tests.support.providers.paypal import PaypalAccount
from tests.support.providers.sandbox import Provider
from tests.support.stack.mesh import dial_service
from tests.support.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("chaos")


def routed(merchant: Merchant) -> Json:
    """Start a payment that names no provider."""
    order_id = merchant.new_order()["order_id"]
    return merchant.post("/v1/payments", {"order_id": order_id, "return_url": RETURN_URL})


def circuit(gateway: Ready, operation: str) -> str:
    """Return how an operation of Stripe's stands, as the internal RPC tells."""
    with dial_service(gateway, "payment_svc") as channel:
        answer = ProviderServiceStub(channel).ListProviders(provider_pb2.ListProvidersRequest(), timeout=PATIENCE)
    stripe = next(one for one in answer.providers if one.name == "stripe")
    states = {one.operation: provider_pb2.Circuit.State.Name(one.state) for one in stripe.circuits}
    return states.get(operation, "")


def metric(gateway: Ready, series: str) -> float:
    """Return a series of the payment service."""
    address = psutil.Process(gateway.pids["payment_svc"]).environ()["FUSIONXPAY_METRICS_LISTEN"]
    lines = httpx.get(f"http://{address}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(series)).rpartition(" ")[2])


def test_payments_go_to_the_healthy_provider_and_return_when_the_other_heals(
    gateway: Ready, merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    merchant.http.put("/v1/routing_policy", json=STRIPE_THEN_PAYPAL).raise_for_status()
    before = routed(merchant)
    assert (before["provider"], before["routing"]["rule"]) == ("stripe", "euros")
    assert "stripe drawn by weight 1 of 1" in before["routing"]["reason"]

    outage = provider.outage("checkout.sessions.create")
    payments = [routed(merchant) for _ in range(6)]
    for payment in payments:
        assert (payment["provider"], payment["status"]) == ("paypal", "INITIATED"), payment
        assert paypal.approve(payment["redirect_url"]).status_code == 200
    for payment in payments:
        paid = merchant.wait_for_payment(payment["payment_id"], "SUCCESS")
        assert paid["attempts"][-1]["provider"] == "paypal"
        merchant.wait_for_order(payment["order_id"], "SUCCESS")
        assert len(paypal.lines(payment["order_id"], "capture")) == 1
    first = merchant.payment(payments[0]["payment_id"])["attempts"]
    assert [(one["provider"], one["status"]) for one in first] == [("stripe", "FAILED"), ("paypal", "SUCCEEDED")]
    assert first[0]["failure"]["code"] == "provider_unavailable"

    assert circuit(gateway, "start") in ("OPEN", "HALF_OPEN")
    assert metric(gateway, 'fusionxpay_provider_circuit_state{operation="start",provider="stripe"}') > 0

    provider.disarm(outage)
    healed = eventually(lambda: next((one for one in [routed(merchant)] if one["provider"] == "stripe"), None))
    assert healed
    assert circuit(gateway, "start") == "CLOSED"


def test_circuit_that_is_open_passes_a_provider_over_and_says_so(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    merchant.http.put("/v1/routing_policy", json=STRIPE_THEN_PAYPAL).raise_for_status()
    outage = provider.outage("checkout.sessions.create")
    reason = eventually(
        lambda: next((r for r in [routed(merchant)["routing"]["reason"]] if "its circuit is open" in r), "")
    )
    assert "paypal is next in order" in reason
    provider.disarm(outage)
    eventually(lambda: routed(merchant)["provider"] == "stripe", "traffic back at Stripe")


def test_charge_whose_outcome_is_unknown_is_never_tried_elsewhere(merchant: Merchant, provider: Provider) -> None:
    # a token of Stripe's: PayPal could not take it, and nobody may try
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "timeout_after", operation="payment_intents.create", seconds=30, count=2)
    payment = merchant.post("/v1/payments", {"order_id": order_id, "payment_method": "pm_card_visa"})
    assert payment["provider"] == "stripe"
    assert payment["status"] in ("PROCESSING", "SUCCESS")
    assert "paypal passed over" in payment["routing"]["reason"]
    merchant.wait_for_order(order_id, "SUCCESS", seconds=60)
    assert [one["provider"] for one in merchant.payment(payment["payment_id"])["attempts"]] == ["stripe"]
    assert len(provider.captures(order_id)) == 1


@pytest.mark.slow
def test_nobody_answers__the_payment_fails_and_the_order_may_be_paid_again(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    only = {"rules": [{"name": "only", "targets": [{"provider": "stripe", "weight": 1}]}]}
    merchant.http.put("/v1/routing_policy", json=only).raise_for_status()
    outage = provider.outage("checkout.sessions.create")
    eventually(lambda: routed(merchant) and circuit(gateway, "start") == "OPEN", "an open circuit")
    refused = routed(merchant)
    assert refused["status"] in ("FAILED", "PROCESSING")
    provider.disarm(outage)
    eventually(lambda: routed(merchant)["status"] == "INITIATED", "traffic back at Stripe")
    if refused["status"] == "FAILED":
        merchant.wait_for_order(refused["order_id"], "FAILED")
