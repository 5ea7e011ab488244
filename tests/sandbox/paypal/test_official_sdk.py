"""PayPal's own SDK makes its usual calls; what it is answered has the types that it publishes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from paypalserversdk.exceptions.api_exception import ApiException
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from tests.sandbox.harness import CLIENT, JSON, Sandbox
from tests.sandbox.paypal.harness import Paypal
from tests.support.providers.official_types import of_paypal
from tests.support.providers.paypal_sdk import paypal_sdk

PREFERENCES = ["return=minimal", "return=representation"]


@pytest.fixture
def sdk(sandbox: Sandbox) -> PaypalServersdkClient:
    return paypal_sdk(f"{sandbox.url}/paypal", *CLIENT)


def read(answer: Any, kind: str) -> JSON:
    """What the SDK was answered, which must have a type of its own."""
    body: JSON = json.loads(answer.text)
    assert list(of_paypal(body, kind)) == []
    return body


def approved(sdk: PaypalServersdkClient, paypal: Paypal, prefer: str, intent: str = "CAPTURE") -> str:
    """The id of an order that the SDK made and the payer approved."""
    asked = {"body": paypal.order(intent=intent), "prefer": prefer}
    order = read(sdk.orders.create_order(asked), "Order")
    read(sdk.orders.get_order({"id": order["id"]}), "Order")
    paypal.approve(order)
    read(sdk.orders.get_order({"id": order["id"]}), "Order")
    return str(order["id"])


@pytest.mark.parametrize("prefer", PREFERENCES)
@pytest.mark.parametrize("part", ["", "3.00"])
def test_order_is_captured_and_given_back(sdk: PaypalServersdkClient, paypal: Paypal, prefer: str, part: str) -> None:
    order_id = approved(sdk, paypal, prefer)
    taken = sdk.orders.capture_order({"id": order_id, "prefer": prefer})
    body = read(taken, "Order")
    assert taken.body.status == "COMPLETED"
    capture_id = body["purchase_units"][0]["payments"]["captures"][0]["id"]
    assert sdk.payments.get_captured_payment({"capture_id": capture_id}).body.status == "COMPLETED"
    amount = {"amount": {"currency_code": "EUR", "value": part}} if part else None
    given = sdk.payments.refund_captured_payment(
        {"capture_id": capture_id, "prefer": prefer, **({"body": amount} if amount else {})}
    )
    refund = read(given, "Refund")
    assert read(sdk.payments.get_refund({"refund_id": refund["id"]}), "Refund")["amount"]["value"] == (part or "10.00")
    read(sdk.payments.get_captured_payment({"capture_id": capture_id}), "CapturedPayment")
    read(sdk.orders.get_order({"id": order_id}), "Order")
    assert paypal.ledger("refund") == [(300 if part else 1000, "succeeded")]


@pytest.mark.parametrize("prefer", PREFERENCES)
def test_authorization_is_captured(sdk: PaypalServersdkClient, paypal: Paypal, prefer: str) -> None:
    authorization = authorized(sdk, paypal, prefer)
    read(sdk.payments.get_authorized_payment({"authorization_id": authorization}), "PaymentAuthorization")
    body = {"amount": {"currency_code": "EUR", "value": "4.00"}, "final_capture": True}
    asked = {"authorization_id": authorization, "prefer": prefer, "body": body}
    read(sdk.payments.capture_authorized_payment(asked), "CapturedPayment")
    read(sdk.payments.get_authorized_payment({"authorization_id": authorization}), "PaymentAuthorization")
    assert paypal.ledger("capture") == [(400, "succeeded")]


@pytest.mark.parametrize("prefer", PREFERENCES)
def test_authorization_is_voided_without_a_body(sdk: PaypalServersdkClient, paypal: Paypal, prefer: str) -> None:
    authorization = authorized(sdk, paypal, prefer)
    gone = sdk.payments.void_payment({"authorization_id": authorization, "prefer": prefer})
    assert gone.status_code == (204 if prefer == "return=minimal" else 200)
    if gone.text:
        assert read(gone, "PaymentAuthorization")["status"] == "VOIDED"
    shown = sdk.payments.get_authorized_payment({"authorization_id": authorization})
    assert shown.body.status == "VOIDED"
    assert paypal.ledger("charge") == [(1000, "canceled")]


def authorized(sdk: PaypalServersdkClient, paypal: Paypal, prefer: str) -> str:
    """The authorization of an order."""
    order_id = approved(sdk, paypal, prefer, "AUTHORIZE")
    held = read(sdk.orders.authorize_order({"id": order_id, "prefer": prefer}), "OrderAuthorizeResponse")
    return str(held["purchase_units"][0]["payments"]["authorizations"][0]["id"])


def test_transactions_are_searched(sdk: PaypalServersdkClient, paypal: Paypal) -> None:
    capture = paypal.captured()
    paypal.refund(capture, "2.00")
    now = datetime.now(UTC)
    span = {"start_date": (now - timedelta(hours=1)).isoformat(), "end_date": (now + timedelta(hours=1)).isoformat()}
    found = read(sdk.transaction_search.search_transactions(span), "SearchResponse")
    assert capture["id"] in {one["transaction_info"]["transaction_id"] for one in found["transaction_details"]}


@pytest.mark.parametrize("wallet", ["paypal_capture_declined", "paypal_held", "paypal_pending"])
def test_capture_that_is_not_completed_has_paypals_type(
    sdk: PaypalServersdkClient, paypal: Paypal, wallet: str
) -> None:
    order = paypal.approved(wallet)
    body = read(sdk.orders.capture_order({"id": order["id"], "prefer": "return=representation"}), "Order")
    capture = body["purchase_units"][0]["payments"]["captures"][0]
    read(sdk.payments.get_captured_payment({"capture_id": capture["id"]}), "CapturedPayment")


def test_refusal_is_paypals_own(sdk: PaypalServersdkClient, paypal: Paypal) -> None:
    order = paypal.approved("paypal_declined")
    with pytest.raises(ApiException) as refused:
        sdk.orders.capture_order({"id": order["id"]})
    assert refused.value.response_code == 422
    assert refused.value.details[0].issue == "INSTRUMENT_DECLINED"


def test_what_is_not_paypals_is_noticed(sdk: PaypalServersdkClient, paypal: Paypal) -> None:
    order = json.loads(sdk.orders.get_order({"id": paypal.create()["id"]}).text)
    wrong = {"status": "PAID", "intents": "CAPTURE", "purchase_units": {}, "links": [{"href": 1}]}
    assert {problem.partition(":")[0] for problem in of_paypal(order | wrong, "Order")} == {
        ".purchase_units",
        ".status",
        ".links[].href",
        ".links[].rel",
        ".intents",
    }
