"""PayPal's disputes, and money that it takes back."""

import json

import pytest

from tests.sandbox.harness import JSON, Receiver
from tests.sandbox.paypal.harness import Paypal, link


def act(paypal: Paypal, capture: JSON, action: str, **more: str) -> JSON:
    return paypal.sandbox.post("disputes", provider="paypal", capture=capture["id"], action=action, **more)


def test_a_dispute_is_opened_updated_and_resolved(paypal: Paypal, receiver: Receiver) -> None:
    capture = paypal.captured()
    dispute = act(paypal, capture, "create", reason="UNAUTHORISED")
    [told] = receiver.wait(dispute["dispute_id"], "CUSTOMER.DISPUTE.CREATED")
    event = json.loads(told.body)
    assert (event["resource_type"], event["resource"]["dispute_id"]) == ("dispute", dispute["dispute_id"])
    [transaction] = dispute["disputed_transactions"]
    assert (transaction["seller_transaction_id"], transaction["custom"]) == (capture["id"], paypal.payment_id)
    assert (dispute["status"], dispute["reason"]) == ("WAITING_FOR_SELLER_RESPONSE", "UNAUTHORISED")
    act(paypal, capture, "update", status="UNDER_REVIEW")
    receiver.wait(dispute["dispute_id"], "CUSTOMER.DISPUTE.UPDATED")
    act(paypal, capture, "close", status="RESOLVED_SELLER_FAVOUR")
    receiver.wait(dispute["dispute_id"], "CUSTOMER.DISPUTE.RESOLVED")
    shown = paypal.get(f"/v1/customer/disputes/{dispute['dispute_id']}")
    assert (shown["status"], shown["dispute_outcome"]) == ("RESOLVED", {"outcome_code": "RESOLVED_SELLER_FAVOUR"})
    assert paypal.ledger("refund") == []


@pytest.mark.parametrize("outcome", ["RESOLVED_BUYER_FAVOUR", "ACCEPTED"])
def test_an_outcome_for_the_buyer_takes_the_money_back(paypal: Paypal, receiver: Receiver, outcome: str) -> None:
    capture = paypal.captured()
    act(paypal, capture, "create")
    act(paypal, capture, "close", status=outcome)
    assert paypal.ledger("refund") == [(1000, "succeeded")]
    assert paypal.get(f"/v2/payments/captures/{capture['id']}")["status"] == "REFUNDED"
    order = paypal.get(link(capture, "up").partition("/paypal")[2])
    [taken] = order["purchase_units"][0]["payments"]["refunds"]
    [told] = receiver.wait(taken["id"], "PAYMENT.CAPTURE.REVERSED")
    assert json.loads(told.body)["resource_type"] == "refund"


def test_only_what_was_captured_is_disputed_and_once(paypal: Paypal) -> None:
    capture = paypal.captured()
    act(paypal, capture, "create")
    url = f"{paypal.sandbox.url}/_sandbox/disputes"
    asked = {"provider": "paypal", "capture": capture["id"], "action": "create"}
    assert paypal.http.post(url, json=asked).status_code == 400
    assert paypal.http.post(url, json=asked | {"capture": "NONE"}).status_code == 400
