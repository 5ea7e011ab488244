"""What a provider cannot tell is asked of a person, whose answer is carried out."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from fusionx.payment.v1 import review_service_pb2 as review_pb2

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.reviews import open_reviews, resolve
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually

FORGOTTEN = (
    "UPDATE operations SET create_time = now() - interval '25 hours', next_try_time = now()"
    " WHERE payment_id = %s AND kind = 'START'"
)


def unknown(gateway: Ready, merchant: Merchant, provider: Provider, order_id: str) -> str:
    """Return a payment whose charge never had an answer, for longer than the provider remembers its key."""
    provider.fault(order_id, "timeout_before", operation="payment_intents.create", seconds=60, count=None)
    payment = merchant.charge(order_id)
    assert payment["status"] == "PROCESSING"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        connection.execute(FORGOTTEN, [payment["payment_id"]])
    merchant.wait_for_payment(payment["payment_id"], "NEEDS_REVIEW", seconds=150)
    return str(payment["payment_id"])


@pytest.mark.parametrize(
    ("answer", "status", "order"), [("NOT_CAPTURED", "FAILED", "FAILED"), ("CAPTURED", "SUCCESS", "SUCCESS")]
)
def test_answer_of_a_person_ends_what_the_provider_cannot_tell(
    answer: str, status: str, order: str, gateway: Ready, merchant: Merchant, provider: Provider
) -> None:
    order_id = merchant.new_order()["order_id"]
    payment_id = unknown(gateway, merchant, provider, order_id)
    (review,) = eventually(lambda: open_reviews(gateway, payment_id), "a review")
    assert review.kind == review_pb2.Review.UNKNOWN_OUTCOME
    answered = resolve(gateway, review, answer)
    assert answered.HasField("resolve_time")
    assert (answered.resolved_by, open_reviews(gateway, payment_id)) == ("ada", [])
    assert merchant.get(f"/v1/payments/{payment_id}")["status"] == status
    merchant.wait_for_order(order_id, order)


def test_transfer_of_another_amount_is_given_back_and_the_order_is_payable_again(
    gateway: Ready, merchant: Merchant
) -> None:
    order_id = merchant.new_order("12.00")["order_id"]
    body = {"order_id": order_id, "provider": "bank_transfer", "return_url": "https://shop.example/back"}
    payment = merchant.post("/v1/payments", body)
    sent = httpx.post(f"{payment['redirect_url']}/send", data={"payer": "ordinary", "amount": "1100"})
    assert sent.status_code < 400
    (review,) = eventually(lambda: open_reviews(gateway, payment["payment_id"]), "a review")
    assert (review.kind, review.amount.value) == (review_pb2.Review.AMOUNT_DIFFERS, "11.00")

    resolve(gateway, review, "GIVE_BACK")

    merchant.wait_for_payment(payment["payment_id"], "FAILED")
    refund = eventually(lambda: _refunded(merchant, payment["payment_id"]), "the refund")
    assert refund == {"value": "11.00", "currency": "EUR"}
    merchant.wait_for_order(order_id, "FAILED")
    assert merchant.charge(order_id)["status"] == "SUCCESS"
    assert open_reviews(gateway, payment["payment_id"]) == []


def _refunded(merchant: Merchant, payment_id: str) -> Json | None:
    made = merchant.get(f"/v1/payments/{payment_id}/refunds").get("refunds", [])
    return next((one["amount"] for one in made if one["status"] == "SUCCESS"), None)
