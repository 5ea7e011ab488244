"""The use cases of endpoints: register, change, test and delete them, and replace their secrets.

What is the same for notification channels takes the kinds that are meant.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import grpc

from mesh.errors import ApiError, failed_precondition, invalid, not_found
from mesh.ids import Clock, new_id, utc_now
from mesh.storage import idempotency
from mesh.storage.database import Database, Session
from mesh.storage.idempotency import Claim, Record
from mesh.vault import Vault
from notify_svc.contract import events as facts
from notify_svc.contract.event_types import check_filters
from notify_svc.domain import endpoint as endpoint_domain
from notify_svc.domain import signing
from notify_svc.domain.endpoint import WEBHOOKS, DisableReason, Endpoint, UrlRefusedError, UrlRules
from notify_svc.domain.event import PublicEvent
from notify_svc.storage import leftovers
from notify_svc.storage.endpoints import EndpointRepository, Kinds
from notify_svc.storage.events import EventRepository
from notify_svc.use_cases.queues import Queues


@dataclass(frozen=True, slots=True)
class Change:
    """What a merchant changes of an endpoint; what is None or empty stays."""

    url: str | None = None
    event_types: tuple[str, ...] = ()
    description: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class NewEndpoint(Change):
    """What a merchant says of a new endpoint; without `asymmetric` its events are signed with a shared secret."""

    asymmetric: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """Which URLs may be called: by what they say, and by where the name in them leads."""

    rules: UrlRules
    look: Callable[[str], Awaitable[None]]
    """Raises UrlRefusedError when the name leads to an address that must not be called."""
    prove: Callable[[str], Awaitable[bool]] | None = None
    """Whether the server at a URL is its merchant's; None: nobody is asked."""

    push_services: tuple[str, ...] = ()
    """The hosts that browsers' messages go to; none: any, as nobody is asked."""

    def check_push(self, url: str, field: str) -> None:
        """Raise ApiError INVALID_ARGUMENT, reason URL_REFUSED, for a URL that is none of a push service.

        A browser's push service answers no challenge of ours, and takes messages of that browser alone.
        """
        if self.push_services and not endpoint_domain.is_at(url, self.push_services):
            raise invalid(field, "must be of a push service that the operator knows", "URL_REFUSED")

    async def check(self, url: str, field: str) -> None:
        """Raise ApiError INVALID_ARGUMENT, reason URL_REFUSED, for a URL in a field that may not be called."""
        try:
            self.rules.check(url)
            await self.look(url)
        except UrlRefusedError as error:
            raise invalid(field, str(error), "URL_REFUSED") from None

    async def check_owner(self, url: str, field: str) -> None:
        """Raise ApiError INVALID_ARGUMENT, reason URL_NOT_PROVEN, where the server does not answer its challenge."""
        if self.prove and not await self.prove(url):
            words = "its server must answer the challenge that was just posted to it with that text alone, status 200"
            raise invalid(field, words, "URL_NOT_PROVEN")


class Endpoints:
    """Endpoints of merchants."""

    def __init__(
        self,
        database: Database,
        store: EndpointRepository,
        events: EventRepository,
        vault: Vault,
        reach: Reach,
        queues: Queues,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._events = events
        self._vault = vault
        self._reach = reach
        self._queues = queues
        self._clock = clock

    async def create(self, merchant_id: UUID, new: NewEndpoint, claim: Claim | None) -> tuple[Endpoint, str] | Record:
        """Register a URL and return it with its secret, or the record of the same request made before.

        Raises ApiError INVALID_ARGUMENT when the URL may not be called, its server does not answer a challenge that is
        asked for, or an event type is unknown, ALREADY_EXISTS, reason ENDPOINT_EXISTS, where the same events go to the
        same URL already, and FAILED_PRECONDITION, reason TOO_MANY_ENDPOINTS.
        """
        now = self._clock()
        secret = self._new_secret(new.asymmetric)
        endpoint = Endpoint(
            endpoint_id=new_id(),
            merchant_id=merchant_id,
            destination=new.url or "",
            event_types=new.event_types or (endpoint_domain.ALL,),
            description=new.description or "",
            disable_reason=DisableReason.NONE,
            create_time=now,
            update_time=now,
            public_key=signing.public_key(secret),
        )
        async with self._database.session() as session:
            # a repetition has its answer without anybody being asked again, and nobody is asked about one too many
            if claim and (record := self._opened(claim, await idempotency.find(session, claim))):
                return record
            await self._admit(session, endpoint)
        await self._check(new)
        async with self._store.alone(self._database, merchant_id) as session:
            if claim and (record := await self._claim_sealed(session, claim, endpoint, secret)):
                return record
            await self._admit(session, endpoint)
            await self._store.add(session, endpoint, self._vault.seal(secret.encode(), endpoint.vault_owner))
        return endpoint, secret

    async def get(self, merchant_id: UUID, endpoint_id: UUID, kinds: Kinds = WEBHOOKS) -> Endpoint:
        """Return an endpoint. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            return require_found(
                await self._store.get(session, merchant_id, endpoint_id, lock=False, kinds=kinds), endpoint_id, kinds
            )

    async def all_of(self, merchant_id: UUID, kinds: Kinds = WEBHOOKS) -> list[Endpoint]:
        """Return a merchant's endpoints, oldest first."""
        async with self._database.session() as session:
            return await self._store.all_of(session, merchant_id, kinds)

    async def update(self, merchant_id: UUID, endpoint_id: UUID, change: Change, kinds: Kinds = WEBHOOKS) -> Endpoint:
        """Change an endpoint and return it.

        Raises ApiError NOT_FOUND, INVALID_ARGUMENT and ALREADY_EXISTS as `create` does, and FAILED_PRECONDITION, reason
        CHANNEL_UNCONFIRMED, when what is not confirmed is enabled.
        """
        owned = "" if change.url is None else (await self.get(merchant_id, endpoint_id, kinds)).destination
        await self._check(change, owned)
        before, after = await self._changed(merchant_id, endpoint_id, change, kinds)
        while after is None:
            # of what was before, nothing is sent: all of it is cancelled before the endpoint is enabled again
            await self._queues.cancel_all(endpoint_id)
            before, after = await self._changed(merchant_id, endpoint_id, change, kinds)
        if before.enabled and not after.enabled:
            await self._queues.cancel(endpoint_id)
        return after

    async def _changed(
        self, merchant_id: UUID, endpoint_id: UUID, change: Change, kinds: Kinds
    ) -> tuple[Endpoint, Endpoint | None]:
        """Change an endpoint, and return it before and after; None where too much is left to enable it yet."""
        # another one may come to send the same events there, which is for webhooks alone
        may_meet = kinds == WEBHOOKS and (change.url is not None or change.event_types or change.enabled)
        alone = self._store.alone(self._database, merchant_id)
        async with alone if may_meet else self._database.transaction() as session:
            before = await self._found(session, merchant_id, endpoint_id, kinds)
            after = replace(
                before,
                destination=before.destination if change.url is None else change.url,
                event_types=change.event_types or before.event_types,
                description=before.description if change.description is None else change.description,
                disable_reason=_reason_after(before, change),
                update_time=self._clock(),
            )
            if may_meet and after.enabled:
                _check_new(after, await self._store.all_of(session, merchant_id))
            if after.enabled and not before.enabled and await leftovers.cancel_part(session, endpoint_id):
                return before, None
            await self._store.update(session, after)
        return before, after

    async def delete(self, merchant_id: UUID, endpoint_id: UUID, kinds: Kinds = WEBHOOKS) -> Endpoint:
        """Delete an endpoint and return it as it was, disabled. Raises ApiError NOT_FOUND."""
        now = self._clock()
        async with self._database.transaction() as session:
            endpoint = await self._found(session, merchant_id, endpoint_id, kinds)
            await self._store.delete(session, endpoint_id, now)
        await self._queues.cancel(endpoint_id)
        return replace(endpoint, disable_reason=DisableReason.MERCHANT, update_time=now)

    async def ping(
        self, merchant_id: UUID, endpoint_id: UUID, claim: Claim | None, kinds: Kinds = WEBHOOKS
    ) -> PublicEvent | Record:
        """Put a test event on its way. Raises ApiError NOT_FOUND, and FAILED_PRECONDITION for a disabled endpoint."""
        now = self._clock()
        async with self._database.transaction() as session:
            if claim and (record := await idempotency.find(session, claim)):
                # whatever has become of the endpoint since
                return record
            endpoint = await self._found(session, merchant_id, endpoint_id, kinds)
            require_enabled(endpoint)
            event = facts.ping_event(endpoint, now)
            if claim and (record := await idempotency.store(session, claim, event.event_id, claim.answer(event))):
                return record
            await self._events.add(session, [event])
            await self._events.deliver(session, [(new_id(), endpoint_id, event)])
        self._queues.wake()
        return event

    async def rotate(
        self, merchant_id: UUID, endpoint_id: UUID, overlap: timedelta, claim: Claim | None
    ) -> tuple[Endpoint, str] | Record:
        """Give an endpoint a new secret; for the overlap the old one signs too. Raises ApiError NOT_FOUND."""
        now = self._clock()
        async with self._database.transaction() as session:
            if claim and (record := self._opened(claim, await idempotency.find(session, claim))):
                return record
            before = await self._found(session, merchant_id, endpoint_id)
            secret = self._new_secret(bool(before.public_key))
            key = signing.public_key(secret)
            after = replace(before, update_time=now, public_key=key, old_secret_expire_time=now + overlap)
            if claim and (record := await self._claim_sealed(session, claim, after, secret)):
                return record
            await self._store.rotate(session, after, self._vault.seal(secret.encode(), after.vault_owner))
        return after, secret

    def _new_secret(self, asymmetric: bool) -> str:
        make = signing.new_private_key if asymmetric else signing.new_secret
        return make(secrets.token_bytes)

    async def _admit(self, session: Session, endpoint: Endpoint) -> None:
        """Refuse an endpoint that is there already, or is one too many."""
        there = await self._store.all_of(session, endpoint.merchant_id)
        _check_new(endpoint, there)
        if len(there) >= endpoint_domain.MAX_ENDPOINTS:
            most = f"a merchant has {endpoint_domain.MAX_ENDPOINTS} webhook endpoints at the most"
            raise failed_precondition("TOO_MANY_ENDPOINTS", most)

    async def _check(self, change: Change, owned: str = "") -> None:
        if change.url is not None:
            await self._reach.check(change.url, "url")
        check_filters(change.event_types)
        if change.url is not None and change.url != owned:
            await self._reach.check_owner(change.url, "url")

    async def _found(self, session: Session, merchant_id: UUID, endpoint_id: UUID, kinds: Kinds = WEBHOOKS) -> Endpoint:
        """Return an endpoint that nobody else changes meanwhile."""
        found = await self._store.get(session, merchant_id, endpoint_id, lock=True, kinds=kinds)
        return require_found(found, endpoint_id, kinds)

    async def _claim_sealed(self, session: Session, claim: Claim, endpoint: Endpoint, secret: str) -> Record | None:
        """Claim the key for an answer that is encrypted at rest; return the record of whoever was first."""
        sealed = self._vault.seal(claim.answer((endpoint, secret)), _owner_of_answer(claim))
        return self._opened(claim, await idempotency.store(session, claim, endpoint.endpoint_id, sealed))

    def _opened(self, claim: Claim, record: Record | None) -> Record | None:
        return record and replace(record, response=self._vault.open(record.response or b"", _owner_of_answer(claim)))


def _owner_of_answer(claim: Claim) -> str:
    return f"answer/{claim.merchant_id}"


def _check_new(new: Endpoint, there: Sequence[Endpoint]) -> None:
    """Refuse an endpoint that is there already, beside itself: each event would come twice."""
    for one in there:
        if one.endpoint_id == new.endpoint_id:
            continue
        same = one.destination == new.destination and set(one.event_types) == set(new.event_types)
        if same and one.enabled:
            raise ApiError(
                grpc.StatusCode.ALREADY_EXISTS,
                "ENDPOINT_EXISTS",
                f"the webhook endpoint {one.endpoint_id} sends these events to this URL already; "
                "rotate its secret to see a new one, change it, or delete it",
                {"webhook_endpoint_id": str(one.endpoint_id)},
            )


def require_found(endpoint: Endpoint | None, endpoint_id: UUID, kinds: Kinds) -> Endpoint:
    """Return an endpoint that is there. Raises ApiError NOT_FOUND under the name that its kinds have."""
    if endpoint is None:
        raise not_found(next(iter(kinds)).resource, str(endpoint_id))
    return endpoint


def require_enabled(endpoint: Endpoint) -> None:
    """Raise ApiError FAILED_PRECONDITION, reason ENDPOINT_DISABLED, for an endpoint that gets nothing."""
    if not endpoint.enabled:
        raise failed_precondition(
            "ENDPOINT_DISABLED", f"the {endpoint.kind.resource} {endpoint.endpoint_id} is disabled"
        )


def _reason_after(before: Endpoint, change: Change) -> DisableReason:
    if change.enabled is None:
        return before.disable_reason
    if change.enabled:
        if before.disable_reason is DisableReason.UNCONFIRMED:
            raise failed_precondition("CHANNEL_UNCONFIRMED", "nobody has confirmed the mailbox yet")
        return DisableReason.NONE
    # why it was disabled first stays known
    return before.disable_reason or DisableReason.MERCHANT
