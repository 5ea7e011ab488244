"""gRPC in, use case, gRPC out: merchants and keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.identity.v1 import identity_pb2
from fusionx.identity.v1 import identity_service_pb2 as service_pb2
from fusionx.identity.v1 import identity_service_pb2_grpc as service_grpc

from edge.domain import ApiKey
from edge.identities import Identities

Context = grpc.aio.ServicerContext[Any, Any]


def _key_message(key: ApiKey, secret: str = "") -> identity_pb2.ApiKey:
    message = identity_pb2.ApiKey(api_key_id=str(key.api_key_id), merchant_id=str(key.merchant_id), secret=secret)
    message.create_time.FromDatetime(key.create_time)
    if key.revoke_time:
        message.revoke_time.FromDatetime(key.revoke_time)
    return message


class IdentityServicer(service_grpc.IdentityServiceServicer):
    """The internal contract of identity; each RPC's promise is written there."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    async def CreateMerchant(self, request: service_pb2.CreateMerchantRequest, _: Context) -> identity_pb2.Merchant:
        """Create a merchant."""
        merchant = await self._identities.create_merchant(request.display_name)
        message = identity_pb2.Merchant(merchant_id=str(merchant.merchant_id), display_name=merchant.display_name)
        message.create_time.FromDatetime(merchant.create_time)
        return message

    async def CreateApiKey(self, request: service_pb2.CreateApiKeyRequest, _: Context) -> identity_pb2.ApiKey:
        """Create a key; its secret is in this answer only."""
        key, secret = await self._identities.create_key(UUID(request.merchant_id))
        return _key_message(key, secret)

    async def RevokeApiKey(self, request: service_pb2.RevokeApiKeyRequest, _: Context) -> identity_pb2.ApiKey:
        """Revoke a key."""
        return _key_message(await self._identities.revoke_key(UUID(request.api_key_id)))
