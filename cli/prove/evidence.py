"""What each party knows in the end: the gateway by its public API, the providers by their books, the merchants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from fusionx.payment.v1.review_service_pb2 import ListReviewsRequest
from fusionx.payment.v1.review_service_pb2_grpc import ReviewServiceStub

from cli.prove.load import Load
from cli.prove.log import Json, Log
from cli.prove.provider import ProviderDesk
from mesh.rpc.dial import dial, tls_of

TIMEOUT_SECONDS = 10.0


@dataclass
class Evidence:
    """All that is compared."""

    log: Log
    orders: list[Json] = field(default_factory=list)
    payments: list[Json] = field(default_factory=list)
    refunds: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    """The gateway's log of events."""
    received: list[Json] = field(default_factory=list)
    """Webhooks as they came in, verified; those of one merchant in their order."""
    forged: int = 0
    """Webhooks whose signature was wrong."""
    books: list[Json] = field(default_factory=list)
    reviews: Sequence[str] = ()
    """Orders with a question that only a person can answer."""


async def gather(load: Load) -> Evidence:
    """Ask all parties."""
    found = Evidence(load.log)
    async with ProviderDesk(load.ready.sandbox_url) as desk:
        found.books = await desk.books()
    for number, member in enumerate(load.members):
        async with load.api(number) as api:
            found.orders += await api.all("/v1/orders", "orders")
            found.payments += await api.all("/v1/payments", "payments")
            found.refunds += await api.all("/v1/refunds", "refunds")
            found.events += await api.all("/v1/events", "events")
        found.received += list(member.receiver.events)
        found.forged += member.receiver.refused
    found.reviews = await asyncio.to_thread(_open_reviews, load)
    return found


def _open_reviews(load: Load) -> list[str]:
    ready = load.ready
    with dial(ready.services["payment_svc"], "payment_svc", tls_of(ready.operator_tls)) as channel:
        answer = ReviewServiceStub(channel).ListReviews(ListReviewsRequest(page_size=100), timeout=TIMEOUT_SECONDS)
    return [review.order_id for review in answer.reviews]
