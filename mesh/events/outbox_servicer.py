"""gRPC in, use case, gRPC out: publishing the events of whichever service it is registered at once more."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import grpc
from fusionx.mesh.v1 import outbox_service_pb2 as service_pb2
from fusionx.mesh.v1 import outbox_service_pb2_grpc as service_grpc

from mesh.events.relay import Relay
from mesh.rpc.callers import caller_of
from mesh.rpc.registration import Registration
from mesh.telemetry import get_logger

log = get_logger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]


class OutboxServicer(service_grpc.OutboxServiceServicer):
    """The internal contract of the outbox; each RPC's promise is written there."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    @classmethod
    def registration(cls, relay: Relay) -> Registration:
        """Return the registration at a service that publishes."""
        return Registration.of(service_pb2, service_grpc, cls(relay))

    async def RepublishEvents(
        self, request: service_pb2.RepublishEventsRequest, servicer: Context
    ) -> service_pb2.RepublishEventsResponse:
        """Have events published again."""
        asked = request.from_time.ToDatetime(UTC) if request.HasField("from_time") else None
        events, since = await self._relay.republish(asked)
        log.info("events republished", events=events, since=since, actor=caller_of(servicer.auth_context()))
        response = service_pb2.RepublishEventsResponse(events=events)
        response.from_time.FromDatetime(since)
        return response
