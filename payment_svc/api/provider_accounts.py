"""gRPC in, use case, gRPC out: merchants' own accounts at providers."""

from __future__ import annotations

from typing import Any

import grpc
from fusionx.payment.v1 import provider_account_service_pb2 as account_pb2
from fusionx.payment.v1 import provider_account_service_pb2_grpc as account_grpc

from mesh import context
from mesh.errors import not_found
from payment_svc.api.tenant import tenant
from payment_svc.contract import operator_messages as mapping
from payment_svc.use_cases.accounts import Accounts

Context = grpc.aio.ServicerContext[Any, Any]


class ProviderAccountServicer(account_grpc.ProviderAccountServiceServicer):
    """The public contract of merchants' own accounts; each RPC's promise is written there."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def SetProviderAccount(
        self, request: account_pb2.SetProviderAccountRequest, _: Context
    ) -> account_pb2.ProviderAccount:
        """Set the credentials of an account."""
        account = await self._accounts.set(
            tenant(), request.provider, dict(request.credentials), is_same=request.same_account
        )
        return mapping.account_message(account)

    async def GetProviderAccount(
        self, request: account_pb2.GetProviderAccountRequest, _: Context
    ) -> account_pb2.ProviderAccount:
        """Return an account."""
        for account in await self._accounts.in_use(context.merchant()):
            if account.provider == request.provider:
                return mapping.account_message(account)
        raise not_found("provider account", request.provider)

    async def ListProviderAccounts(
        self, _request: account_pb2.ListProviderAccountsRequest, _: Context
    ) -> account_pb2.ListProviderAccountsResponse:
        """Return the accounts of the merchant."""
        shown = [mapping.account_message(account) for account in await self._accounts.in_use(context.merchant())]
        return account_pb2.ListProviderAccountsResponse(provider_accounts=shown)

    async def DeleteProviderAccount(
        self, request: account_pb2.DeleteProviderAccountRequest, _: Context
    ) -> account_pb2.ProviderAccount:
        """Take an account out of use."""
        return mapping.account_message(await self._accounts.delete(context.merchant(), request.provider))

    async def CheckProviderAccount(
        self, request: account_pb2.CheckProviderAccountRequest, _: Context
    ) -> account_pb2.CheckProviderAccountResponse:
        """Ask the provider whether it takes an account's credentials."""
        identity, refusal = await self._accounts.check(context.merchant(), request.provider)
        return account_pb2.CheckProviderAccountResponse(accepted=not refusal, identity=identity, refusal=refusal)
