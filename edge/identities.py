"""The use cases of identity: make merchants and keys, and say whom a key speaks for."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from edge.domain import ApiKey, Identity, Merchant, digest, new_secret
from edge.repository import IdentityRepository
from mesh.database import Database
from mesh.errors import not_found
from mesh.ids import Clock, NewId, new_id, utc_now


class Identities:
    """Merchants and their keys."""

    def __init__(
        self,
        database: Database,
        store: IdentityRepository,
        *,
        clock: Clock = utc_now,
        ids: NewId = new_id,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes

    async def create_merchant(self, display_name: str) -> Merchant:
        """Create a merchant."""
        merchant = Merchant(self._ids(), display_name, self._clock())
        async with self._database.session() as session:
            await self._store.add_merchant(session, merchant)
        return merchant

    async def create_key(self, merchant_id: UUID) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret, which is nowhere kept. Raises ApiError NOT_FOUND."""
        secret = new_secret(self._random_bytes)
        key = ApiKey(self._ids(), merchant_id, self._clock(), None)
        async with self._database.session() as session:
            if not await self._store.add_key(session, key, digest(secret)):
                raise not_found("merchant", str(merchant_id))
        return key, secret

    async def revoke_key(self, key_id: UUID) -> ApiKey:
        """Revoke a key. Raises ApiError NOT_FOUND."""
        async with self._database.session() as session:
            key = await self._store.revoke_key(session, key_id, self._clock())
        if key is None:
            raise not_found("api key", str(key_id))
        return key

    async def identify(self, secret_digest: bytes) -> Identity | None:
        """Return whom the key with this digest speaks for, as the database says now."""
        async with self._database.session() as session:
            return await self._store.identify(session, secret_digest)


class KeyCache:
    """Answers about keys from memory, for a second at the most.

    That second is the bound on using a revoked key, on every replica and with nothing to coordinate; what it costs is
    one indexed look-up per key and second. Unknown keys are kept too, so that guessing does not load the database.
    """

    def __init__(
        self,
        identities: Identities,
        max_age: float,
        max_size: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identities = identities
        self._max_age = max_age
        self._max_size = max_size
        self._now = now
        self._known: OrderedDict[bytes, tuple[float, Identity | None]] = OrderedDict()

    async def identify(self, secret: str) -> Identity | None:
        """Return whom a key speaks for; None when it is unknown or revoked.

        Raises ApiError UNAVAILABLE when nothing is known of it and the database is out of reach.
        """
        key = digest(secret)
        known = self._known.get(key)
        now = self._now()
        if known and now - known[0] < self._max_age:
            return known[1]
        identity = await self._identities.identify(key)
        self._known[key] = (now, identity)
        self._known.move_to_end(key)
        if len(self._known) > self._max_size:
            self._known.popitem(last=False)
        return identity
