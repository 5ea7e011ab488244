"""Whom keys speak for, and which of them have changed, as PostgreSQL says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from edge.domain import UNREADABLE, Identity, owner_of
from edge.storage.identities import permissions_of
from edge.tables import api_keys, merchants
from mesh.errors import ApiError, unavailable
from mesh.storage.batcher import Batcher
from mesh.storage.database import Database, statement
from mesh.storage.rows import columns_of
from mesh.telemetry import get_logger
from mesh.urls.networks import Network
from mesh.vault import SealError, Vault

log = get_logger(__name__)

CHANNEL = "api_key_changes"
"""What every change of a key notifies (a trigger)."""
LOOK_UPS = 500
"""Keys that one look finds out about, at the most."""


class _Identified(NamedTuple):
    secret_sha256: bytes
    merchant_id: UUID
    api_key_id: UUID
    mode: str
    scopes: list[str]
    networks: list[Network]
    signature: str
    expire_time: datetime | None
    signing_secret: bytes | None


class _Changed(NamedTuple):
    change_seq: int
    secret_sha256: bytes


# an expired key is filtered by the caller's clock, as it may expire while it is kept
_IDENTIFY = statement(
    sa.select(*columns_of(api_keys, _Identified))
    .join(merchants, merchants.c.merchant_id == api_keys.c.merchant_id)
    .where(
        api_keys.c.secret_sha256 == sa.func.any(sa.bindparam("digests", type_=pg.ARRAY(sa.LargeBinary))),
        api_keys.c.revoke_time.is_(None),
        merchants.c.disable_time.is_(None),
    ),
    _Identified,
)
_CHANGES = statement(
    sa.select(*columns_of(api_keys, _Changed))
    .where(api_keys.c.change_seq > sa.bindparam("seen", type_=sa.BigInteger))
    .order_by(api_keys.c.change_seq),
    _Changed,
)
_NEWEST = statement(sa.select(sa.func.coalesce(sa.func.max(api_keys.c.change_seq), 0).label("seq")), int)


class StoredKeys:
    """The keys in PostgreSQL: one look at a time for all that are asked about, so that a flood of them is no more."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._notifications = database.notifications(CHANNEL)
        self._look_ups: Batcher[bytes, Identity | ApiError | None] = Batcher(self._identify, max_size=LOOK_UPS)

    async def identify(self, digest: bytes) -> Identity | None:
        """Return whom the key with this digest speaks for, unless it was revoked or its merchant disabled."""
        found = await self._look_ups.submit(digest)
        if isinstance(found, ApiError):
            raise found
        return found

    async def _identify(self, digests: Sequence[bytes]) -> Sequence[Identity | ApiError | None]:
        async with self._database.session() as session:
            rows = await session.all(_IDENTIFY, digests=list(digests))
        found = {row.secret_sha256: self._identity(row) for row in rows}
        return [found.get(digest) for digest in digests]

    def _identity(self, row: _Identified) -> Identity | ApiError:
        owner = owner_of(row.merchant_id, row.api_key_id)
        try:
            signing = self._vault.open(row.signing_secret, owner) if row.signing_secret else None
        except SealError as error:
            # of this key alone: those that are looked up beside it have nothing to do with it
            log.error("a signing secret cannot be opened", api_key_id=str(row.api_key_id), error=str(error))
            return unavailable(UNREADABLE, "the key's signing secret cannot be read")
        permissions = permissions_of(row.mode, row.scopes, row.networks, row.signature)
        return Identity(row.merchant_id, row.api_key_id, permissions, row.expire_time, signing)

    async def newest(self) -> int:
        """Return the number of the newest change."""
        async with self._database.session() as session:
            return await session.one(_NEWEST) or 0

    async def changes(self, seen: int) -> list[tuple[int, bytes]]:
        """Return number and digest of every change after `seen`, in their order."""
        if not await self._notifications.news():
            return []
        async with self._database.session() as session:
            changes = await session.all(_CHANGES, seen=seen)
        self._notifications.was_read()
        return [*changes]

    async def close(self) -> None:
        """Listen no more."""
        await self._notifications.close()
