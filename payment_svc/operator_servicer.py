"""gRPC in, use case, gRPC out: routing policies, timelines, and what operators ask."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import UUID

import grpc
from fusionx.payment.v1 import provider_account_service_pb2 as account_pb2
from fusionx.payment.v1 import provider_account_service_pb2_grpc as account_grpc
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1 import provider_service_pb2_grpc as provider_grpc
from fusionx.payment.v1 import routing_service_pb2 as routing_pb2
from fusionx.payment.v1 import routing_service_pb2_grpc as routing_grpc
from fusionx.payment.v1 import timeline_service_pb2 as timeline_pb2
from fusionx.payment.v1 import timeline_service_pb2_grpc as timeline_grpc

from mesh import context
from mesh.errors import invalid, not_found
from payment_svc import operator_mapping as mapping
from payment_svc.accounts import Accounts, Owner
from payment_svc.books import Books
from payment_svc.providers.registry import Registry
from payment_svc.routing import Router
from payment_svc.timeline import Timeline

Context = grpc.aio.ServicerContext[Any, Any]


def _owner() -> Owner:
    return Owner(context.merchant(), context.current().mode)


class RoutingServicer(routing_grpc.RoutingServiceServicer):
    """The public contract of routing policies; each RPC's promise is written there."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def GetRoutingPolicy(
        self, _request: routing_pb2.GetRoutingPolicyRequest, _: Context
    ) -> routing_pb2.RoutingPolicy:
        """Return the merchant's policy."""
        return mapping.policy_message(await self._router.policy(context.merchant()))

    async def UpdateRoutingPolicy(
        self, request: routing_pb2.UpdateRoutingPolicyRequest, _: Context
    ) -> routing_pb2.RoutingPolicy:
        """Replace the merchant's policy."""
        return mapping.policy_message(await self._router.replace(_owner(), mapping.rules(request.rules)))


class ProviderAccountServicer(account_grpc.ProviderAccountServiceServicer):
    """The public contract of merchants' own accounts; each RPC's promise is written there."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def SetProviderAccount(
        self, request: account_pb2.SetProviderAccountRequest, _: Context
    ) -> account_pb2.ProviderAccount:
        """Set the credentials of an account."""
        account = await self._accounts.set(_owner(), request.provider, dict(request.credentials))
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


class TimelineServicer(timeline_grpc.TimelineServiceServicer):
    """The public contract of timelines."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    async def GetOrderTimeline(
        self, request: timeline_pb2.GetOrderTimelineRequest, _: Context
    ) -> timeline_pb2.OrderTimeline:
        """Return what happened to an order."""
        context.current().log["order_id"] = request.order_id
        order_id = UUID(request.order_id)
        return mapping.timeline_message(order_id, await self._timeline.of_order(context.merchant(), order_id))


class ProviderServicer(provider_grpc.ProviderServiceServicer):
    """What operators ask about providers."""

    def __init__(self, providers: Registry, books: Books) -> None:
        self._providers = providers
        self._books = books

    async def ListProviders(
        self, _request: provider_pb2.ListProvidersRequest, _: Context
    ) -> provider_pb2.ListProvidersResponse:
        """Return the providers that are on, and their circuits."""
        shown = [mapping.provider_message(provider) for provider in self._providers.all()]
        return provider_pb2.ListProvidersResponse(providers=shown)

    async def CompareBooks(
        self, request: provider_pb2.CompareBooksRequest, _: Context
    ) -> provider_pb2.CompareBooksResponse:
        """Hold a provider's list of payments against ours."""
        since, until = request.from_time.ToDatetime(UTC), request.to_time.ToDatetime(UTC)
        if since >= until:
            raise invalid("to_time", "must be later than from_time")
        return mapping.comparison_message(await self._books.compare(request.provider, since, until))
