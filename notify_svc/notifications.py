"""The use cases of notification: register endpoints, and put events on their way to them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from uuid import UUID

from cryptography.fernet import MultiFernet

from mesh import idempotency
from mesh.database import Database, Session
from mesh.errors import invalid
from mesh.idempotency import Claim, Record
from mesh.ids import Clock, NewId, new_id, utc_now
from notify_svc import domain, mapping
from notify_svc.domain import Endpoint, UrlRefusedError
from notify_svc.mapping import PublicEvent
from notify_svc.repository import NotifyRepository


class Notifications:
    """Endpoints of merchants, and which events go where."""

    def __init__(
        self,
        database: Database,
        store: NotifyRepository,
        vault: MultiFernet,
        *,
        allow_http: bool,
        clock: Clock = utc_now,
        ids: NewId = new_id,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._allow_http = allow_http
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes

    async def create_endpoint(self, merchant_id: UUID, url: str, claim: Claim | None) -> tuple[Endpoint, str] | Record:
        """Register a URL and return it with its secret, or the record of the same request made before.

        Raises ApiError INVALID_ARGUMENT when the URL may not be called.
        """
        try:
            domain.check_url(url, allow_http=self._allow_http)
        except UrlRefusedError as error:
            raise invalid("url", str(error), "URL_REFUSED") from None
        now = self._clock()
        endpoint = Endpoint(self._ids(), merchant_id, url, now)
        secret = domain.new_secret(self._random_bytes)
        async with self._database.transaction() as session:
            if claim and (record := await self._claim(session, claim, endpoint, secret)):
                return record
            await self._store.add_endpoint(session, endpoint, self._vault.encrypt(secret.encode()))
        return endpoint, secret

    def unseal(self, record: Record) -> bytes:
        """Return the stored answer of a repeated request: it holds a secret, and so is encrypted at rest."""
        return self._vault.decrypt(record.response or b"")

    async def publish(self, session: Session, events: Sequence[PublicEvent]) -> None:
        """Store events and put each on its way to all endpoints of its merchant."""
        if not events:
            return
        await self._store.add_events(session, events)
        endpoints = await self._store.endpoints_of(session, {event.merchant_id for event in events})
        new = [(self._ids(), endpoint, event) for event in events for endpoint in endpoints.get(event.merchant_id, ())]
        if new:
            await self._store.add_deliveries(session, new, self._clock())

    async def _claim(self, session: Session, claim: Claim, endpoint: Endpoint, secret: str) -> Record | None:
        """Claim the key with the sealed answer; return the record of whoever was first."""
        answer = self._vault.encrypt(mapping.endpoint_message(endpoint, secret).SerializeToString())
        if await idempotency.store(session, claim, endpoint.endpoint_id, endpoint.create_time, answer):
            return None
        return await idempotency.find(session, claim)
