"""Which keys are valid, answered from memory, and never from a memory that is older than its bound.

Two things make that so without a lookup per request, however many keys there are. What is known of a key stays known
until the key changes; and every change has a number and notifies `CHANNEL` (a trigger), for which the watcher asks
several times within the bound: one round trip, whatever the number of keys, and a small query where there was a change.
When the watcher cannot ask, nothing in memory counts.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from edge.domain import Identity, owner_of
from edge.storage.identities import permissions_of
from edge.tables import api_keys, merchants
from mesh.errors import ApiError, unavailable
from mesh.ids import Clock, utc_now
from mesh.storage.batcher import Batcher
from mesh.storage.database import Database, statement
from mesh.storage.rows import columns_of
from mesh.telemetry import get_logger
from mesh.urls.networks import Network
from mesh.vault import SealError, Vault
from mesh.worker import Worker

log = get_logger(__name__)

POLLS_WITHIN_BOUND = 3
UNREADABLE = "SIGNING_SECRET_UNREADABLE"
QUIET_SECONDS = 10.0
"""After which without a question the watcher looks only as often."""
CHANNEL = "api_key_changes"
LOOK_UPS = 500
"""Keys that one look finds out about, at the most."""
KeptT = TypeVar("KeptT")


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


class KeySource(Protocol):
    """Where the truth about keys is. All raise ApiError UNAVAILABLE when it is out of reach."""

    async def identify(self, digest: bytes) -> Identity | None:
        """Return whom the key with this digest speaks for, unless it was revoked or its merchant disabled."""
        ...

    async def newest(self) -> int:
        """Return the number of the newest change."""
        ...

    async def changes(self, seen: int) -> list[tuple[int, bytes]]:
        """Return number and digest of every change after `seen`, in their order."""
        ...


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


class KeyCache:
    """Keys that were asked for, valid and not: the latter apart, so that guessing pushes no valid key out."""

    def __init__(
        self,
        source: KeySource,
        bound: float,
        size: int,
        *,
        now: Callable[[], float] = time.monotonic,
        clock: Clock = utc_now,
    ) -> None:
        self._source = source
        self._bound = bound
        self._size = size
        self._now = now
        self._clock = clock
        self._valid: OrderedDict[bytes, Identity] = OrderedDict()
        self._invalid: OrderedDict[bytes, None] = OrderedDict()
        self._seen: int | None = None
        self._forgotten = 0
        self._watched = self._asked = float("-inf")
        self.watcher = Worker("key-watcher", self.watch, interval=self.until_next_look)

    async def identify(self, digest: bytes) -> Identity | None:
        """Return whom a key speaks for; None when it is unknown, revoked, expired, or its merchant disabled.

        Raises ApiError UNAVAILABLE when the cache does not know and the database is out of reach.
        """
        self._asked = self._now()
        fresh = self._asked - self._watched < self._bound
        if not fresh:
            # it may have been looking now and then only
            self.watcher.wake()
        if fresh and digest in self._invalid:
            return None
        identity = self._valid.get(digest) if fresh else None
        if identity is None:
            identity = await self._look_up(digest)
        if identity is None or (identity.expire_time and identity.expire_time <= self._clock()):
            return None
        return identity

    def until_next_look(self) -> float:
        """Return how long the watcher may pause: while nobody asks nothing has to be known, and who asks next looks."""
        is_asked = self._now() - self._asked < QUIET_SECONDS
        return self._bound / POLLS_WITHIN_BOUND if is_asked else QUIET_SECONDS

    def forget(self) -> None:
        """Forget all keys, and up to which change they were right: another database has other changes."""
        self._valid.clear()
        self._invalid.clear()
        self._seen = None
        # a look at the database before may be under way
        self._forgotten += 1

    async def watch(self) -> bool:
        """Forget the keys that have changed since the last look. A step of the watcher."""
        started, forgotten = self._now(), self._forgotten
        seen = await self._source.newest() if self._seen is None else self._seen
        changes = await self._source.changes(seen)
        if forgotten != self._forgotten:
            return False
        self._seen = seen
        for seq, digest in changes:
            self._seen = seq
            self._valid.pop(digest, None)
            self._invalid.pop(digest, None)
        self._watched = started
        return False

    async def _look_up(self, digest: bytes) -> Identity | None:
        seen = self._seen
        identity = await self._source.identify(digest)
        # a change that was seen during the look-up may have been this key's: then the answer is good once only
        if seen is not None and seen == self._seen:
            if identity is None:
                _keep(self._invalid, digest, None, self._size)
            else:
                _keep(self._valid, digest, identity, self._size)
        return identity


def _keep(entries: OrderedDict[bytes, KeptT], digest: bytes, what: KeptT, size: int) -> None:
    entries[digest] = what
    if len(entries) > size:
        entries.popitem(last=False)
