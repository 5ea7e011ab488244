"""What an operator does about questions that only a person can answer."""

from __future__ import annotations

from fusionx.payment.v1 import review_service_pb2 as review_pb2
from fusionx.payment.v1.review_service_pb2_grpc import ReviewServiceStub

from stack.stack import Ready
from tests.support.stack.mesh import dial_service


def open_reviews(gateway: Ready, payment_id: str) -> list[review_pb2.Review]:
    """Return what is open about a payment."""
    with dial_service(gateway, "payment_svc") as channel:
        found = ReviewServiceStub(channel).ListReviews(review_pb2.ListReviewsRequest(page_size=100), timeout=10)
    return [one for one in found.reviews if one.payment_id == payment_id]


def resolve(gateway: Ready, review: review_pb2.Review, answer: str) -> review_pb2.Review:
    """Answer a review."""
    with dial_service(gateway, "payment_svc") as channel:
        return ReviewServiceStub(channel).ResolveReview(
            review_pb2.ResolveReviewRequest(
                review_id=review.review_id,
                resolution=review_pb2.Review.Resolution.Value(answer),
                operator="ada",
                why="looked at the provider's dashboard",
            ),
            timeout=10,
        )


def refreshed(gateway: Ready, payment_id: str) -> tuple[int, str, list[str]]:
    """Bring a payment's refunds forward, as `fusionxpay review refunds` does."""
    with dial_service(gateway, "payment_svc") as channel:
        request = review_pb2.RefreshRefundsRequest(payment_id=payment_id)
        said = ReviewServiceStub(channel).RefreshRefunds(request, timeout=30)
    return said.booked, said.refunded_amount.value, list(said.differing)
