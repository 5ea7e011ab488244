"""What a provider cannot tell is asked of a person, whose answer is carried out."""

from __future__ import annotations

import psycopg
import pytest
from fusionx.payment.v1 import review_service_pb2 as review_pb2
from fusionx.payment.v1.review_service_pb2_grpc import ReviewServiceStub

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.providers.sandbox import Provider
from tests.support.stack.mesh import dial_service
from tests.support.waiting import eventually

FORGOTTEN = (
    "UPDATE operations SET create_time = now() - interval '25 hours', next_try_time = now()"
    " WHERE payment_id = %s AND kind = 'START'"
)


def open_reviews(gateway: Ready, payment_id: str) -> list[review_pb2.Review]:
    """Return what is open about a payment."""
    with dial_service(gateway, "payment_svc") as channel:
        found = ReviewServiceStub(channel).ListReviews(review_pb2.ListReviewsRequest(page_size=100), timeout=10)
    return [one for one in found.reviews if one.payment_id == payment_id]


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
    with dial_service(gateway, "payment_svc") as channel:
        answered = ReviewServiceStub(channel).ResolveReview(
            review_pb2.ResolveReviewRequest(
                review_id=review.review_id,
                resolution=review_pb2.Review.Resolution.Value(answer),
                operator="ada",
                why="looked at the provider's dashboard",
            ),
            timeout=10,
        )
    assert answered.HasField("resolve_time")
    assert (answered.resolved_by, open_reviews(gateway, payment_id)) == ("ada", [])
    assert merchant.get(f"/v1/payments/{payment_id}")["status"] == status
    merchant.wait_for_order(order_id, order)
