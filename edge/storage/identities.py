"""Every SQL statement about merchants and keys."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from edge.domain import ApiKey, Merchant, Mode, Permissions, Signature
from edge.tables import api_key_uses, api_keys, merchants
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Session, parameters_for, statement
from mesh.storage.resealing import SealedColumn
from mesh.storage.schema import TIME
from mesh.urls.networks import Network

SECRETS = [SealedColumn(api_keys.c.signing_secret, "key/", api_keys.c.merchant_id, "/", api_keys.c.api_key_id)]
"""As `edge.domain.owner_of` says."""
LOCK = "fusionxpay-api-key-changes"
"""The lock that the database's own triggers take (migration 0002)."""


class WatchedKey(NamedTuple):
    """A key that has ended, or was changed."""

    api_key_id: UUID
    holds: bool
    """Whether it has not ended."""


class KeyRow(NamedTuple):
    """A key as it is stored, without its secrets."""

    api_key_id: UUID
    merchant_id: UUID
    create_time: datetime
    revoke_time: datetime | None
    mode: str
    scopes: list[str]
    networks: list[Network]
    signature: str
    expire_time: datetime | None
    lifetime: timedelta | None
    last_use_time: datetime | None


_KEY_ID = api_keys.c.api_key_id == sa.bindparam("key_id", type_=sa.UUID)
_MERCHANT_ID = merchants.c.merchant_id == sa.bindparam("id", type_=sa.UUID)
_NOW = sa.bindparam("now", type_=TIME)
_AFTER = sa.bindparam("changed_after", type_=sa.BigInteger)

JUST_MADE = timedelta(seconds=5)
"""For how long a new key is no changed one."""

_ORDER_CHANGES = statement(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(LOCK))))
_ADD_MERCHANT = statement(
    sa.insert(merchants).values(parameters_for(merchants, "merchant_id", "display_name", "create_time"))
)
_GET_MERCHANT = statement(sa.select(merchants).where(_MERCHANT_ID), Merchant)
_MERCHANTS = statement(
    sa.select(merchants)
    .where(merchants.c.merchant_id < sa.bindparam("after", type_=sa.UUID))
    .order_by(merchants.c.merchant_id.desc())
    .limit(sa.bindparam("count", type_=sa.Integer)),
    Merchant,
)
_DISABLE = statement(
    sa.update(merchants)
    .where(_MERCHANT_ID)
    .values(disable_time=sa.func.coalesce(merchants.c.disable_time, _NOW))
    .returning(merchants),
    Merchant,
)
_ENABLE = statement(sa.update(merchants).where(_MERCHANT_ID).values(disable_time=None).returning(merchants), Merchant)

_asked = rows_from_arrays("asked", [api_keys.c.api_key_id])
_holds = sa.and_(
    api_keys.c.api_key_id.is_not(None),
    api_keys.c.revoke_time.is_(None),
    sa.or_(api_keys.c.expire_time.is_(None), api_keys.c.expire_time > _NOW),
    merchants.c.disable_time.is_(None),
)
_changed = sa.and_(
    _AFTER > 0,
    api_keys.c.change_seq > _AFTER,
    # one that was just made has changed by that alone
    api_keys.c.create_time < _NOW - sa.literal(JUST_MADE, sa.Interval),
)
_ENDED_OR_CHANGED = statement(
    sa.select(_asked.c.api_key_id.label("api_key_id"), _holds.label("holds"))
    .select_from(_asked.outerjoin(api_keys, api_keys.c.api_key_id == _asked.c.api_key_id).outerjoin(merchants))
    .where(sa.or_(~_holds, _changed)),
    WatchedKey,
)
_LAST_CHANGE = statement(sa.select(sa.func.coalesce(sa.func.max(api_keys.c.change_seq), 0)), int)

_LATER = ("revoke_time", "lifetime", "change_seq")
_STORED = [column.name for column in api_keys.columns if column.name not in _LATER]
# as text, since psycopg takes no list that holds networks of both versions
_NETWORKS = sa.cast(sa.bindparam("networks", type_=pg.ARRAY(sa.Text)), pg.ARRAY(pg.CIDR))
_ADD_KEY = statement(
    sa.insert(api_keys).values(
        {**parameters_for(api_keys, *_STORED), "networks": _NETWORKS, "change_seq": sa.literal(0)}
    )
)
_KEY = sa.select(
    *(api_keys.c[name] for name in KeyRow._fields if name != "last_use_time"), api_key_uses.c.last_use_time
).outerjoin_from(api_keys, api_key_uses)
_GET_KEY = statement(_KEY.where(_KEY_ID), KeyRow)
_LOCK_KEY = statement(_KEY.where(_KEY_ID).with_for_update(of=api_keys), KeyRow)
_KEYS = statement(
    _KEY.where(
        api_keys.c.merchant_id == sa.bindparam("id", type_=sa.UUID),
        api_keys.c.api_key_id < sa.bindparam("after", type_=sa.UUID),
        sa.or_(sa.not_(sa.bindparam("without_revoked", type_=sa.Boolean)), api_keys.c.revoke_time.is_(None)),
    )
    .order_by(api_keys.c.api_key_id.desc())
    .limit(sa.bindparam("count", type_=sa.Integer)),
    KeyRow,
)
_CHANGE = statement(
    sa.update(api_keys)
    .where(_KEY_ID)
    .values(scopes=sa.bindparam("scopes", type_=pg.ARRAY(sa.Text)), networks=_NETWORKS)
)
_REVOKE = statement(
    sa.update(api_keys).where(_KEY_ID).values(revoke_time=sa.func.coalesce(api_keys.c.revoke_time, _NOW))
)
_END = statement(
    sa.update(api_keys)
    .where(_KEY_ID)
    .values(
        expire_time=sa.bindparam("end_time", type_=TIME),
        lifetime=sa.bindparam("made_for", type_=api_keys.c.lifetime.type),
    )
)


def permissions_of(mode: str, scopes: list[str], networks: list[Network], signature: str) -> Permissions:
    """Return what a stored key may do."""
    return Permissions(Mode(mode), tuple(scopes), tuple(networks), Signature(signature))


def _key(row: KeyRow) -> ApiKey:
    return ApiKey(
        row.api_key_id,
        row.merchant_id,
        permissions_of(row.mode, row.scopes, row.networks, row.signature),
        row.create_time,
        expire_time=row.expire_time,
        revoke_time=row.revoke_time,
        last_use_time=row.last_use_time,
        lifetime=row.lifetime,
    )


class IdentityRepository:
    """Merchants and keys in PostgreSQL. Methods run in the session that they are given."""

    async def order_changes(self, session: Session) -> None:
        """Wait for other changes of keys to commit, and have later ones wait: the first thing of a transaction."""
        await session.run(_ORDER_CHANGES)

    async def add_merchant(self, session: Session, merchant: Merchant) -> None:
        """Store a new merchant."""
        await session.run(
            _ADD_MERCHANT,
            merchant_id=merchant.merchant_id,
            display_name=merchant.display_name,
            create_time=merchant.create_time,
        )

    async def get_merchant(self, session: Session, merchant_id: UUID) -> Merchant | None:
        """Return a merchant, if it exists."""
        return await session.one(_GET_MERCHANT, id=merchant_id)

    async def merchants(self, session: Session, after: UUID, count: int) -> list[Merchant]:
        """Return merchants older than `after`, newest first."""
        return await session.all(_MERCHANTS, after=after, count=count)

    async def disable_merchant(self, session: Session, merchant_id: UUID, now: datetime) -> Merchant | None:
        """Disable a merchant, if it exists; one that is disabled stays as it is."""
        return await session.one(_DISABLE, id=merchant_id, now=now)

    async def enable_merchant(self, session: Session, merchant_id: UUID) -> Merchant | None:
        """Enable a merchant, if it exists."""
        return await session.one(_ENABLE, id=merchant_id)

    async def add_key(self, session: Session, key: ApiKey, digest: bytes, signing_secret: bytes | None) -> None:
        """Store a new key of a merchant that exists."""
        allowed = key.permissions
        await session.run(
            _ADD_KEY,
            api_key_id=key.api_key_id,
            merchant_id=key.merchant_id,
            secret_sha256=digest,
            create_time=key.create_time,
            mode=allowed.mode,
            scopes=list(allowed.scopes),
            networks=[str(network) for network in allowed.networks],
            signature=allowed.signature,
            signing_secret=signing_secret,
            expire_time=key.expire_time,
        )

    async def get_key(self, session: Session, key_id: UUID, *, lock: bool = False) -> ApiKey | None:
        """Return a key, if it exists; locked to the end of the transaction, if asked."""
        row = await session.one(_LOCK_KEY if lock else _GET_KEY, key_id=key_id)
        return _key(row) if row else None

    async def keys(
        self, session: Session, merchant_id: UUID, after: UUID, count: int, *, without_revoked: bool
    ) -> list[ApiKey]:
        """Return a merchant's keys older than `after`, newest first; or those alone that were not revoked."""
        asked = {"id": merchant_id, "after": after, "count": count, "without_revoked": without_revoked}
        return [_key(row) for row in await session.all(_KEYS, **asked)]

    async def watch(
        self, session: Session, keys: Collection[UUID], now: datetime, changed_after: int
    ) -> list[WatchedKey]:
        """Return which of the keys may not be used any more, never could, or were changed after a change."""
        return await session.all(_ENDED_OR_CHANGED, api_key_id=list(keys), now=now, changed_after=changed_after)

    async def last_change(self, session: Session) -> int:
        """Return the number of the last change of any key."""
        return await session.one(_LAST_CHANGE) or 0

    async def change_key(self, session: Session, key_id: UUID, allowed: Permissions) -> None:
        """Have a key do what its permissions say, from where they say."""
        await session.run(
            _CHANGE,
            key_id=key_id,
            scopes=list(allowed.scopes),
            networks=[str(network) for network in allowed.networks],
        )

    async def revoke_key(self, session: Session, key_id: UUID, now: datetime) -> None:
        """Revoke a key; one that is revoked stays as it is."""
        await session.run(_REVOKE, key_id=key_id, now=now)

    async def end_key(self, session: Session, key: ApiKey) -> None:
        """Have a key end when it says that it does."""
        await session.run(_END, key_id=key.api_key_id, end_time=key.expire_time, made_for=key.lifetime)
