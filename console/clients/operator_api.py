"""The operators' RPCs, with the console's own certificate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
from fusionx.identity.v1 import identity_pb2, identity_service_pb2
from fusionx.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from fusionx.mesh.v1 import backlog_service_pb2, dead_letter_pb2, dead_letter_service_pb2
from fusionx.mesh.v1.backlog_service_pb2_grpc import BacklogServiceStub
from fusionx.mesh.v1.dead_letter_service_pb2_grpc import DeadLetterServiceStub
from fusionx.payment.v1 import provider_service_pb2, review_service_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub
from fusionx.payment.v1.review_service_pb2_grpc import ReviewServiceStub
from google.protobuf.message import Message

from console.clients.merchant_api import PAGE_MOST, ApiError, Json
from console.domain import SessionKey, User
from mesh import errors
from mesh.events.participants import WITH_DEAD_LETTERS, publishers
from mesh.messages import document
from mesh.rpc.client import channel
from mesh.rpc.comparison_spans import add_part, spans
from mesh.tls import TlsFiles

TIMEOUT_SECONDS = 15.0
PAGE_SIZE = 50
NOT_FOUND = 404
_STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
}


class OperatorApi:
    """Merchants and keys, reviews, dead letters and providers. Every method raises ApiError."""

    def __init__(self, targets: Mapping[str, str], tls: TlsFiles | None) -> None:
        identity = identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"]
        reviews = review_service_pb2.DESCRIPTOR.services_by_name["ReviewService"]
        providers = provider_service_pb2.DESCRIPTOR.services_by_name["ProviderService"]
        letters = dead_letter_service_pb2.DESCRIPTOR.services_by_name["DeadLetterService"]
        backlog = backlog_service_pb2.DESCRIPTOR.services_by_name["BacklogService"]
        dialled = {
            "edge": channel(targets["edge"], identity, peer="edge", tls=tls),
            "payment_svc": channel(targets["payment_svc"], reviews, providers, backlog, peer="payment_svc", tls=tls),
            **{name: channel(targets[name], letters, backlog, peer=name, tls=tls) for name in WITH_DEAD_LETTERS},
        }
        self._identity = IdentityServiceStub(dialled["edge"])
        self._reviews = ReviewServiceStub(dialled["payment_svc"])
        self._providers = ProviderServiceStub(dialled["payment_svc"])
        self._letters = {name: DeadLetterServiceStub(dialled[name]) for name in WITH_DEAD_LETTERS}
        with_backlog = dict.fromkeys((*publishers(), *WITH_DEAD_LETTERS))
        self._backlogs = {name: BacklogServiceStub(dialled[name]) for name in with_backlog}
        self._channels = list(dialled.values())

    async def close(self) -> None:
        """Close the channels."""
        for opened in self._channels:
            await opened.close()

    async def issue(self, user: User, mode: str, lifetime: timedelta) -> SessionKey:
        """Make the API key of a session."""
        request = identity_service_pb2.CreateApiKeyRequest(
            merchant_id=str(user.merchant_id), mode=_mode(mode), scopes=user.api_scopes
        )
        request.expire_time.FromDatetime(datetime.now(UTC) + lifetime)
        key = await called(self._identity.CreateApiKey, request)
        return SessionKey(UUID(key.api_key_id), key.secret)

    async def revoke(self, api_key_id: UUID) -> None:
        """Revoke a key."""
        await called(self._identity.RevokeApiKey, identity_service_pb2.RevokeApiKeyRequest(api_key_id=str(api_key_id)))

    async def end(self, api_key_id: UUID) -> bool:
        """End a key; return False when it may still hold."""
        try:
            await self.revoke(api_key_id)
        except ApiError as error:
            return error.status == NOT_FOUND
        return True

    async def keys(self, merchant_id: UUID) -> list[Json]:
        """Return the keys of a merchant that were not revoked: each login has left one that was."""
        request = identity_service_pb2.ListApiKeysRequest(
            merchant_id=str(merchant_id), page_size=PAGE_MOST, without_revoked=True
        )
        pages = _pages(self._identity.ListApiKeys, request, "api_keys")
        return [key async for page in pages for key in page]

    async def create_key(
        self, merchant_id: UUID, mode: str, scopes: list[str], days: int, *, allowed_ips: list[str]
    ) -> Json:
        """Make a key; without days it does not end by itself, without networks it may be used from any."""
        request = identity_service_pb2.CreateApiKeyRequest(
            merchant_id=str(merchant_id), mode=_mode(mode), scopes=scopes, allowed_ips=allowed_ips
        )
        if days:
            request.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=days))
        return document(await called(self._identity.CreateApiKey, request))

    async def key(self, api_key_id: str) -> Json:
        """Return a key."""
        request = identity_service_pb2.GetApiKeyRequest(api_key_id=api_key_id)
        return document(await called(self._identity.GetApiKey, request))

    async def change_key(self, api_key_id: str, scopes: list[str], allowed_ips: list[str]) -> None:
        """Change what a key may do, and the networks that it may be used from; none: any."""
        request = identity_service_pb2.UpdateApiKeyRequest(
            api_key_id=api_key_id,
            scopes=scopes,
            networks=identity_service_pb2.UpdateApiKeyRequest.Networks(allowed_ips=allowed_ips),
        )
        await called(self._identity.UpdateApiKey, request)

    async def rotate(self, api_key_id: str, overlap: timedelta) -> Json:
        """Replace a key."""
        request = identity_service_pb2.RotateApiKeyRequest(api_key_id=api_key_id)
        request.overlap.FromTimedelta(overlap)
        return document(await called(self._identity.RotateApiKey, request))

    async def merchant(self, merchant_id: UUID) -> Json:
        """Return a merchant."""
        request = identity_service_pb2.GetMerchantRequest(merchant_id=str(merchant_id))
        return document(await called(self._identity.GetMerchant, request))

    async def merchants(self, page_token: str) -> Json:
        """Return a page of merchants, newest first."""
        request = identity_service_pb2.ListMerchantsRequest(page_size=PAGE_SIZE, page_token=page_token)
        return document(await called(self._identity.ListMerchants, request))

    async def create_merchant(self, display_name: str) -> Json:
        """Create a merchant."""
        request = identity_service_pb2.CreateMerchantRequest(display_name=display_name)
        return document(await called(self._identity.CreateMerchant, request))

    async def set_merchant(self, merchant_id: str, *, enabled: bool) -> None:
        """Enable a merchant, or disable it with all of its keys."""
        if enabled:
            await called(
                self._identity.EnableMerchant, identity_service_pb2.EnableMerchantRequest(merchant_id=merchant_id)
            )
        else:
            await called(
                self._identity.DisableMerchant, identity_service_pb2.DisableMerchantRequest(merchant_id=merchant_id)
            )

    async def reviews(self, page_token: str, *, resolved: bool) -> Json:
        """Return a page of the reviews that wait, or of all."""
        request = review_service_pb2.ListReviewsRequest(
            include_resolved=resolved, page_size=PAGE_SIZE, page_token=page_token
        )
        return document(await called(self._reviews.ListReviews, request))

    async def review(self, review_id: str) -> Json:
        """Return a review."""
        request = review_service_pb2.GetReviewRequest(review_id=review_id)
        return document(await called(self._reviews.GetReview, request))

    async def resolve(self, review_id: str, resolution: str, operator: str, why: str) -> Json:
        """Say what became of the money."""
        if resolution not in review_service_pb2.Review.Resolution.keys():  # noqa: SIM118  # no mapping
            raise ApiError(400, "INVALID", "Choose what became of the money.", {"resolution": "choose one"})
        request = review_service_pb2.ResolveReviewRequest(
            review_id=review_id,
            resolution=review_service_pb2.Review.Resolution.Value(resolution),
            operator=operator,
            why=why,
        )
        return document(await called(self._reviews.ResolveReview, request))

    async def providers(self) -> list[Json]:
        """Return the providers and their circuits."""
        request = provider_service_pb2.ListProvidersRequest()
        return _documents((await called(self._providers.ListProviders, request)).providers)

    async def maintenances(self) -> list[Json]:
        """Return the newest maintenances of providers, newest first."""
        request = provider_service_pb2.ListMaintenancesRequest()
        return _documents((await called(self._providers.ListMaintenances, request)).maintenances)

    async def start_maintenance(self, provider: str, until: datetime, operator: str, why: str) -> None:
        """Take a provider out of routing until a time."""
        request = provider_service_pb2.StartMaintenanceRequest(provider=provider, operator=operator, why=why)
        request.until_time.FromDatetime(until)
        await called(self._providers.StartMaintenance, request)

    async def end_maintenance(self, provider: str, operator: str) -> None:
        """Let routing give a provider payments again."""
        request = provider_service_pb2.EndMaintenanceRequest(provider=provider, operator=operator)
        await called(self._providers.EndMaintenance, request)

    async def backlogs(self) -> dict[str, Json | None]:
        """Return what waits in each service; None for one that does not answer."""

        async def ask(stub: BacklogServiceStub) -> Json | None:
            try:
                return document(await called(stub.GetBacklog, backlog_service_pb2.GetBacklogRequest()))
            except ApiError:
                return None

        return dict(zip(self._backlogs, await asyncio.gather(*map(ask, self._backlogs.values())), strict=True))

    async def compare(self, provider: str, since: datetime, until: datetime) -> Json:
        """Compare a provider's books with ours, day by day."""
        total = provider_service_pb2.CompareBooksResponse()
        for start, end in spans(since, until):
            request = provider_service_pb2.CompareBooksRequest(provider=provider)
            request.from_time.FromDatetime(start)
            request.to_time.FromDatetime(end)
            add_part(total, await called(self._providers.CompareBooks, request))
        return document(total)

    async def books(self) -> list[Json]:
        """Return how the books of each provider stand, by the comparisons that were made."""
        request = provider_service_pb2.ListComparisonsRequest()
        return _documents((await called(self._providers.ListComparisons, request)).books)

    async def dead_letters(self, state: str, *, most: int) -> list[Json]:
        """Return the newest dead letters of all services, in a state or in any, each with its `service`."""
        found = await asyncio.gather(*(self._letters_of(name, state, most) for name in self._letters))
        letters = (letter for of_service in found for letter in of_service)
        return sorted(letters, key=lambda letter: str(letter["create_time"]), reverse=True)[:most]

    async def _letters_of(self, service: str, state: str, most: int) -> list[Json]:
        request = dead_letter_service_pb2.ListDeadLettersRequest(page_size=PAGE_MOST)
        if state:
            request.state = dead_letter_pb2.DeadLetter.State.Value(state)
        found: list[Json] = []
        async with aclosing(_pages(self._letters[service].ListDeadLetters, request, "dead_letters")) as pages:
            async for page in pages:
                found += [{**letter, "service": service} for letter in page]
                if len(found) >= most:
                    break
        return found

    async def dead_letter(self, service: str, dead_letter_id: str) -> Json:
        """Return a dead letter with its payload."""
        request = dead_letter_service_pb2.GetDeadLetterRequest(dead_letter_id=dead_letter_id)
        return {**document(await called(self._letter_stub(service).GetDeadLetter, request)), "service": service}

    async def close_letter(self, service: str, dead_letter_id: str, *, replay: bool) -> Json:
        """Have a dead letter applied, or drop it."""
        stub = self._letter_stub(service)
        if replay:
            request: Any = dead_letter_service_pb2.ReplayDeadLetterRequest(dead_letter_id=dead_letter_id)
            return document(await called(stub.ReplayDeadLetter, request))
        request = dead_letter_service_pb2.DropDeadLetterRequest(dead_letter_id=dead_letter_id)
        return document(await called(stub.DropDeadLetter, request))

    def _letter_stub(self, service: str) -> DeadLetterServiceStub:
        if service not in self._letters:
            raise ApiError(404, "NOT_FOUND", "There is no such service.")
        return self._letters[service]


async def called(call: Any, request: Message) -> Any:
    """Call an RPC. Raises ApiError with the status that HTTP has for its failure."""
    try:
        return await call(request, timeout=TIMEOUT_SECONDS)
    except errors.ApiError as error:
        raise ApiError(_STATUS.get(error.code, 503), error.reason, error.message) from None


async def _pages(call: Any, request: Any, field: str) -> AsyncGenerator[list[Json]]:
    """Yield all pages of a list. Raises ApiError."""
    while True:
        answer = await called(call, request)
        yield _documents(getattr(answer, field))
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _documents(messages: Any) -> list[Json]:
    return [document(message) for message in messages]


def _mode(mode: str) -> identity_pb2.ApiKey.Mode.ValueType:
    return identity_pb2.ApiKey.LIVE if mode == "live" else identity_pb2.ApiKey.TEST
