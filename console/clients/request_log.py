"""A merchant's requests, as the audit has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fusionx.audit.v1 import request_log_service_pb2 as service_pb2
from fusionx.audit.v1.request_log_service_pb2_grpc import RequestLogServiceStub

from console.clients.merchant_api import Json
from console.clients.operator_api import called, document
from mesh.ids import tenant_of
from mesh.rpc.client import channel
from mesh.tls import TlsFiles

SERVICE = service_pb2.DESCRIPTOR.services_by_name["RequestLogService"]
MAX_TRACES = 400


class RequestLog:
    """The requests of one merchant at a time. Every method raises ApiError."""

    def __init__(self, target: str, tls: TlsFiles | None) -> None:
        self._channel = channel(target, SERVICE, peer="audit_svc", tls=tls)
        self._stub = RequestLogServiceStub(self._channel)

    async def page(self, merchant_id: UUID, mode: str, **filters: Any) -> Json:
        """Return a merchant's requests in a mode, newest first; filters are those of the contract."""
        request = service_pb2.ListRequestsRequest(merchant_id=str(tenant_of(merchant_id, mode)), **filters)
        return document(await called(self._stub.ListRequests, request))

    async def keys_of(self, merchant_id: UUID, mode: str, traces: Sequence[str]) -> dict[str, str]:
        """Return with which key each of some traces was begun."""
        asked = sorted(set(traces))[:MAX_TRACES]
        found = await self.page(merchant_id, mode, trace_ids=asked, page_size=MAX_TRACES) if asked else {}
        return {one["trace_id"]: one["key_id"] for one in found.get("entries", [])}

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
