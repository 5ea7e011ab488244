"""Requests, as the audit has them: a merchant's for its people, and everybody's for operators."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from fusionx.audit.v1 import audit_service_pb2
from fusionx.audit.v1 import request_log_service_pb2 as service_pb2
from fusionx.audit.v1.audit_service_pb2_grpc import AuditServiceStub
from fusionx.audit.v1.request_log_service_pb2_grpc import RequestLogServiceStub

from console.clients.merchant_api import ApiError, Json
from console.clients.operator_api import called
from mesh.ids import tenant_of
from mesh.messages import document
from mesh.rpc.client import channel
from mesh.tls import TlsFiles

SERVICE = service_pb2.DESCRIPTOR.services_by_name["RequestLogService"]
AUDIT = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
MAX_TRACES = 400
KEYS_SECONDS = 1.0
"""So long a page waits for who did what: it is whole without it."""
CROWDS = 3


def only_keys(entries: Iterable[Json]) -> dict[str, str]:
    """Return the key of each trace whose requests all had the same one."""
    keys: dict[str, set[str]] = defaultdict(set)
    for one in entries:
        keys[one["trace_id"]].add(one["key_id"])
    return {trace: next(iter(of_trace)) for trace, of_trace in keys.items() if len(of_trace) == 1}


class RequestLog:
    """The requests of one merchant at a time; for operators, of all. Every method raises ApiError."""

    def __init__(self, target: str, tls: TlsFiles | None) -> None:
        self._channel = channel(target, SERVICE, AUDIT, peer="audit_svc", tls=tls)
        self._stub = RequestLogServiceStub(self._channel)
        self._audit = AuditServiceStub(self._channel)

    async def page(self, merchant_id: UUID, mode: str, **filters: Any) -> Json:
        """Return a merchant's requests in a mode, newest first; filters are those of the contract."""
        request = service_pb2.ListRequestsRequest(merchant_id=str(tenant_of(merchant_id, mode)), **filters)
        return document(await called(self._stub.ListRequests, request))

    async def search(self, **filters: Any) -> Json:
        """Return requests of whomever, newest first; filters are those of the contract."""
        request = audit_service_pb2.SearchEntriesRequest(**filters)
        return document(await called(self._audit.SearchEntries, request))

    async def verify(self, after: int) -> audit_service_pb2.VerifyChainResponse:
        """Walk a part of the chain."""
        request = audit_service_pb2.VerifyChainRequest(after_seq=after)
        found: audit_service_pb2.VerifyChainResponse = await called(self._audit.VerifyChain, request)
        return found

    async def keys_of(self, merchant_id: UUID, mode: str, traces: Sequence[str]) -> dict[str, str]:
        """Return whose key each of some traces is of, those left out that have requests with several keys.

        Clients bring traces of their own, so anybody may name that of somebody else's request.
        """
        try:
            async with asyncio.timeout(KEYS_SECONDS):
                return await self._keys_of(merchant_id, mode, set(traces))
        except TimeoutError:
            raise ApiError(504, "DEADLINE_EXCEEDED", "The request log gave no answer in time.") from None

    async def _keys_of(self, merchant_id: UUID, mode: str, traces: set[str]) -> dict[str, str]:
        for _ in range(CROWDS):
            if not traces:
                break
            asked = sorted(traces)[:MAX_TRACES]
            found = await self.page(merchant_id, mode, trace_ids=asked, page_size=MAX_TRACES)
            entries = found.get("entries", [])
            if len(entries) < MAX_TRACES:
                return only_keys(entries)
            # older ones are not among them: the trace that has most of them is nobody's
            ((crowd, _),) = Counter(one["trace_id"] for one in entries).most_common(1)
            traces = traces - {crowd}
        return {}

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
