"""gRPC in, use case, gRPC out: timelines."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import timeline_service_pb2 as timeline_pb2
from fusionx.payment.v1 import timeline_service_pb2_grpc as timeline_grpc

from mesh import context
from mesh.errors import invalid
from mesh.paging import decode, encode, that_fit
from payment_svc.contract import operator_messages as mapping
from payment_svc.use_cases.exchanges import Exchanges
from payment_svc.use_cases.timeline import Place, Timeline

MAX_SIZE = 500
EXCHANGES = 100
MAX_PLACE = 2**31 - 1
_HALF = 2**64 - 1
Context = grpc.aio.ServicerContext[Any, Any]


class TimelineServicer(timeline_grpc.TimelineServiceServicer):
    """The public contract of timelines."""

    def __init__(self, timeline: Timeline, exchanges: Exchanges) -> None:
        self._timeline = timeline
        self._exchanges = exchanges

    async def GetOrderTimeline(
        self, request: timeline_pb2.GetOrderTimelineRequest, _: Context
    ) -> timeline_pb2.OrderTimeline:
        """Return what happened to an order."""
        context.current().log["order_id"] = request.order_id
        order_id = UUID(request.order_id)
        told = decode(request, request.page_token)
        after = Place(told.int >> 64, told.int & _HALF) if told else Place()
        if max(after) > MAX_PLACE:
            raise invalid("page_token", "is not a token of this list with these filters", "PAGE_TOKEN_INVALID")
        size = request.page_size or MAX_SIZE
        found, place = await self._timeline.of_order(context.merchant(), order_id, after, size)
        entries = that_fit(map(mapping.entry_message, found))
        if len(entries) < len(found):
            # asked anew, for the place to go on from is behind what is shown
            found, place = await self._timeline.of_order(context.merchant(), order_id, after, len(entries))
            entries = list(map(mapping.entry_message, found))
        token = encode(request, UUID(int=(place.theirs << 64) + place.ours)) if place else ""
        return timeline_pb2.OrderTimeline(order_id=str(order_id), entries=entries, next_page_token=token)

    async def ListProviderExchanges(
        self, request: timeline_pb2.ListProviderExchangesRequest, _: Context
    ) -> timeline_pb2.ListProviderExchangesResponse:
        """Return what was said to providers about a payment, and by them."""
        context.current().log["payment_id"] = request.payment_id
        size = request.page_size or EXCHANGES
        found, has_older = await self._exchanges.of_payment(context.merchant(), UUID(request.payment_id), size)
        newest = that_fit(map(mapping.exchange_message, reversed(found)))
        return timeline_pb2.ListProviderExchangesResponse(
            exchanges=reversed(newest), has_older=has_older or len(newest) < len(found)
        )
