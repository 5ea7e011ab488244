"""Calls to the edge's identity service by its gRPC contract."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import grpc
from fusionx.identity.v1 import key_watch_service_pb2 as watch_pb2
from fusionx.identity.v1.key_watch_service_pb2_grpc import KeyWatchServiceStub

from mesh.errors import ApiError
from mesh.rpc.client import channel
from mesh.tls import TlsFiles
from notify_svc.domain.watched_keys import Looked

SERVICE = watch_pb2.DESCRIPTOR.services_by_name["KeyWatchService"]
TIMEOUT_SECONDS = 3.0


class GrpcKeyWatch:
    """Asks the real edge service which keys have ended."""

    def __init__(self, target: str, tls: TlsFiles | None) -> None:
        self._channel: grpc.aio.Channel = channel(target, SERVICE, peer="edge", tls=tls)
        self._stub = KeyWatchServiceStub(self._channel)

    async def look(self, keys: Collection[UUID], changed_after: int) -> Looked:
        """Return what has become of keys. Raises ApiError."""
        request = watch_pb2.FindEndedApiKeysRequest(api_key_ids=map(str, keys), changed_after=changed_after)
        try:
            answer = await self._stub.FindEndedApiKeys(request, timeout=TIMEOUT_SECONDS)
        except ApiError as error:
            if error.code is grpc.StatusCode.UNIMPLEMENTED:
                # an edge of the version before, during an update: streams last as long as they did then
                return Looked(set(), set(), 0)
            raise
        ended, changed = ({UUID(key) for key in ids} for ids in (answer.api_key_ids, answer.changed_api_key_ids))
        return Looked(ended, changed, answer.last_change)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()
