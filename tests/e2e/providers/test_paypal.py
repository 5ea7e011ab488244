"""What is special to PayPal: an order is approved by the customer, and its money is taken by us."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.merchant.api import RETURN_URL, Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.paypal import PaypalAccount, open_page
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually


def paid(merchant: Merchant, paypal: PaypalAccount, method: str = "paypal", value: str = "10.00") -> Json:
    """Return a captured payment whose order is SUCCESS."""
    payment = open_page(merchant, merchant.new_order(value)["order_id"])
    paypal.approve(payment["redirect_url"], method)
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    return merchant.payment(payment["payment_id"])


def held(merchant: Merchant, paypal: PaypalAccount, method: str = "paypal") -> Json:
    """Return a payment whose money is authorized."""
    payment = open_page(merchant, merchant.new_order("10.00")["order_id"], capture_method="MANUAL")
    paypal.approve(payment["redirect_url"], method)
    return merchant.wait_for_payment(payment["payment_id"], "AUTHORIZED")


def capture(merchant: Merchant, payment: Json, value: str = "") -> Json:
    """Capture a part, or all."""
    body = {"amount": {"value": value, "currency": "EUR"}} if value else {}
    return merchant.post(f"/v1/payments/{payment['payment_id']}/capture", body)


def refund(merchant: Merchant, payment: Json, value: str = "") -> Json:
    """Give back a part, or the rest."""
    body = {"amount": {"value": value, "currency": "EUR"}} if value else {}
    return merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", body)


def test_approved_order_is_captured_though_the_browser_never_returns(
    merchant: Merchant, provider: Provider, receiver: Receiver, paypal: PaypalAccount
) -> None:
    order_id = merchant.new_order("12.00", "EUR")["order_id"]
    payment = open_page(merchant, order_id)
    assert merchant.order(order_id)["status"] == "PROCESSING"
    assert paypal.approve(payment["redirect_url"]).status_code == 200
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.captures(order_id) == [(1200, "eur")]
    assert merchant.payment(payment["payment_id"])["redirect_url"] == ""


def test_customer_comes_back_to_the_merchants_page(merchant: Merchant, paypal: PaypalAccount) -> None:
    payment = open_page(merchant, merchant.new_order()["order_id"])
    assert paypal.return_url(payment["redirect_url"]).startswith(RETURN_URL)
    assert paypal.cancel_url(payment["redirect_url"]).startswith(RETURN_URL)


def test_customer_whose_instrument_is_declined_pays_with_another(
    merchant: Merchant, provider: Provider, receiver: Receiver, paypal: PaypalAccount
) -> None:
    order_id = merchant.new_order()["order_id"]
    payment = open_page(merchant, order_id)
    for _ in range(2):
        paypal.approve(payment["redirect_url"], "paypal_declined")
        refused = receiver.wait_for_state(payment["payment_id"], lambda seen: bool(seen.get("failure")))
    assert (refused["status"], refused["failure"]["code"]) == ("REQUIRES_ACTION", "card_declined")
    assert refused["failure"]["provider_code"] == "INSTRUMENT_DECLINED"
    assert paypal.approve(refused["redirect_url"]).status_code == 200
    assert_paid(merchant, provider, receiver, order_id)
    assert merchant.payment(payment["payment_id"]).get("failure") is None
    assert provider.captures(order_id) == [(1200, "eur")]


@pytest.mark.parametrize(
    ("method", "status"),
    [("paypal_capture_declined", "FAILED"), ("paypal_pending", "SUCCESS"), ("paypal_pending_denied", "FAILED")],
)
def test_capture_decides_and_not_the_order_that_is_completed(
    method: str, status: str, merchant: Merchant, paypal: PaypalAccount
) -> None:
    payment = open_page(merchant, merchant.new_order()["order_id"])
    paypal.approve(payment["redirect_url"], method)
    merchant.wait_for_payment(payment["payment_id"], status)
    merchant.wait_for_order(payment["order_id"], status)


def test_capture_under_review_stays_open_until_a_person_decides(
    merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    payment = open_page(merchant, merchant.new_order()["order_id"])
    paypal.approve(payment["redirect_url"], "paypal_held")
    lines = eventually(lambda: paypal.lines(payment["order_id"], "charge"), "the capture")
    assert [line["status"] for line in lines] == ["pending"]
    assert merchant.wait_for_payment(payment["payment_id"], "PROCESSING")["redirect_url"] == ""
    assert provider.captures(payment["order_id"]) == []
    paypal.settle(lines[0]["id"], "succeeded")
    merchant.wait_for_order(payment["order_id"], "SUCCESS")


def test_approval_that_is_taken_back_cancels_the_payment(
    merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    payment = open_page(merchant, merchant.new_order()["order_id"])
    fault = provider.fault(payment["order_id"], "error_429", operation="orders.capture", count=None)
    paypal.approve(payment["redirect_url"])
    provider.wait_for_hit(fault)
    paypal.settle(payment["provider_reference"], "reversed")
    cancelled = merchant.wait_for_payment(payment["payment_id"], "CANCELLED")
    assert cancelled["failure"]["provider_code"] == "VOIDED"
    assert provider.captures(payment["order_id"]) == []


@pytest.mark.parametrize(("value", "minor"), [("", 1000), ("6.50", 650)])
def test_money_is_held_and_captured_by_hand(
    value: str, minor: int, merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    payment = held(merchant, paypal)
    assert provider.captures(payment["order_id"]) == []
    captured = capture(merchant, payment, value)
    assert (captured["status"], captured["captured_amount"]["value"]) == ("SUCCESS", value or "10.00")
    assert capture(merchant, payment, value) == captured
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    assert provider.captures(payment["order_id"]) == [(minor, "eur")]
    assert refund(merchant, payment)["amount"]["value"] == (value or "10.00")


def test_capture_by_hand_that_is_refused_may_be_tried_again(merchant: Merchant, paypal: PaypalAccount) -> None:
    payment = held(merchant, paypal, "paypal_capture_declined")
    for count in (1, 2):
        refused = merchant.http.post(f"/v1/payments/{payment['payment_id']}/capture", json={})
        assert problem(refused)[:2] == (400, "PROVIDER_REFUSED")
        held_still = merchant.get(f"/v1/payments/{payment['payment_id']}")
        assert (held_still["status"], held_still["failure"]["code"]) == ("AUTHORIZED", "card_declined")
        assert len(paypal.calls(payment["order_id"], "PAYMENT.CAPTURE.DECLINED")) == count


def test_void_frees_the_money_and_the_order_may_be_paid_again(
    merchant: Merchant, provider: Provider, receiver: Receiver, paypal: PaypalAccount
) -> None:
    payment = held(merchant, paypal)
    path = f"/v1/payments/{payment['payment_id']}/cancel"
    provider.fault(payment["order_id"], "timeout_after", operation="authorizations.void", seconds=5)
    voided = merchant.insist(path, {})
    assert (voided["status"], merchant.post(path, {})) == ("CANCELLED", voided)
    assert [line["status"] for line in paypal.lines(payment["order_id"], "charge")] == ["canceled"]
    merchant.wait_for_order(payment["order_id"], "FAILED")
    paypal.approve(open_page(merchant, payment["order_id"])["redirect_url"])
    assert_paid(merchant, provider, receiver, payment["order_id"])


def test_cancelled_page_takes_no_money_though_the_customer_approves_it(
    merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    order_id = merchant.new_order()["order_id"]
    payment = open_page(merchant, order_id)
    cancelled = merchant.post(f"/v1/payments/{payment['payment_id']}/cancel", {})
    assert (cancelled["status"], cancelled["failure"]["code"]) == ("CANCELLED", "cancelled")
    paypal.approve(payment["redirect_url"])
    eventually(lambda: paypal.delivered(order_id, "CHECKOUT.ORDER.APPROVED"), "the event that tempts us")
    merchant.wait_for_order(order_id, "FAILED")
    paypal.approve(open_page(merchant, order_id)["redirect_url"])
    merchant.wait_for_order(order_id, "SUCCESS")
    assert merchant.payment(payment["payment_id"]) == cancelled
    assert provider.captures(order_id) == [(1200, "eur")]


def test_partial_refunds_add_up_and_none_exceeds_the_capture(
    merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    payment = paid(merchant, paypal)
    assert refund(merchant, payment, "2.50")["status"] == "SUCCESS"
    merchant.wait_for_order(payment["order_id"], "PARTIALLY_REFUNDED")
    too_much = {"amount": {"value": "7.51", "currency": "EUR"}}
    answer = merchant.http.post(f"/v1/payments/{payment['payment_id']}/refunds", json=too_much)
    assert problem(answer)[:2] == (400, "AMOUNT_TOO_LARGE")
    assert refund(merchant, payment)["amount"]["value"] == "7.50"
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    assert sorted(provider.refunds(payment["order_id"])) == [250, 750]


@pytest.mark.parametrize(
    ("method", "status"), [("paypal_refund_pending", "SUCCESS"), ("paypal_refund_failed", "FAILED")]
)
def test_refund_that_waits_is_told_of_by_its_own_event(
    method: str, status: str, merchant: Merchant, paypal: PaypalAccount
) -> None:
    refund_id = refund(merchant, paid(merchant, paypal, method), "4.00")["refund_id"]
    eventually(lambda: merchant.get(f"/v1/refunds/{refund_id}")["status"] == status, f"the refund in {status}")


def test_refund_that_fails_late_lowers_the_sum_again(merchant: Merchant, paypal: PaypalAccount) -> None:
    payment = paid(merchant, paypal)
    given = refund(merchant, payment)
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    [line] = paypal.lines(payment["order_id"], "refund")
    paypal.settle(line["id"], "failed")
    eventually(lambda: merchant.get(f"/v1/refunds/{given['refund_id']}")["status"] == "FAILED", "the late failure")
    merchant.wait_for_order(payment["order_id"], "SUCCESS")


def test_money_that_paypal_takes_back_is_on_the_timeline(merchant: Merchant, paypal: PaypalAccount) -> None:
    payment = paid(merchant, paypal)
    [capture] = paypal.lines(payment["order_id"], "capture")
    paypal.settle(capture["id"], "reversed")

    def told() -> bool:
        entries = merchant.get(f"/v1/orders/{payment['order_id']}/timeline")["entries"]
        seen = {(one["resource"], one["status"]) for one in entries}
        return {("webhook", "APPLIED"), ("refund", "SUCCESS")} <= seen

    eventually(told, "the reversal")
    assert merchant.payment(payment["payment_id"])["refunded_amount"] == payment["captured_amount"]


def test_refund_whose_answer_is_lost_is_made_once(
    merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    payment = paid(merchant, paypal)
    provider.fault(payment["order_id"], "timeout_after", operation="captures.refund", seconds=5)
    asked = refund(merchant, payment, "3.00")
    eventually(lambda: merchant.get(f"/v1/refunds/{asked['refund_id']}")["status"] == "SUCCESS", "the refund")
    assert provider.refunds(payment["order_id"]) == [300]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("timeout_after", {"seconds": 5}),
        ("timeout_before", {"seconds": 5}),
        ("connection_reset", {"applied": True}),
        ("error_500", {"applied": True, "stored": False}),
        ("error_429", {}),
    ],
)
@pytest.mark.parametrize("operation", ["orders.capture", "orders.retrieve"])
def test_answer_that_gets_lost_charges_once_and_succeeds(
    operation: str,
    kind: str,
    fields: dict[str, Any],
    merchant: Merchant,
    provider: Provider,
    receiver: Receiver,
    paypal: PaypalAccount,
) -> None:
    order_id = merchant.new_order()["order_id"]
    payment = open_page(merchant, order_id)
    provider.fault(order_id, kind, operation=operation, **fields)
    paypal.approve(payment["redirect_url"])
    assert_paid(merchant, provider, receiver, order_id)
    assert provider.charges(order_id) == ["succeeded"]


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before"])
def test_order_whose_creation_had_no_answer_is_found_and_paid(
    kind: str, merchant: Merchant, provider: Provider, receiver: Receiver, paypal: PaypalAccount
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, kind, operation="orders.create", seconds=5, count=2)
    body = {"order_id": order_id, "provider": "paypal", "return_url": RETURN_URL}
    payment = merchant.post("/v1/payments", body)
    assert (payment["status"], payment["redirect_url"]) == ("PROCESSING", "")
    found = receiver.wait_for_state(payment["payment_id"], lambda seen: bool(seen.get("redirect_url")))
    paypal.approve(found["redirect_url"])
    assert_paid(merchant, provider, receiver, order_id)


def test_approval_is_noticed_though_no_webhook_comes(
    merchant: Merchant, provider: Provider, receiver: Receiver, paypal: PaypalAccount
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "webhook_drop", count=None)
    paypal.approve(open_page(merchant, order_id)["redirect_url"])
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
def test_webhooks_that_misbehave_change_nothing_about_the_end(
    kind: str,
    fields: dict[str, Any],
    merchant: Merchant,
    provider: Provider,
    receiver: Receiver,
    paypal: PaypalAccount,
) -> None:
    order_id = merchant.new_order()["order_id"]
    fault = provider.fault(order_id, kind, **fields)
    paypal.approve(open_page(merchant, order_id)["redirect_url"])
    provider.wait_for_hit(fault)
    provider.disarm(fault)
    assert assert_paid(merchant, provider, receiver, order_id)["version"] == 3
    assert provider.charges(order_id) == ["succeeded"]


@pytest.mark.parametrize(("value", "currency", "minor"), [("1000.00", "HUF", 1000), ("500", "JPY", 500)])
def test_currency_without_decimals_is_charged_in_whole_units(
    value: str, currency: str, minor: int, merchant: Merchant, provider: Provider, paypal: PaypalAccount
) -> None:
    order_id = merchant.new_order(value, currency)["order_id"]
    paypal.approve(open_page(merchant, order_id)["redirect_url"])
    assert merchant.wait_for_order(order_id, "SUCCESS")["amount"] == {"value": value, "currency": currency}
    assert provider.captures(order_id) == [(minor, currency.lower())]


@pytest.mark.parametrize(("value", "currency"), [("1000.50", "HUF"), ("1.000", "KWD"), ("10", "CLP")])
def test_amount_that_paypal_cannot_take_is_refused_and_nothing_is_stored(
    value: str, currency: str, merchant: Merchant
) -> None:
    order_id = merchant.new_order(value, currency)["order_id"]
    body = {"order_id": order_id, "provider": "paypal", "return_url": RETURN_URL}
    assert problem(merchant.http.post("/v1/payments", json=body))[:2] == (400, "AMOUNT_NOT_SUPPORTED")
    assert merchant.order(order_id)["status"] == "NEW"


def test_token_is_refused_as_paypal_has_none(merchant: Merchant) -> None:
    order_id = merchant.new_order()["order_id"]
    body = {"order_id": order_id, "provider": "paypal", "payment_method": "pm_card_visa"}
    assert problem(merchant.http.post("/v1/payments", json=body))[:2] == (400, "CAPABILITY_NOT_SUPPORTED")
    assert merchant.order(order_id)["status"] == "NEW"
