"""Case 19. What cannot be read of a provider is unknown: kept, answered, and looked at again."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.paypal import PaypalAccount, open_page
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually


@pytest.mark.parametrize("field", ["amount_received", "status", "currency", "id"])
def test_charge_whose_answer_lacks_something_is_made_once(
    field: str, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    provider.fault(order_id, "incomplete", operation="payment_intents.create", field=field, count=2)
    payment = merchant.charge(order_id)
    assert payment["status"] in ("PROCESSING", "SUCCESS")
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.captures(order_id) == [(1200, "eur")]


@pytest.mark.parametrize("field", ["purchase_units", "status", "id"])
def test_capture_of_paypals_whose_answer_lacks_something_is_made_once(
    field: str, merchant: Merchant, provider: Provider, receiver: Receiver, paypal: PaypalAccount
) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    payment = open_page(merchant, order_id)
    provider.fault(order_id, "incomplete", operation="orders.capture", field=field)
    paypal.approve(payment["redirect_url"])
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.captures(order_id) == [(1200, "eur")]


def test_refund_whose_answer_lacks_something_is_made_once(merchant: Merchant, provider: Provider) -> None:
    payment = merchant.charge(merchant.new_order("12.00")["order_id"])
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    provider.fault(payment["order_id"], "incomplete", operation="refunds.create", field="amount")
    refund = merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {})
    eventually(lambda: merchant.get(f"/v1/refunds/{refund['refund_id']}")["status"] == "SUCCESS", "the refund")
    assert provider.refunds(payment["order_id"]) == [1200]


THIN = {
    "object": "v2.core.event",
    "type": "v1.payment_intent.succeeded",
    "created": "2026-01-01T00:00:00.000Z",
    "livemode": False,
}


def _classic(kind: str) -> dict[str, Any]:
    shown = {"object": kind.rpartition(".")[0], "livemode": False}
    return {"object": "event", "type": kind, "created": int(time.time()), "data": {"object": shown}}


@pytest.mark.parametrize(
    "event",
    [
        _classic("balance.available"),
        _classic("tax.settings.updated"),
        _classic("entitlements.active_entitlement_summary.updated"),
        THIN | {"related_object": None},
        THIN | {"type": "v2.core.account.updated", "related_object": {"id": "acct_1", "type": "v2.core.account"}},
        THIN | {"related_object": {"id": "pi_nobodys", "type": "payment_intent", "url": "/v1/payment_intents/x"}},
    ],
    ids=lambda event: event["type"],
)
def test_event_that_points_at_nothing_of_ours_is_taken_and_kept(
    event: dict[str, Any], gateway: Ready, stripe: Stripe
) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    answer = stripe.post(json.dumps(event | {"id": event_id}).encode())
    assert answer.status_code == 200, answer.text
    eventually(lambda: (provider_event(gateway, event_id) or ("",))[0] == "IGNORED", f"{event['type']} put aside")


def test_thin_event_of_a_payment_is_applied(
    gateway: Ready, stripe: Stripe, merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    payment = merchant.charge(order_id)
    intent = {"id": payment["provider_reference"], "type": "payment_intent", "url": "/v1/payment_intents/x"}
    event_id = f"evt_{uuid.uuid4().hex}"
    assert stripe.post(json.dumps(THIN | {"id": event_id, "related_object": intent}).encode()).status_code == 200
    eventually(lambda: (provider_event(gateway, event_id) or ("",))[0] == "APPLIED", "the event")
    assert provider.captures(order_id) == [(1200, "eur")]
