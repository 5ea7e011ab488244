"""gRPC in, use case, gRPC out: the audit."""

from __future__ import annotations

from typing import Any

import grpc
from fusionx.audit.v1 import audit_service_pb2 as service_pb2
from fusionx.audit.v1 import audit_service_pb2_grpc as service_grpc
from fusionx.audit.v1 import request_log_service_pb2 as requests_pb2
from fusionx.audit.v1 import request_log_service_pb2_grpc as requests_grpc

from audit_svc import contract as mapping
from audit_svc.use_cases import Audit

Context = grpc.aio.ServicerContext[Any, Any]


class AuditServicer(service_grpc.AuditServiceServicer):
    """The internal contract of the audit; each RPC's promise is written there."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def ListEntries(self, request: service_pb2.ListEntriesRequest, _: Context) -> service_pb2.ListEntriesResponse:
        """List entries."""
        rows = await self._audit.find(mapping.query(request))
        return service_pb2.ListEntriesResponse(entries=[mapping.entry(row) for row in rows])

    async def SearchEntries(
        self, request: service_pb2.SearchEntriesRequest, _: Context
    ) -> service_pb2.SearchEntriesResponse:
        """Look for entries."""
        rows, following = await self._audit.search(mapping.search_query(request))
        found = [mapping.entry(row) for row in rows]
        return service_pb2.SearchEntriesResponse(entries=found, next_before_seq=following)

    async def VerifyChain(self, request: service_pb2.VerifyChainRequest, _: Context) -> service_pb2.VerifyChainResponse:
        """Walk a part of the chain."""
        start, end = mapping.moment(request, "from_time"), mapping.moment(request, "to_time")
        return mapping.verdict(await self._audit.verify(start, end, request.after_seq))


class RequestLogServicer(requests_grpc.RequestLogServiceServicer):
    """What the console asks for a merchant's people."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def ListRequests(
        self, request: requests_pb2.ListRequestsRequest, _: Context
    ) -> requests_pb2.ListRequestsResponse:
        """List requests."""
        rows, before = await self._audit.requests(mapping.request_query(request))
        return requests_pb2.ListRequestsResponse(entries=[mapping.entry(row) for row in rows], next_before_seq=before)
