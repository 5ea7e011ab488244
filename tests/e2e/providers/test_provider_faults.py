"""The provider answers late, twice, in the wrong order or not at all: money moves once, and we learn of it."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant, direct, hosted
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("timeout_after", {"seconds": 5}),
        ("timeout_before", {"seconds": 5}),
        ("connection_reset", {}),
        ("connection_reset", {"applied": True}),
        ("error_500", {"applied": True, "stored": False}),
        ("error_500", {"stored": False}),
        ("latency", {"seconds": 1}),
    ],
)
def test_answer_that_gets_lost_charges_once_and_succeeds(
    kind: str, fields: dict[str, Any], merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, kind, operation="payment_intents.create", **fields)
    assert merchant.charge(order_id)["status"] in ("PROCESSING", "SUCCESS")
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.charges(order_id) == ["succeeded"]


def test_charge_is_found_though_no_answer_and_no_webhook_ever_comes(
    merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "webhook_drop", count=None)
    provider.fault(order_id, "timeout_after", operation="payment_intents.create", seconds=5, count=2)
    assert merchant.charge(order_id)["status"] in ("PROCESSING", "SUCCESS")
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.charges(order_id) == ["succeeded"]
    assert not [delivery for delivery in provider.deliveries(order_id=order_id) if delivery["attempts"]]


def test_page_that_was_paid_is_found_though_no_webhook_comes(
    merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "webhook_drop", count=None)
    provider.pay(merchant.open_page(order_id)["redirect_url"])
    assert_paid(merchant, provider, receiver, order_id)


def test_provider_that_is_too_busy_fails_the_payment_and_a_new_one_succeeds(
    merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    busy = provider.fault(order_id, "error_429", operation="payment_intents.create", count=None)
    refused = merchant.charge(order_id)
    assert (refused["status"], refused["failure"]["code"]) == ("FAILED", "provider_unavailable")
    provider.disarm(busy)
    merchant.wait_for_order(order_id, "FAILED")
    merchant.charge(order_id)
    assert_paid(merchant, provider, receiver, order_id)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("webhook_duplicate", {"copies": 3, "count": None}),
        ("webhook_delay", {"seconds": 1}),
        ("webhook_reorder", {"size": 3}),
        ("webhook_corrupt", {"attempts": 1, "count": None}),
    ],
)
@pytest.mark.parametrize("request_of", [direct, hosted])
def test_webhooks_that_misbehave_change_nothing_about_the_end(
    request_of: Any, kind: str, fields: dict[str, Any], merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    fault = provider.fault(order_id, kind, **fields)
    payment = merchant.post("/v1/payments", request_of(order_id))
    if payment["redirect_url"]:
        provider.pay(payment["redirect_url"], "pm_card_chargeDeclined")
        assert provider.pay(payment["redirect_url"]).status_code == 200
    provider.disarm(fault)
    assert assert_paid(merchant, provider, receiver, order_id)["version"] == 3


def test_payment_that_nobody_can_tell_of_is_given_to_a_person_and_may_still_succeed(
    gateway: Ready, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "webhook_drop", count=None)
    payment = merchant.charge(order_id, "pm_usBankAccount_processing")
    assert payment["status"] == "PROCESSING"
    make_old(gateway, payment["payment_id"])
    merchant.wait_for_payment(payment["payment_id"], "NEEDS_REVIEW")
    receiver.wait_for("payment.needs_review")
    assert merchant.order(order_id)["status"] == "PROCESSING"
    provider.settle("stripe", payment["provider_reference"], "succeeded")
    make_old(gateway, payment["payment_id"])
    assert_paid(merchant, provider, receiver, order_id)


def make_old(gateway: Ready, payment_id: str) -> None:
    """Have the payment wait for longer than anything can last, and recovery look at it."""
    # longer than Stripe works on any payment, counted from the last change
    past = "now() - interval '22 days'"
    query = f"UPDATE payments SET create_time = {past}, update_time = {past}, next_check_time = now()"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.execute(f"{query} WHERE payment_id = %s".encode(), [payment_id])


def test_event_of_a_payment_that_is_not_here_is_quarantined(gateway: Ready, stripe: Stripe) -> None:
    body = stripe.event("payment_intent.succeeded", payment_id=str(uuid.uuid4()))
    assert stripe.post(body).status_code == 200
    verdict = ("QUARANTINED", "claims to be of a payment that is not here")
    eventually(lambda: provider_event(gateway, stripe.event_id(body)) == verdict, "the event in quarantine")
