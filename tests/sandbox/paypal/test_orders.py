"""PayPal Orders v2: create, approve, capture, and everything in between that can go wrong."""

from typing import Any

import httpx
import pytest

from tests.sandbox.harness import CLIENT, Receiver, Sandbox
from tests.sandbox.paypal.harness import Paypal, issue, link


def test_an_order_is_created_approved_and_captured(paypal: Paypal) -> None:
    created = paypal.post("/v2/checkout/orders", paypal.order())
    order = created.json()
    assert (created.status_code, order["status"]) == (200, "PAYER_ACTION_REQUIRED")
    back = paypal.approve(order)
    assert back["redirect"].startswith(f"https://shop.example/back?x=1&token={order['id']}&PayerID=")
    assert paypal.show(order)["status"] == "APPROVED"
    assert paypal.ledger("charge") == []
    taken = paypal.capture(order)
    assert (taken.status_code, taken.json()["status"]) == (201, "COMPLETED")
    [capture] = taken.json()["purchase_units"][0]["payments"]["captures"]
    assert (capture["status"], capture["custom_id"]) == ("COMPLETED", paypal.payment_id)
    assert capture["amount"] == {"currency_code": "EUR", "value": "10.00"}
    # only the capture itself names its order
    related = {"supplementary_data": {"related_ids": {"order_id": order["id"]}}}
    assert paypal.get(f"/v2/payments/captures/{capture['id']}") == capture | related
    assert paypal.ledger("charge") == paypal.ledger("capture") == [(1000, "succeeded")]


def test_an_order_tells_its_whole_story(paypal: Paypal, receiver: Receiver) -> None:
    order = paypal.approved()
    receiver.wait(order["id"], "CHECKOUT.ORDER.APPROVED")
    paypal.capture(order)
    [told] = receiver.wait(order["id"], "PAYMENT.CAPTURE.COMPLETED")
    assert told.path == "/webhooks/paypal"
    receiver.wait(order["id"], "CHECKOUT.ORDER.COMPLETED")


def test_without_a_payment_source_the_link_is_called_approve(paypal: Paypal) -> None:
    body = {name: value for name, value in paypal.order().items() if name != "payment_source"}
    created = paypal.post("/v2/checkout/orders", body)
    assert (created.status_code, created.json()["status"]) == (201, "CREATED")
    page = httpx.get(link(created.json(), "approve"))
    assert "10.00 EUR" in page.text
    assert "Approve" in page.text


def test_a_person_is_sent_back_to_the_shop(paypal: Paypal) -> None:
    page = link(paypal.create(), "payer-action")
    cancelled = httpx.post(f"{page}/cancel")
    assert cancelled.status_code == 303
    assert cancelled.headers["location"].startswith("https://shop.example/no?token=")
    approved = httpx.post(f"{page}/approve", data={"payment_method": "paypal"})
    assert approved.status_code == 303
    assert "PayerID=" in approved.headers["location"]


def test_what_is_not_approved_is_not_captured(paypal: Paypal) -> None:
    order = paypal.create()
    assert issue(paypal.capture(order)) == "ORDER_NOT_APPROVED"
    assert paypal.ledger("charge") == []


def test_a_declined_instrument_can_be_replaced(paypal: Paypal) -> None:
    order = paypal.approved("paypal_declined")
    refused = paypal.capture(order)
    assert issue(refused) == "INSTRUMENT_DECLINED"
    assert link(refused.json(), "redirect").endswith(f"/checkoutnow/{order['id']}")
    assert issue(paypal.capture(order)) == "INSTRUMENT_DECLINED"
    paypal.approve(order)
    assert paypal.capture(order).json()["status"] == "COMPLETED"
    assert [status for _, status in paypal.ledger("charge")] == ["failed", "failed", "succeeded"]
    assert paypal.ledger("capture") == [(1000, "succeeded")]


def test_an_order_is_captured_once(paypal: Paypal) -> None:
    order = paypal.approved()
    paypal.capture(order)
    assert issue(paypal.capture(order)) == "ORDER_ALREADY_CAPTURED"
    again = httpx.post(f"{paypal.sandbox.url}/paypal/checkoutnow/{order['id']}/approve")
    assert again.status_code == 409


def test_the_intent_decides_between_capture_and_authorize(paypal: Paypal) -> None:
    order = paypal.approved(intent="AUTHORIZE")
    assert issue(paypal.capture(order)) == "ACTION_DOES_NOT_MATCH_INTENT"


def test_a_capture_can_be_declined_in_a_completed_order(paypal: Paypal, receiver: Receiver) -> None:
    order = paypal.approved("paypal_capture_declined")
    taken = paypal.capture(order).json()
    assert taken["status"] == "COMPLETED"
    [capture] = taken["purchase_units"][0]["payments"]["captures"]
    assert capture["status"] == "DECLINED"
    assert issue(paypal.refund(capture)) == "REFUND_NOT_ALLOWED"
    receiver.wait(capture["id"], "PAYMENT.CAPTURE.DECLINED")
    assert paypal.ledger("capture") == []


@pytest.mark.parametrize(
    ("method", "event_type", "status", "lines"),
    [
        ("paypal_pending", "PAYMENT.CAPTURE.COMPLETED", "COMPLETED", [(1000, "succeeded")]),
        ("paypal_pending_denied", "PAYMENT.CAPTURE.DENIED", "DECLINED", []),
    ],
)
def test_a_pending_capture_ends_by_itself(
    paypal: Paypal, receiver: Receiver, method: str, event_type: str, status: str, lines: list[Any]
) -> None:
    capture = paypal.captured(method)
    assert (capture["status"], capture["status_details"]) == ("PENDING", {"reason": "PENDING_REVIEW"})
    receiver.wait(capture["id"], "PAYMENT.CAPTURE.PENDING")
    receiver.wait(capture["id"], event_type)
    assert paypal.get(f"/v2/payments/captures/{capture['id']}")["status"] == status
    assert paypal.ledger("capture") == lines


def test_a_held_capture_waits_for_a_decision(paypal: Paypal) -> None:
    capture = paypal.captured("paypal_held")
    assert issue(paypal.refund(capture)) == "PENDING_CAPTURE"
    assert paypal.settle(capture)["status"] == "COMPLETED"
    with pytest.raises(httpx.HTTPStatusError):
        paypal.settle(capture)


def test_an_approval_can_be_taken_back(paypal: Paypal, receiver: Receiver) -> None:
    order = paypal.approved()
    assert paypal.settle(order, "reversed")["status"] == "VOIDED"
    [told] = receiver.wait(order["id"], "CHECKOUT.PAYMENT-APPROVAL.REVERSED")
    assert paypal.payment_id.encode() in told.body
    assert issue(paypal.capture(order)) == "ORDER_NOT_APPROVED"


@pytest.mark.parametrize(
    ("unit", "status", "name"),
    [
        ({"amount": {"currency_code": "EUR", "value": "1.001"}}, 422, "DECIMAL_PRECISION"),
        ({"amount": {"currency_code": "HUF", "value": "100.50"}}, 422, "DECIMALS_NOT_SUPPORTED"),
        ({"amount": {"currency_code": "XXX", "value": "1.00"}}, 422, "INVALID_CURRENCY_CODE"),
        ({"amount": {"currency_code": "EUR", "value": "0.00"}}, 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"amount": {"currency_code": "EUR", "value": "9" * 20}}, 422, "MAX_VALUE_EXCEEDED"),
        ({"amount": {"currency_code": "EUR", "value": "1e3"}}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"amount": {"currency_code": "EUR", "value": 10}}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"amount": {"currency_code": "EUR"}}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"amount": None}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"invoice_id": "x" * 128}, 400, "INVALID_STRING_LENGTH"),
    ],
)
def test_a_wrong_order_is_refused_by_field(paypal: Paypal, unit: Any, status: int, name: str) -> None:
    answer = paypal.post("/v2/checkout/orders", paypal.order(**unit))
    assert issue(answer, status) == name
    assert answer.json()["details"][0]["field"].startswith("/purchase_units/0/")


@pytest.mark.parametrize(
    ("value", "currency", "minor"), [("1500", "HUF", 1500), ("1500", "JPY", 1500), ("9.5", "USD", 950)]
)
def test_each_currency_has_its_own_decimals(paypal: Paypal, value: str, currency: str, minor: int) -> None:
    capture = paypal.captured(value=value, currency=currency)
    assert capture["amount"] == {"currency_code": currency, "value": "9.50" if currency == "USD" else value}
    assert paypal.ledger("capture") == [(minor, "succeeded")]


def test_prefer_decides_how_much_is_shown(paypal: Paypal) -> None:
    body = paypal.order()
    assert "purchase_units" not in paypal.post("/v2/checkout/orders", body).json()
    whole = paypal.post("/v2/checkout/orders", body, Prefer="return=representation").json()
    assert whole["purchase_units"][0]["custom_id"] == paypal.payment_id
    assert issue(paypal.post("/v2/checkout/orders", body, Prefer="return=nothing"), 400) == "INVALID_PARAMETER_VALUE"


def test_wrong_requests_are_refused_in_paypals_words(paypal: Paypal) -> None:
    assert issue(paypal.post("/v2/checkout/orders", {"intent": "GIVE"}), 400) == "INVALID_PARAMETER_VALUE"
    assert issue(paypal.http.post("/v2/checkout/orders", content=b"{"), 400) == "MALFORMED_REQUEST_JSON"
    assert issue(paypal.capture({"id": "NOBODY"}), 404) == "INVALID_RESOURCE_ID"
    form = paypal.http.post("/v2/checkout/orders", headers={"Content-Type": "text/plain"})
    assert (form.status_code, form.json()["name"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert paypal.http.get("/v2/nothing").json()["name"] == "RESOURCE_NOT_FOUND"


def test_credentials_are_checked(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/paypal/v1/oauth2/token"
    form = {"grant_type": "client_credentials"}
    wrong = httpx.post(url, data=form, auth=(CLIENT[0], "guess"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert httpx.post(url, data={"grant_type": "password"}, auth=CLIENT).json()["error"] == "unsupported_grant_type"
    granted = httpx.post(url, data=form, auth=CLIENT).json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 32400)
    with Paypal.session(sandbox, "A21AAunknown") as http:
        refused = http.get("/v2/checkout/orders/ANY")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
