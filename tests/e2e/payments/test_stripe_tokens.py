"""What a merchant may confirm at Stripe without a page, and what the customer has to do then."""

from __future__ import annotations

import httpx
import pytest
import stripe

from stack.stack import Ready
from tests.support.merchant.api import RETURN_URL, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider


def confirmation_token(provider: Provider, method: str) -> str:
    """Return what Stripe.js makes of a payment form."""
    return provider.api.test_helpers.confirmation_tokens.create({"payment_method": method}).id


def test_confirmation_token_is_charged_once(merchant: Merchant, provider: Provider, receiver: Receiver) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    token = confirmation_token(provider, "pm_card_visa")
    provider.fault(order_id, "timeout_after", operation="payment_intents.create", seconds=30)
    merchant.charge(order_id, token)
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.captures(order_id) == [(1200, "eur")]


@pytest.mark.parametrize("token", ["tok_visa", "card_123", "src_123"])
def test_token_that_stripe_refuses_is_not_sent(token: str, merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    body = {"order_id": order_id, "provider": "stripe", "payment_method": token, "return_url": RETURN_URL}
    refused = merchant.http.post("/v1/payments", json=body)
    assert problem(refused) == (400, "CAPABILITY_NOT_SUPPORTED", {"payment_method"})
    assert provider.charges(order_id) == []


def test_challenge_without_a_way_back_is_for_stripes_library(
    merchant: Merchant, provider: Provider, receiver: Receiver, gateway: Ready
) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    payment = merchant.charge(order_id, "pm_card_threeDSecure2Required")
    assert (payment["status"], payment.get("redirect_url", "")) == ("REQUIRES_ACTION", "")
    action = payment["next_action"]
    assert (action["type"], action["provider_type"], action.get("url", "")) == ("SDK", "use_stripe_sdk", "")
    intent = provider.api.payment_intents.retrieve(payment["provider_reference"])
    assert action["client_secret"] == intent.client_secret
    # what the library shows on the merchant's own page
    page = f"{gateway.sandbox_url}/stripe/3ds/{intent.id}/approve"
    assert httpx.post(page, headers={"accept": "application/json"}).status_code == 200
    assert_paid(merchant, provider, receiver, order_id)


def test_declined_token_is_final_only_once_its_intent_is_closed(merchant: Merchant, provider: Provider) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    away = provider.fault(order_id, "error_500", operation="payment_intents.cancel", stored=False, count=1000)
    payment = merchant.charge(order_id, "pm_card_visa_chargeDeclined")
    assert (payment["status"], payment["failure"]["code"]) == ("PROCESSING", "card_declined")
    intent = provider.api.payment_intents.retrieve(payment["provider_reference"])
    assert intent.status == "requires_payment_method"
    provider.disarm(away)
    merchant.wait_for_payment(payment["payment_id"], "FAILED")
    closed: stripe.PaymentIntent = provider.api.payment_intents.retrieve(intent.id)
    assert closed.status == "canceled"
    merchant.wait_for_order(order_id, "FAILED")


def test_rupiah_are_charged_up_to_stripes_limit_and_not_sent_above_it(merchant: Merchant, provider: Provider) -> None:
    million = merchant.new_order("1500000.00", "IDR")["order_id"]
    merchant.charge(million)
    merchant.wait_for_order(million, "SUCCESS")
    assert provider.captures(million) == [(150_000_000, "idr")]
    above = merchant.new_order("10000000000.00", "IDR")["order_id"]
    body = {"order_id": above, "provider": "stripe", "payment_method": "pm_card_visa", "return_url": RETURN_URL}
    refused = merchant.http.post("/v1/payments", json=body)
    assert problem(refused)[:2] == (400, "AMOUNT_NOT_SUPPORTED")
    assert provider.charges(above) == []
