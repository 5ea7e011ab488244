"""What may end a payment, by the real stack: no order is charged twice, and nothing counts as done that was not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from stack.stack import Ready
from tests.support.merchant.api import RETURN_URL, Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.providers.paypal import PaypalAccount, open_page
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually

LATE = "UPDATE payments SET status = 'FAILED', version = version + 1 WHERE payment_id = %s"
FAILED_ORDER = "UPDATE orders SET status = 'FAILED', version = version + 1 WHERE order_id = %s"

EXPIRED_ORDER = (
    "UPDATE orders SET status = 'EXPIRED', payment_id = NULL, version = version + 1"
    " WHERE order_id = %s AND status = 'FAILED'"
)


def held(merchant: Merchant) -> Json:
    """Return a payment of 10.00 whose money is held."""
    payment = merchant.charge(merchant.new_order("10.00")["order_id"], capture_method="manual")
    assert payment["status"] == "AUTHORIZED"
    return payment


def challenged(merchant: Merchant, order_id: str) -> Json:
    """Return a payment that waits for the customer."""
    payment = merchant.charge(order_id, "pm_card_threeDSecure2Required", return_url=RETURN_URL)
    assert payment["status"] == "REQUIRES_ACTION"
    return payment


def reason_and_status(answer: Any) -> tuple[int, str, str]:
    """Return the HTTP status of an error, its reason, and the present status of the payment that it names."""
    info = next(one for one in answer.json()["details"] if one["@type"].endswith("ErrorInfo"))
    return answer.status_code, info["reason"], info["metadata"].get("status", "")


def test_slow_charge_is_unknown_until_the_provider_says(merchant: Merchant, provider: Provider) -> None:
    """Case 1: a charge that outlasts the call is PROCESSING, blocks a second one, and ends by its own answer."""
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "latency", operation="payment_intents.create", seconds=9)
    lost = [provider.fault(order_id, "webhook_drop", count=None)]
    started = merchant.charge(order_id)
    assert started["status"] == "PROCESSING"
    again = merchant.http.post(
        "/v1/payments", json={"order_id": order_id, "provider": "stripe", "payment_method": "pm_card_visa"}
    )
    assert problem(again)[:2] == (400, "PAYMENT_IN_PROGRESS")
    merchant.wait_for_payment(started["payment_id"], "SUCCESS")
    merchant.wait_for_order(order_id, "SUCCESS")
    assert provider.captures(order_id) == [(1200, "eur")]
    for fault in lost:
        provider.disarm(fault)


def test_late_capture_of_an_order_that_was_paid_otherwise_goes_back(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    """Rule 5: what arrives when the order is paid is recorded, given back, and told of."""
    order_id = merchant.new_order()["order_id"]
    page = merchant.open_page(order_id)
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.execute(LATE, [page["payment_id"]])
    with psycopg.connect(gateway.database_urls["orders"]) as connection:
        connection.execute(FAILED_ORDER, [order_id])
    paid = merchant.charge(order_id)
    assert paid["status"] == "SUCCESS"
    merchant.wait_for_order(order_id, "SUCCESS")

    assert provider.pay(page["redirect_url"]).status_code == 200

    def told() -> bool:
        kinds = ("payment.surplus_captured", "payment.surplus_refunded")
        return all(
            merchant.get("/v1/events", type=kind, resource_id=page["payment_id"]).get("events") for kind in kinds
        )

    eventually(told, "the surplus to be given back")
    late = merchant.get(f"/v1/payments/{page['payment_id']}")
    assert (late["status"], late["surplus"]) == ("SUCCESS", True)
    assert late["refunded_amount"] == late["captured_amount"]
    assert (merchant.order(order_id)["status"], merchant.order(order_id)["payment_id"]) == (
        "SUCCESS",
        paid["payment_id"],
    )
    assert sorted(provider.captures(order_id)) == [(1200, "eur"), (1200, "eur")]
    assert provider.refunds(order_id) == [1200]


@pytest.mark.parametrize("taken_by", ["another payment", "a restored database"])
def test_charge_without_an_answer_goes_on_when_its_order_is_refused_to_it(
    taken_by: str, gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    """Rule 1: that an order is taken says nothing of a charge that may have been sent, which is kept or goes back."""
    order_id = merchant.new_order()["order_id"]
    page = merchant.open_page(order_id) if taken_by == "another payment" else None
    if page:
        with psycopg.connect(gateway.database_urls["payments"]) as connection:
            connection.execute(LATE, [page["payment_id"]])
        with psycopg.connect(gateway.database_urls["orders"]) as connection:
            connection.execute(FAILED_ORDER, [order_id])
    provider.fault(order_id, "timeout_after", operation="payment_intents.create", seconds=60)
    lost = provider.fault(order_id, "webhook_drop", count=None)
    unanswered = merchant.charge(order_id)
    assert unanswered["status"] == "PROCESSING"
    if page:
        provider.disarm(lost)
        assert provider.pay(page["redirect_url"]).status_code == 200
        merchant.wait_for_order(order_id, "SUCCESS")
    else:
        with psycopg.connect(gateway.database_urls["orders"]) as connection:
            # the dump was of before it was reserved
            assert connection.execute(FAILED_ORDER, [order_id]).rowcount == 1
            assert connection.execute(EXPIRED_ORDER, [order_id]).rowcount == 1

    def went_back() -> Json | None:
        payment = merchant.get(f"/v1/payments/{unanswered['payment_id']}")
        assert payment["status"] in ("PROCESSING", "SUCCESS")
        return (
            payment if payment.get("surplus") and payment.get("refunded_amount") == payment["captured_amount"] else None
        )

    eventually(went_back, "the charge to go back", seconds=60)
    assert provider.refunds(order_id) == [1200]
    assert len(provider.captures(order_id)) == (2 if page else 1)


def test_what_has_ended_is_not_looked_up(gateway: Ready, merchant: Merchant) -> None:
    """Case 7: a schedule belongs to a live payment, whatever writes it."""
    payment = merchant.charge(merchant.new_order()["order_id"])
    query = "UPDATE payments SET next_check_time = now() WHERE payment_id = %s RETURNING next_check_time"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        assert connection.execute(query, [payment["payment_id"]]).fetchone() == (None,)


def test_cancel_without_an_answer_may_be_repeated(merchant: Merchant, provider: Provider) -> None:
    """Case 9: a lost cancel is asked again under its own key."""
    payment = held(merchant)
    path = f"/v1/payments/{payment['payment_id']}/cancel"
    # else the provider's own event, or a look at its object, would be faster than the call's time is over
    unseen = provider.fault(payment["order_id"], "error_429", operation="payment_intents.retrieve", count=None)
    provider.fault(payment["order_id"], "webhook_drop", count=None)
    provider.fault(payment["order_id"], "timeout_after", operation="payment_intents.cancel", seconds=5)
    lost = merchant.http.post(path, json={})
    assert reason_and_status(lost)[:2] == (503, "OUTCOME_UNKNOWN")
    provider.disarm(unseen)

    def repeated() -> bool:
        again = merchant.http.post(path, json={})
        done = (400, "PAYMENT_NOT_CANCELLABLE", "CANCELLED")
        return again.status_code == 200 or reason_and_status(again) == done

    # recovery may come before the repetition: then there is nothing left to cancel
    eventually(repeated, "the repetition's end")
    assert merchant.payment(payment["payment_id"])["status"] == "CANCELLED"
    assert provider.captures(payment["order_id"]) == []


def test_error_that_leaves_a_payment_under_way_names_it(gateway: Ready, merchant: Merchant, provider: Provider) -> None:
    """Case 10: the order's row is locked; whoever asked for the payment learns which one goes on."""
    order_id = merchant.new_order()["order_id"]
    with psycopg.connect(gateway.database_urls["orders"]) as connection:
        connection.execute("SELECT FROM orders WHERE order_id = %s FOR UPDATE", [order_id])
        answer = merchant.http.post(
            "/v1/payments",
            json={"order_id": order_id, "provider": "stripe", "payment_method": "pm_card_visa"},
            timeout=30,
        )
        assert answer.status_code in (503, 504)
        info = next(one for one in answer.json()["details"] if one["@type"].endswith("ErrorInfo"))
        payment_id = info["metadata"]["payment_id"]
    merchant.wait_for_payment(payment_id, "SUCCESS")
    assert provider.captures(order_id) == [(1200, "eur")]


def test_of_two_captures_at_once_one_is_done(merchant: Merchant, provider: Provider) -> None:
    """Case 14: the answer of an operation is its own."""
    payment = held(merchant)
    path = f"/v1/payments/{payment['payment_id']}/capture"
    bodies = [{"amount": {"value": value, "currency": "EUR"}} for value in ("3.00", "9.00")]
    with ThreadPoolExecutor(2) as clients:
        answers = list(clients.map(lambda body: merchant.http.post(path, json=body), bodies))
    assert sorted(answer.status_code == 200 for answer in answers) == [False, True]
    (done,) = [answer.json() for answer in answers if answer.status_code == 200]
    ((amount, _),) = provider.captures(payment["order_id"])
    assert done["captured_amount"]["value"] == f"{amount / 100:.2f}"


@pytest.mark.parametrize(
    ("elsewhere", "asked", "status"),
    [("void", "capture", "CANCELLED"), ("take", "cancel", "SUCCESS"), ("take", "capture", "SUCCESS")],
)
def test_what_the_provider_did_not_do_is_an_error_with_the_present_state(
    elsewhere: str, asked: str, status: str, merchant: Merchant, provider: Provider
) -> None:
    """Case 15: voided or captured elsewhere, and a part captured elsewhere before a full capture."""
    payment = held(merchant)
    provider.fault(payment["order_id"], "webhook_drop", count=None)
    if elsewhere == "void":
        provider.void_elsewhere(payment["order_id"])
    else:
        provider.take_elsewhere(payment["order_id"], 400)
    answer = merchant.http.post(f"/v1/payments/{payment['payment_id']}/{asked}", json={})
    # recovery may have learned of it before
    refused = {"void": "PROVIDER_REFUSED", "capture": "PAYMENT_NOT_CAPTURABLE", "cancel": "PAYMENT_NOT_CANCELLABLE"}
    code, reason, present = reason_and_status(answer)
    assert (code, present) == (400, status)
    assert reason in ("PROVIDER_REFUSED", refused[asked])
    assert merchant.get(f"/v1/payments/{payment['payment_id']}")["status"] == status


def test_challenge_that_the_customer_left_can_be_cancelled(merchant: Merchant, provider: Provider) -> None:
    """Case 16: it is the customer's turn, so the merchant may end it."""
    order_id = merchant.new_order()["order_id"]
    payment = challenged(merchant, order_id)
    assert merchant.post(f"/v1/payments/{payment['payment_id']}/cancel", {})["status"] == "CANCELLED"
    merchant.wait_for_order(order_id, "FAILED")
    assert merchant.charge(order_id)["status"] == "SUCCESS"
    assert provider.captures(order_id) == [(1200, "eur")]


def test_another_payment_takes_the_place_of_one_that_waits(merchant: Merchant, provider: Provider) -> None:
    """Case 16: the old one is closed at its provider first."""
    order_id = merchant.new_order()["order_id"]
    waiting = challenged(merchant, order_id)
    paid = merchant.charge(order_id)
    assert paid["status"] == "SUCCESS"
    assert merchant.get(f"/v1/payments/{waiting['payment_id']}")["status"] == "CANCELLED"
    merchant.wait_for_order(order_id, "SUCCESS")
    assert merchant.order(order_id)["payment_id"] == paid["payment_id"]
    assert provider.captures(order_id) == [(1200, "eur")]


def test_payment_that_waited_and_was_paid_is_not_replaced(merchant: Merchant, provider: Provider) -> None:
    """Case 16: what turns out to be paid refuses the new one, with its own id."""
    order_id = merchant.new_order()["order_id"]
    waiting = challenged(merchant, order_id)
    dropped = provider.fault(order_id, "webhook_drop", count=None)
    provider.answer_challenge(waiting["redirect_url"], "approve")
    answer = merchant.http.post(
        "/v1/payments", json={"order_id": order_id, "provider": "stripe", "payment_method": "pm_card_visa"}
    )
    info = next(one for one in answer.json()["details"] if one["@type"].endswith("ErrorInfo"))
    assert answer.status_code == 400
    # recovery may have learned of it before
    assert info["reason"] in ("PAYMENT_IN_PROGRESS", "ORDER_NOT_PAYABLE")
    if info["reason"] == "PAYMENT_IN_PROGRESS":
        assert info["metadata"]["payment_id"] == waiting["payment_id"]
    provider.disarm(dropped)
    merchant.wait_for_order(order_id, "SUCCESS")
    assert provider.captures(order_id) == [(1200, "eur")]


@pytest.mark.parametrize(
    ("currency", "body", "reason"),
    [
        ("EUR", {"payment_method": "tok_nonsense"}, "NO_ROUTE"),
        ("USD", {"provider": "bank_transfer", "return_url": RETURN_URL}, "AMOUNT_NOT_SUPPORTED"),
    ],
)
def test_payment_that_is_refused_leaves_the_one_that_waits(
    currency: str, body: Json, reason: str, merchant: Merchant
) -> None:
    """Case 16: all that can refuse the new one is asked before the old one is closed."""
    order_id = merchant.new_order(currency=currency)["order_id"]
    waiting = challenged(merchant, order_id)
    answer = merchant.http.post("/v1/payments", json={"order_id": order_id, **body})
    assert problem(answer)[:2] == (400, reason)
    assert merchant.payment(waiting["payment_id"])["status"] == "REQUIRES_ACTION"


def test_declined_instrument_can_be_cancelled(merchant: Merchant, paypal: PaypalAccount) -> None:
    """Case 16: PayPal's INSTRUMENT_DECLINED waits for the customer."""
    order_id = merchant.new_order()["order_id"]
    page = open_page(merchant, order_id)
    paypal.approve(page["redirect_url"], "paypal_declined")
    payment = merchant.wait_for_payment(page["payment_id"], "REQUIRES_ACTION")
    assert payment["failure"]["code"] == "card_declined"
    assert merchant.insist(f"/v1/payments/{page['payment_id']}/cancel", {})["status"] == "CANCELLED"


def test_empty_idempotency_key_is_refused(merchant: Merchant) -> None:
    """Case 18: counted as none, its repetition would do the same twice."""
    answer = merchant.http.post(
        "/v1/orders", json={"amount": {"value": "1.00", "currency": "EUR"}}, headers={"Idempotency-Key": ""}
    )
    assert problem(answer)[0] == 400


def test_event_that_was_given_up_comes_to_life_when_it_is_sent_again(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    """Case 13: the provider's own resend revives a dead event."""
    order_id = merchant.new_order()["order_id"]
    page = merchant.open_page(order_id)
    kill = (
        "UPDATE provider_events SET status = 'DEAD', next_attempt_time = NULL, attempts = 11"
        " WHERE convert_from(payload, 'UTF8') LIKE %s RETURNING event_id"
    )
    assert provider.pay(page["redirect_url"]).status_code == 200
    merchant.wait_for_order(order_id, "SUCCESS")
    with psycopg.connect(gateway.database_urls["payments"], autocommit=True) as connection:
        dead = [row[0] for row in connection.execute(kill, [f"%{page['payment_id']}%"]).fetchall()]
        assert dead
        provider.resend(dead[0])
        query = "SELECT status FROM provider_events WHERE event_id = %s"
        eventually(
            lambda: connection.execute(query, [dead[0]]).fetchone() == ("APPLIED",), "the event to be applied again"
        )
