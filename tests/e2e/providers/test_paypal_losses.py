"""Case 21. Money that PayPal takes back, and its disputes: payment, order, merchant and operator hear of it."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest
from fusionx.payment.v1 import review_service_pb2 as review_pb2

from stack.providers.paypal import CLIENT_ID
from stack.stack import Ready
from stack.state import SECRETS_FILE
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver
from tests.support.merchant.reviews import open_reviews, resolve
from tests.support.providers.paypal import PaypalAccount, open_page
from tests.support.providers.sandbox import Provider
from tests.support.waiting import PATIENCE, eventually

TAKEN_BACK = "taken back: the provider reversed the payment"


def paid(merchant: Merchant, paypal: PaypalAccount) -> tuple[Json, str]:
    """Return a captured payment, and PayPal's capture."""
    payment = open_page(merchant, merchant.new_order("10.00")["order_id"])
    paypal.approve(payment["redirect_url"])
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    return merchant.payment(payment["payment_id"]), paypal.lines(payment["order_id"], "capture")[0]["id"]


def refunds_of(merchant: Merchant, payment: Json) -> list[Json]:
    found: list[Json] = merchant.get(f"/v1/payments/{payment['payment_id']}/refunds").get("refunds", [])
    return found


def dispute_of(merchant: Merchant, payment: Json, status: str) -> Json:
    """Wait until the payment's one dispute has a status."""

    def reached() -> Json | None:
        disputes = merchant.get("/v1/disputes", payment_id=payment["payment_id"]).get("disputes", [])
        assert len(disputes) <= 1, disputes
        return next((one for one in disputes if one["status"] == status), None)

    found = eventually(reached, f"a dispute in {status}")
    assert found
    return found


@pytest.mark.parametrize("outcome", ["reversed", "reversed_unseen"])
def test_reversed_capture_is_heard_by_all(
    outcome: str, merchant: Merchant, receiver: Receiver, paypal: PaypalAccount
) -> None:
    payment, capture = paid(merchant, paypal)
    paypal.settle(capture, outcome)
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    after = merchant.payment(payment["payment_id"])
    assert (after["status"], after["refunded_amount"]["value"]) == ("SUCCESS", "10.00")
    [taken] = refunds_of(merchant, payment)
    assert (taken["status"], taken["reason"], taken["amount"]["value"]) == ("SUCCESS", TAKEN_BACK, "10.00")
    told = eventually(lambda: receiver.histories().get(taken["refund_id"]), "the merchant's webhooks")
    eventually(
        lambda: (
            [kind for _, kind in receiver.histories()[taken["refund_id"]]] == ["refund.created", "refund.succeeded"]
        ),
        f"both events, had {told}",
    )
    receiver.wait_for("payment.refunded")
    # what is gone cannot be given back again
    refused = merchant.http.post(f"/v1/payments/{payment['payment_id']}/refunds", json={})
    assert problem(refused)[:2] == (400, "PAYMENT_NOT_REFUNDABLE")


def test_reversal_that_is_told_often_counts_once(merchant: Merchant, provider: Provider, paypal: PaypalAccount) -> None:
    payment, capture = paid(merchant, paypal)
    provider.fault(payment["order_id"], "webhook_duplicate", operation="PAYMENT.CAPTURE.REVERSED", copies=3)
    paypal.settle(capture, "reversed")
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    [told, *_] = paypal.calls(payment["order_id"], "PAYMENT.CAPTURE.REVERSED")
    provider.resend(told["event_id"])
    eventually(
        lambda: (
            len(paypal.calls(payment["order_id"], "PAYMENT.CAPTURE.REVERSED")) > 4
            and all(
                one["status"] == "delivered" for one in paypal.calls(payment["order_id"], "PAYMENT.CAPTURE.REVERSED")
            )
        ),
        "every copy",
    )
    assert len(refunds_of(merchant, payment)) == 1
    assert merchant.payment(payment["payment_id"])["refunded_amount"]["value"] == "10.00"


def test_what_is_left_after_a_refund_is_taken_back(merchant: Merchant, paypal: PaypalAccount) -> None:
    payment, capture = paid(merchant, paypal)
    given = merchant.post(
        f"/v1/payments/{payment['payment_id']}/refunds", {"amount": {"value": "4.00", "currency": "EUR"}}
    )
    assert given["status"] == "SUCCESS"
    paypal.settle(capture, "reversed")
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    assert sorted((one["amount"]["value"], one["reason"]) for one in refunds_of(merchant, payment)) == [
        ("4.00", ""),
        ("6.00", TAKEN_BACK),
    ]


def give_back_there(gateway: Ready, capture: str, value: str) -> None:
    """Refund a part of a capture in PayPal's own pages, as a merchant may: it carries no id of ours."""
    secrets = json.loads((Path(gateway.log_dir).parent / SECRETS_FILE).read_text())
    with httpx.Client(base_url=f"{gateway.sandbox_url}/paypal", timeout=PATIENCE) as http:
        grant = {"grant_type": "client_credentials"}
        asked = http.post("/v1/oauth2/token", data=grant, auth=(CLIENT_ID, secrets["paypal_client_secret"]))
        headers = {"authorization": f"Bearer {asked.raise_for_status().json()['access_token']}"}
        body = {"amount": {"value": value, "currency_code": "EUR"}}
        http.post(f"/v2/payments/captures/{capture}/refund", json=body, headers=headers).raise_for_status()


def test_reversal_that_names_the_capture_is_no_refund_that_was_known(
    merchant: Merchant, provider: Provider, paypal: PaypalAccount, gateway: Ready
) -> None:
    """PayPal tells of it before it shows it: what the merchant gave back there is no answer to that."""
    payment, capture = paid(merchant, paypal)
    give_back_there(gateway, capture, "3.00")
    merchant.wait_for_order(payment["order_id"], "PARTIALLY_REFUNDED")
    event_id = f"WH-{uuid.uuid4()}"
    related = {"related_ids": {"order_id": payment["provider_reference"]}}
    event = {
        "id": event_id,
        "event_type": "PAYMENT.CAPTURE.REVERSED",
        "create_time": datetime.now(UTC).isoformat(),
        "resource_type": "capture",
        "resource": {"id": capture, "custom_id": payment["payment_id"], "supplementary_data": related},
    }
    body = json.dumps(event).encode()
    headers = provider.signed("paypal", body) | {"content-type": "application/json"}
    url = f"{gateway.edge_url}/v1/webhooks/paypal"
    assert httpx.post(url, content=body, headers=headers).status_code == 200
    query = "SELECT status, attempts FROM provider_events WHERE event_id = %s"

    def verdict() -> tuple[str, int]:
        with psycopg.connect(gateway.database_urls["payments"]) as connection:
            row = connection.execute(query, [event_id]).fetchone()
        assert row
        return row[0], row[1]

    eventually(lambda: verdict()[1] > 0 or verdict()[0] != "PENDING", "a look at what PayPal shows")
    assert verdict()[0] == "PENDING"
    paypal.settle(capture, "reversed")
    eventually(lambda: verdict()[0] == "APPLIED", "the event's verdict, once PayPal shows it")
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    assert sorted((one["amount"]["value"], one["reason"]) for one in refunds_of(merchant, payment)) == [
        ("3.00", "given back at the provider, not asked for here"),
        ("7.00", TAKEN_BACK),
    ]


@pytest.mark.parametrize(
    ("outcome", "status", "order"),
    [
        ("RESOLVED_SELLER_FAVOUR", "WON", "SUCCESS"),
        ("CANCELED_BY_BUYER", "CLOSED", "SUCCESS"),
        ("RESOLVED_BUYER_FAVOUR", "LOST", "REFUNDED"),
    ],
)
def test_dispute_is_followed_to_its_end(
    outcome: str, status: str, order: str, merchant: Merchant, receiver: Receiver, paypal: PaypalAccount
) -> None:
    payment, capture = paid(merchant, paypal)
    paypal.dispute(capture, "create", reason="UNAUTHORISED")
    opened = dispute_of(merchant, payment, "NEEDS_RESPONSE")
    assert (opened["amount"]["value"], opened["reason"]) == ("10.00", "UNAUTHORISED")
    assert opened["respond_before"]
    paypal.dispute(capture, "update", status="UNDER_REVIEW")
    dispute_of(merchant, payment, "UNDER_REVIEW")
    paypal.dispute(capture, "close", status=outcome)
    closed = dispute_of(merchant, payment, status)
    eventually(
        lambda: (
            [kind for _, kind in receiver.histories().get(closed["dispute_id"], [])]
            == ["dispute.opened", "dispute.updated", "dispute.closed"]
        ),
        "the merchant's webhooks",
    )
    merchant.wait_for_order(payment["order_id"], order)


def test_appeal_of_a_lost_dispute_is_heard_and_what_comes_back_is_booked(
    merchant: Merchant, receiver: Receiver, paypal: PaypalAccount, gateway: Ready
) -> None:
    payment, capture = paid(merchant, paypal)
    paypal.dispute(capture, "create", reason="UNAUTHORISED")
    first = dispute_of(merchant, payment, "NEEDS_RESPONSE")
    paypal.dispute(capture, "close", status="RESOLVED_BUYER_FAVOUR")
    dispute_of(merchant, payment, "LOST")
    merchant.wait_for_order(payment["order_id"], "REFUNDED")
    paypal.dispute(capture, "appeal")
    assert dispute_of(merchant, payment, "NEEDS_RESPONSE")["respond_before"] > first["respond_before"]
    paypal.dispute(capture, "close", status="RESOLVED_SELLER_FAVOUR")
    won = dispute_of(merchant, payment, "WON")
    told = [f"dispute.{word}" for word in ("opened", "closed", "updated", "closed")]
    eventually(
        lambda: [kind for _, kind in receiver.histories().get(won["dispute_id"], [])] == told, "the merchant's webhooks"
    )
    (review,) = eventually(lambda: open_reviews(gateway, payment["payment_id"]), "a review")
    assert (review.kind, review.amount.value) == (review_pb2.Review.UNKNOWN_REFUND, "10.00")
    resolve(gateway, review, "NOT_CAPTURED")
    merchant.wait_for_order(payment["order_id"], "SUCCESS")
    assert "refunded_amount" not in merchant.payment(payment["payment_id"])


def test_dispute_whose_events_were_lost_is_looked_at(
    merchant: Merchant, provider: Provider, paypal: PaypalAccount, gateway: Ready
) -> None:
    payment, capture = paid(merchant, paypal)
    paypal.dispute(capture, "create", reason="UNAUTHORISED")
    opened = dispute_of(merchant, payment, "NEEDS_RESPONSE")
    provider.fault(payment["order_id"], "webhook_drop", operation="CUSTOMER.DISPUTE.UPDATED")
    paypal.dispute(capture, "update", status="UNDER_REVIEW")
    query = "UPDATE disputes SET next_check_time = now() WHERE dispute_id = %s AND next_check_time > now()"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        assert connection.execute(query, [opened["dispute_id"]]).rowcount == 1
    dispute_of(merchant, payment, "UNDER_REVIEW")


def test_capture_that_is_denied_after_all_is_put_to_a_person(
    merchant: Merchant, paypal: PaypalAccount, gateway: Ready
) -> None:
    payment, capture = paid(merchant, paypal)
    paypal.settle(capture, "denied")

    (review,) = eventually(lambda: open_reviews(gateway, payment["payment_id"]), "a review")
    assert (review.kind, review.amount.value) == (review_pb2.Review.AMOUNT_DIFFERS, "10.00")
    assert "PAYMENT.CAPTURE.DENIED" in review.reason
    assert merchant.payment(payment["payment_id"])["status"] == "SUCCESS"


def test_operator_is_alerted(merchant: Merchant, paypal: PaypalAccount, gateway: Ready) -> None:
    payment, capture = paid(merchant, paypal)
    paypal.settle(capture, "reversed")

    def alerted() -> bool:
        lines = (Path(gateway.log_dir) / "payment_svc.log").read_text().splitlines()
        return any('"payment_taken_back"' in line and payment["payment_id"] in line for line in lines)

    eventually(alerted, "the alert")
