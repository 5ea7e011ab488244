"""PayPal Payments v2: authorizations in parts, refunds in parts, and the limits of both."""

import httpx
import pytest

from tests.sandbox.harness import JSON, Receiver
from tests.sandbox.paypal.harness import Paypal, issue, link


def capture_part(
    paypal: Paypal, authorization: JSON, value: str, currency: str = "EUR", **more: bool
) -> httpx.Response:
    body = {"amount": {"value": value, "currency_code": currency}, **more}
    return paypal.post(
        f"/v2/payments/authorizations/{authorization['id']}/capture", body, Prefer="return=representation"
    )


def status_of(paypal: Paypal, authorization: JSON) -> str:
    return str(paypal.get(f"/v2/payments/authorizations/{authorization['id']}")["status"])


def test_an_authorization_is_captured_in_parts(paypal: Paypal, receiver: Receiver) -> None:
    authorization = paypal.authorized()
    receiver.wait(authorization["id"], "PAYMENT.AUTHORIZATION.CREATED")
    assert paypal.ledger("capture") == []
    first = capture_part(paypal, authorization, "4.00")
    assert (first.status_code, first.json()["status"]) == (201, "COMPLETED")
    assert link(first.json(), "up").endswith(authorization["id"])
    assert status_of(paypal, authorization) == "PARTIALLY_CAPTURED"
    assert issue(capture_part(paypal, authorization, "6.01")) == "MAX_CAPTURE_AMOUNT_EXCEEDED"
    assert issue(capture_part(paypal, authorization, "1.00", "USD")) == "CURRENCY_MISMATCH"
    rest = paypal.post(f"/v2/payments/authorizations/{authorization['id']}/capture").json()
    assert status_of(paypal, authorization) == "CAPTURED"
    assert paypal.get(f"/v2/payments/captures/{rest['id']}")["amount"]["value"] == "6.00"
    assert issue(capture_part(paypal, authorization, "0.01")) == "AUTHORIZATION_ALREADY_CAPTURED"
    assert issue(paypal.post(f"/v2/payments/authorizations/{authorization['id']}/void")) == "PREVIOUSLY_CAPTURED"
    assert paypal.ledger("charge") == [(1000, "succeeded")]
    assert paypal.ledger("capture") == [(400, "succeeded"), (600, "succeeded")]


def test_a_final_capture_closes_the_authorization(paypal: Paypal) -> None:
    authorization = paypal.authorized()
    capture_part(paypal, authorization, "4.00", final_capture=True)
    assert status_of(paypal, authorization) == "CAPTURED"
    order = paypal.get(link(authorization, "up").partition("/paypal")[2])
    payments = order["purchase_units"][0]["payments"]
    assert [one["amount"]["value"] for one in payments["captures"]] == ["4.00"]


def test_a_voided_authorization_takes_nothing(paypal: Paypal, receiver: Receiver) -> None:
    authorization = paypal.authorized()
    url = f"/v2/payments/authorizations/{authorization['id']}/void"
    assert paypal.post(url).status_code == 204
    receiver.wait(authorization["id"], "PAYMENT.AUTHORIZATION.VOIDED")
    assert issue(paypal.post(url)) == "PREVIOUSLY_VOIDED"
    assert issue(capture_part(paypal, authorization, "1.00")) == "AUTHORIZATION_VOIDED"
    assert paypal.ledger("charge") == [(1000, "canceled")]


def test_a_denied_capture_gives_the_authorization_back(paypal: Paypal) -> None:
    authorization = paypal.authorized("paypal_held")
    capture = capture_part(paypal, authorization, "10.00").json()
    assert (capture["status"], status_of(paypal, authorization)) == ("PENDING", "CAPTURED")
    paypal.settle(capture, "failed")
    assert status_of(paypal, authorization) == "CREATED"
    assert paypal.ledger("charge") == [(1000, "authorized")]


def test_an_instrument_can_be_declined_when_authorized(paypal: Paypal) -> None:
    order = paypal.approved("paypal_declined", intent="AUTHORIZE")
    url = f"/v2/checkout/orders/{order['id']}/authorize"
    assert issue(paypal.post(url)) == "INSTRUMENT_DECLINED"
    paypal.approve(order)
    assert paypal.post(url).status_code == 201
    assert issue(paypal.post(url)) == "ORDER_ALREADY_AUTHORIZED"


def test_refunds_in_parts_never_exceed_the_capture(paypal: Paypal, receiver: Receiver) -> None:
    capture = paypal.captured()
    part = paypal.refund(capture, "3.00", Prefer="return=representation")
    assert (part.status_code, part.json()["status"]) == (201, "COMPLETED")
    assert part.json()["custom_id"] == paypal.payment_id
    assert part.json()["seller_payable_breakdown"]["total_refunded_amount"]["value"] == "3.00"
    receiver.wait(part.json()["id"], "PAYMENT.CAPTURE.REFUNDED")
    assert paypal.get(f"/v2/payments/captures/{capture['id']}")["status"] == "PARTIALLY_REFUNDED"
    assert issue(paypal.refund(capture, "7.01")) == "REFUND_AMOUNT_EXCEEDED"
    assert issue(paypal.refund(capture, "1.00", "USD")) == "REFUND_CAPTURE_CURRENCY_MISMATCH"
    rest = paypal.refund(capture).json()
    assert paypal.get(f"/v2/payments/refunds/{rest['id']}")["amount"]["value"] == "7.00"
    assert issue(paypal.refund(capture)) == "CAPTURE_FULLY_REFUNDED"
    assert paypal.ledger("refund") == [(300, "succeeded"), (700, "succeeded")]


@pytest.mark.parametrize(
    ("method", "event_type", "status", "after"),
    [
        ("paypal_refund_pending", "PAYMENT.CAPTURE.REFUNDED", "COMPLETED", "REFUNDED"),
        ("paypal_refund_failed", "PAYMENT.REFUND.FAILED", "FAILED", "COMPLETED"),
    ],
)
def test_a_pending_refund_ends_by_itself(
    paypal: Paypal, receiver: Receiver, method: str, event_type: str, status: str, after: str
) -> None:
    capture = paypal.captured(method)
    refund = paypal.refund(capture).json()
    assert refund["status"] == "PENDING"
    receiver.wait(refund["id"], "PAYMENT.REFUND.PENDING")
    receiver.wait(refund["id"], event_type)
    assert paypal.get(f"/v2/payments/refunds/{refund['id']}")["status"] == status
    assert paypal.get(f"/v2/payments/captures/{capture['id']}")["status"] == after


def test_a_refund_that_looked_fine_can_fail_late(paypal: Paypal) -> None:
    capture = paypal.captured()
    refund = paypal.refund(capture).json()
    assert paypal.settle(refund, "failed")["status"] == "FAILED"
    assert paypal.refund(capture).status_code == 201
    assert paypal.ledger("refund") == [(1000, "failed"), (1000, "succeeded")]


def test_a_capture_can_be_reversed(paypal: Paypal, receiver: Receiver) -> None:
    capture = paypal.captured()
    paypal.settle(capture, "reversed")
    receiver.wait(capture["id"], "PAYMENT.CAPTURE.REVERSED")
    assert paypal.get(f"/v2/payments/captures/{capture['id']}")["status"] == "REFUNDED"
    assert paypal.ledger("refund") == [(1000, "succeeded")]
