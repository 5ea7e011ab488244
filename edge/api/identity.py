"""gRPC in, use case, gRPC out: merchants and keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.identity.v1 import identity_pb2, key_watch_service_pb2, key_watch_service_pb2_grpc
from fusionx.identity.v1 import identity_service_pb2 as service_pb2
from fusionx.identity.v1 import identity_service_pb2_grpc as service_grpc

from edge.contract import issued_message, key_change, key_message, merchant_message, new_key
from edge.use_cases.identities import Identities
from mesh.paging import page

Context = grpc.aio.ServicerContext[Any, Any]


class IdentityServicer(service_grpc.IdentityServiceServicer):
    """The internal contract of identity; each RPC's promise is written there."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    async def CreateMerchant(self, request: service_pb2.CreateMerchantRequest, _: Context) -> identity_pb2.Merchant:
        """Create a merchant."""
        return merchant_message(await self._identities.create_merchant(request.display_name))

    async def GetMerchant(self, request: service_pb2.GetMerchantRequest, _: Context) -> identity_pb2.Merchant:
        """Return one merchant."""
        return merchant_message(await self._identities.get_merchant(UUID(request.merchant_id)))

    async def ListMerchants(
        self, request: service_pb2.ListMerchantsRequest, _: Context
    ) -> service_pb2.ListMerchantsResponse:
        """Return a page of merchants."""
        read = self._identities.merchants
        merchants, token = await page(request, read, lambda merchant: merchant.merchant_id, merchant_message)
        return service_pb2.ListMerchantsResponse(merchants=merchants, next_page_token=token)

    async def DisableMerchant(self, request: service_pb2.DisableMerchantRequest, _: Context) -> identity_pb2.Merchant:
        """Have none of a merchant's keys work."""
        return merchant_message(await self._identities.disable_merchant(UUID(request.merchant_id)))

    async def EnableMerchant(self, request: service_pb2.EnableMerchantRequest, _: Context) -> identity_pb2.Merchant:
        """Have a merchant's keys work again."""
        return merchant_message(await self._identities.enable_merchant(UUID(request.merchant_id)))

    async def CreateApiKey(self, request: service_pb2.CreateApiKeyRequest, _: Context) -> identity_pb2.ApiKey:
        """Create a key; its secrets are in this answer only."""
        return issued_message(await self._identities.create_key(new_key(request)))

    async def GetApiKey(self, request: service_pb2.GetApiKeyRequest, _: Context) -> identity_pb2.ApiKey:
        """Return one key."""
        return key_message(await self._identities.get_key(UUID(request.api_key_id)))

    async def ListApiKeys(self, request: service_pb2.ListApiKeysRequest, _: Context) -> service_pb2.ListApiKeysResponse:
        """Return a page of a merchant's keys."""
        keys, token = await page(
            request,
            lambda after, limit: self._identities.keys(
                UUID(request.merchant_id), after, limit, without_revoked=request.without_revoked
            ),
            lambda key: key.api_key_id,
            key_message,
        )
        return service_pb2.ListApiKeysResponse(api_keys=keys, next_page_token=token)

    async def UpdateApiKey(self, request: service_pb2.UpdateApiKeyRequest, _: Context) -> identity_pb2.ApiKey:
        """Change what a key may do, and from where."""
        return key_message(await self._identities.change_key(UUID(request.api_key_id), key_change(request)))

    async def RevokeApiKey(self, request: service_pb2.RevokeApiKeyRequest, _: Context) -> identity_pb2.ApiKey:
        """Revoke a key."""
        return key_message(await self._identities.revoke_key(UUID(request.api_key_id)))

    async def RotateApiKey(self, request: service_pb2.RotateApiKeyRequest, _: Context) -> identity_pb2.ApiKey:
        """Replace a key; the new one's secrets are in this answer only."""
        overlap = request.overlap.ToTimedelta()
        return issued_message(await self._identities.rotate_key(UUID(request.api_key_id), overlap))


class KeyWatchServicer(key_watch_service_pb2_grpc.KeyWatchServiceServicer):
    """The internal contract for services that answer for long."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    async def FindEndedApiKeys(
        self, request: key_watch_service_pb2.FindEndedApiKeysRequest, _: Context
    ) -> key_watch_service_pb2.FindEndedApiKeysResponse:
        """Return which keys have ended, or were changed."""
        keys = [UUID(key) for key in request.api_key_ids]
        found, last = await self._identities.watch(keys, request.changed_after)
        return key_watch_service_pb2.FindEndedApiKeysResponse(
            api_key_ids=[str(one.api_key_id) for one in found if not one.holds],
            changed_api_key_ids=[str(one.api_key_id) for one in found if one.holds],
            last_change=last,
        )
