"""gRPC in, use case, gRPC out: what only a person can say."""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import review_service_pb2 as service_pb2
from fusionx.payment.v1 import review_service_pb2_grpc as service_grpc

from mesh import paging
from mesh.messages import money_message
from payment_svc.contract import operator_messages as mapping
from payment_svc.domain.review import Resolution
from payment_svc.use_cases.reviews.queue import Reviews
from payment_svc.use_cases.taken_back.elsewhere import Elsewhere

Context = grpc.aio.ServicerContext[Any, Any]


class ReviewServicer(service_grpc.ReviewServiceServicer):
    """The operators' contract of reviews; each RPC's promise is written there."""

    def __init__(self, reviews: Reviews, elsewhere: Elsewhere) -> None:
        self._reviews = reviews
        self._elsewhere = elsewhere

    async def ListReviews(self, request: service_pb2.ListReviewsRequest, _: Context) -> service_pb2.ListReviewsResponse:
        """Return a page of reviews."""
        found, token = await paging.page(
            request,
            lambda after, limit: self._reviews.page(resolved=request.include_resolved, after=after, limit=limit),
            attrgetter("review_id"),
            mapping.review_message,
        )
        return service_pb2.ListReviewsResponse(reviews=found, next_page_token=token)

    async def GetReview(self, request: service_pb2.GetReviewRequest, _: Context) -> service_pb2.Review:
        """Return one review."""
        return mapping.review_message(await self._reviews.get(UUID(request.review_id)))

    async def ResolveReview(self, request: service_pb2.ResolveReviewRequest, _: Context) -> service_pb2.Review:
        """Answer a review."""
        answer = Resolution(service_pb2.Review.Resolution.Name(request.resolution))
        answered = await self._reviews.resolve(UUID(request.review_id), answer, request.operator, request.why)
        return mapping.review_message(answered)

    async def RefreshRefunds(
        self, request: service_pb2.RefreshRefundsRequest, _: Context
    ) -> service_pb2.RefreshRefundsResponse:
        """Bring a payment's refunds in agreement with its provider's."""
        payment, booked = await self._elsewhere.refresh(UUID(request.payment_id))
        return service_pb2.RefreshRefundsResponse(
            booked=booked.refunds,
            refunded_amount=money_message(payment.money(payment.refunded)),
            differing=booked.differing,
        )
