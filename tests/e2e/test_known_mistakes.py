"""The mistakes that payment gateways are known to make. Each has a test, and each test fails if the mistake is made.

Some need a stack that is broken, or less than a whole one, and are elsewhere:

- an event that cannot be sent is only logged: `tests/chaos/test_outages.py`,
  test_order_is_taken_while_nats_is_away_and_its_events_flow_afterwards
- a consumer swallows what it could not do: `tests/mesh/events/test_delivery.py`,
  test_an_event_that_fails_for_a_while_is_applied_in_the_end
- an order that PayPal's customer approved in a closed browser is never captured: `tests/e2e/providers/test_paypal.py`,
  test_approved_order_is_captured_though_the_browser_never_returns
- the circuit breaker never opens: `tests/payment_svc/providers/test_resilience.py`,
  test_failures_of_the_provider_in_a_row_open_the_circuit
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant, direct, hosted
from tests.support.merchant.errors import problem
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver, serving
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually

BUSY = 14
"""More payments than the service has connections to its database."""
IDLE_IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity WHERE datname = 'payments' AND state LIKE 'idle in transaction%'
AND now() - state_change > interval '1.2 seconds'
"""
"""Nearly as long as the provider takes: a service that waits for its turn on a busy machine is not meant."""


def test_failed_is_not_done__a_declined_card_and_then_a_good_one_is_a_paid_order(
    merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    payment = merchant.open_page(order_id)
    assert provider.pay(payment["redirect_url"], "pm_card_chargeDeclined").status_code == 402
    refused = receiver.wait_for_state(payment["payment_id"], lambda seen: bool(seen.get("failure")))
    assert refused["status"] not in ("FAILED", "CANCELLED")
    assert provider.pay(payment["redirect_url"]).status_code == 200
    assert_paid(merchant, provider, receiver, order_id)
    assert merchant.payment(payment["payment_id"]).get("failure") is None


def test_dedupe_is_not_marked_before_the_effect__an_event_that_failed_to_apply_is_applied_later(
    gateway: Ready, merchant: Merchant, provider: Provider, stripe: Stripe
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "webhook_drop", count=None)
    payment = merchant.open_page(order_id)
    provider.pay(payment["redirect_url"])
    # the object cannot be fetched when the event comes: the event is stored, and its effect has to wait
    fault = provider.fault(order_id, "error_500", operation="checkout.sessions.retrieve", stored=False, count=None)
    body = stripe.event("checkout.session.completed", payment["provider_reference"], payment_id=payment["payment_id"])
    assert stripe.post(body).status_code == 200
    provider.wait_for_hit(fault)
    assert merchant.payment(payment["payment_id"])["status"] == "INITIATED"
    # the provider repeats what it was told is stored: that must not count as done either
    assert stripe.post(body).status_code == 200
    provider.disarm(fault)
    merchant.wait_for_order(order_id, "SUCCESS")


def test_client_cannot_say_what_is_refunded__only_our_own_payment_decides(
    merchant: Merchant, provider: Provider
) -> None:
    mine = merchant.charge(merchant.new_order()["order_id"])
    other = merchant.charge(merchant.new_order()["order_id"])
    for field in ("capture_id", "provider_reference", "charge"):
        body = {field: other["provider_reference"]}
        answer = merchant.http.post(f"/v1/payments/{mine['payment_id']}/refunds", json=body)
        assert problem(answer) == (400, "INVALID_ARGUMENT", {field})
    assert provider.refunds(other["order_id"]) == []
    assert provider.refunds(mine["order_id"]) == []


def test_partial_refund_is_a_part__and_each_refund_is_kept_with_the_providers_id(
    merchant: Merchant, provider: Provider
) -> None:
    payment = merchant.charge(merchant.new_order("10.00")["order_id"])
    part = {"amount": {"value": "3.00", "currency": "EUR"}}
    refunds = [merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", part) for _ in range(2)]
    assert merchant.wait_for_order(payment["order_id"], "PARTIALLY_REFUNDED")
    assert merchant.payment(payment["payment_id"])["refunded_amount"]["value"] == "6.00"
    assert len({one["provider_reference"] for one in refunds} - {""}) == 2
    assert sorted(provider.refunds(payment["order_id"])) == [300, 300]


def test_cancelling_takes_a_key__a_visit_to_any_address_changes_no_order(gateway: Ready, merchant: Merchant) -> None:
    order = merchant.new_order()
    payment = merchant.open_page(order["order_id"])
    with httpx.Client(base_url=gateway.edge_url) as stranger:
        for path in (f"/v1/payments/{payment['payment_id']}/cancel", f"/v1/orders/{order['order_id']}/cancel"):
            assert stranger.post(path, json={}).status_code == 401
            assert stranger.get(path).status_code in (401, 404, 405)
        for path in ("/payment/cancel", "/payment/fail", "/v1/payments/cancel"):
            assert stranger.get(path, params={"order_id": order["order_id"]}).status_code in (401, 404, 405)
    assert merchant.payment(payment["payment_id"]) == payment
    assert merchant.order(order["order_id"])["status"] == "PROCESSING"


def test_provider_is_not_called_inside_a_transaction__more_payments_wait_than_there_are_connections(
    gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    orders = [merchant.new_order()["order_id"] for _ in range(BUSY)]
    faults = [
        provider.fault(order_id, "latency", operation="payment_intents.create", seconds=1.5) for order_id in orders
    ]
    over = threading.Event()
    with ThreadPoolExecutor(BUSY + 1) as pool:
        watching = pool.submit(_transactions_left_open, gateway, over)
        paying = [pool.submit(merchant.charge, order_id) for order_id in orders]
        for fault in faults:
            provider.wait_for_hit(fault)
        # all connections would be taken by now, if a payment kept one while it waits
        assert merchant.get("/v1/payments", page_size=1)["payments"]
        for payment in paying:
            # on a busy machine the answer may come too late, and then the webhook says how it ended
            merchant.wait_for_payment(payment.result()["payment_id"], "SUCCESS")
        over.set()
        assert watching.result() == 0


def _transactions_left_open(gateway: Ready, over: threading.Event) -> int:
    """Count, until told to stop, transactions that wait for something outside of the database."""
    seen = 0
    with psycopg.connect(gateway.database_urls["payments"], autocommit=True) as connection:
        while not over.wait(0.05):
            (count,) = connection.execute(IDLE_IN_TRANSACTION).fetchone() or (0,)
            seen = max(seen, count)
    return seen


def test_provider_that_never_answers_is_given_up_on__the_call_has_a_time_out(
    merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "timeout_before", operation="payment_intents.create", seconds=60, count=2)
    assert merchant.charge(order_id)["status"] == "PROCESSING"


@pytest.mark.parametrize(("captured", "currency"), [(1100, "eur"), (120000, "eur"), (1200, "usd")])
def test_amounts_are_compared__a_capture_of_other_money_changes_nothing(
    captured: int, currency: str, gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    # not silence: who waits for an answer keeps the payment, and its events wait as long
    provider.fault(order_id, "connection_reset", operation="payment_intents.create", count=None)
    payment = merchant.charge(order_id)
    provider.capture_elsewhere(captured, currency, payment_id=payment["payment_id"])

    def quarantined() -> bool:
        with psycopg.connect(gateway.database_urls["payments"]) as connection:
            query = "SELECT count(*) FROM provider_events WHERE status = 'QUARANTINED' AND payload LIKE %s"
            row = connection.execute(query, [f"%{payment['payment_id']}%".encode()]).fetchone()
        return bool(row and row[0])

    eventually(quarantined, "the event in quarantine")
    assert merchant.payment(payment["payment_id"])["status"] == "PROCESSING"
    assert merchant.order(order_id)["status"] == "PROCESSING"


@pytest.mark.parametrize(
    ("value", "currency", "minor"), [("500", "JPY", 500), ("12.34", "EUR", 1234), ("1.230", "KWD", 1230)]
)
def test_not_everything_has_two_decimals__the_provider_is_asked_for_what_the_order_says(
    value: str, currency: str, minor: int, merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order(value, currency)["order_id"]
    assert merchant.charge(order_id)["captured_amount"] == {"value": value, "currency": currency}
    assert provider.captures(order_id) == [(minor, currency.lower())]


def test_payment_after_a_failed_one_is_a_row_of_its_own__and_webhooks_of_both_are_applied(
    gateway: Ready, merchant: Merchant, provider: Provider, receiver: Receiver, stripe: Stripe
) -> None:
    order_id = merchant.new_order()["order_id"]
    failed = merchant.charge(order_id, "pm_card_chargeDeclined")
    assert failed["status"] == "FAILED"
    merchant.wait_for_order(order_id, "FAILED")
    merchant.charge(order_id)
    order = assert_paid(merchant, provider, receiver, order_id)
    assert order["payment_id"] != failed["payment_id"]
    late = stripe.event("payment_intent.payment_failed", failed["provider_reference"], payment_id=failed["payment_id"])
    assert stripe.post(late).status_code == 200
    eventually(lambda: (provider_event(gateway, stripe.event_id(late)) or ("",))[0] == "APPLIED", "the late webhook")
    assert len(merchant.get("/v1/payments", order_id=order_id)["payments"]) == 2
    assert merchant.order(order_id)["status"] == "SUCCESS"


def test_notifications_are_the_merchants_own__nobody_hears_of_anothers_orders(
    merchant: Merchant, new_merchant: Callable[[], Merchant], receiver: Receiver
) -> None:
    with serving() as other_server:
        other = new_merchant()
        other.listen(other_server)
        mine, theirs = merchant.new_order(), other.new_order()
        receiver.wait_for("order.created")
        other_server.wait_for("order.created")
        assert set(receiver.histories()) == {mine["order_id"]}
        assert set(other_server.histories()) == {theirs["order_id"]}


def test_identity_cannot_be_spoofed__a_clients_own_headers_say_nothing(
    merchant: Merchant, new_merchant: Callable[[], Merchant]
) -> None:
    order = merchant.new_order()
    thief = new_merchant()
    spoofed = {"x-merchant-id": merchant.merchant_id, "x-request-id": "00000000-0000-4000-8000-000000000000"}
    assert thief.http.get(f"/v1/orders/{order['order_id']}", headers=spoofed).status_code == 404
    made = thief.http.post("/v1/orders", json={"amount": order["amount"]}, headers=spoofed)
    assert merchant.http.get(f"/v1/orders/{made.json()['order_id']}").status_code == 404
    # the id that the audit goes by is the edge's own
    assert made.headers["x-request-id"] != spoofed["x-request-id"]


@pytest.mark.parametrize("request_of", [direct, hosted])
def test_second_payment_while_one_is_live_is_refused__and_charges_nobody(
    request_of: Callable[[str], dict[str, str]], merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order()["order_id"]
    payment = merchant.open_page(order_id)
    answer = merchant.http.post("/v1/payments", json=request_of(order_id))
    assert problem(answer)[:2] == (400, "PAYMENT_IN_PROGRESS")
    # who reads the message alone finds the page again
    assert payment["payment_id"] in answer.json()["message"]
    assert provider.captures(order_id) == []
