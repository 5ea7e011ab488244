"""Every SQL statement of the edge."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from edge.domain import ApiKey, Identity, Merchant
from edge.tables import api_keys, merchants
from mesh.database import Row, Session, parameters_for, statement
from mesh.schema import TIME

_ADD_MERCHANT = statement(sa.insert(merchants).values(parameters_for(merchants)))
_ADD_KEY = statement(
    sa.insert(api_keys).from_select(
        ["api_key_id", "merchant_id", "secret_sha256", "create_time"],
        sa.select(
            sa.bindparam("api_key_id", type_=sa.UUID),
            merchants.c.merchant_id,
            sa.bindparam("secret_sha256", type_=sa.LargeBinary),
            sa.bindparam("create_time", type_=TIME),
        ).where(merchants.c.merchant_id == sa.bindparam("merchant_id", type_=sa.UUID)),
    )
)
_REVOKE = statement(
    sa.update(api_keys)
    .where(api_keys.c.api_key_id == sa.bindparam("key_id", type_=sa.UUID))
    .values(revoke_time=sa.func.coalesce(api_keys.c.revoke_time, sa.bindparam("now", type_=TIME)))
    .returning(api_keys)
)
_IDENTIFY = statement(
    sa.select(api_keys.c.merchant_id, api_keys.c.api_key_id).where(
        api_keys.c.secret_sha256 == sa.bindparam("digest", type_=sa.LargeBinary), api_keys.c.revoke_time.is_(None)
    )
)


def _key(row: Row) -> ApiKey:
    return ApiKey(row.api_key_id, row.merchant_id, row.create_time, row.revoke_time)


class IdentityRepository:
    """Merchants and keys in PostgreSQL. Methods run in the session that they are given."""

    async def add_merchant(self, session: Session, merchant: Merchant) -> None:
        """Store a new merchant."""
        await session.run(
            _ADD_MERCHANT,
            merchant_id=merchant.merchant_id,
            display_name=merchant.display_name,
            create_time=merchant.create_time,
        )

    async def add_key(self, session: Session, key: ApiKey, secret_digest: bytes) -> bool:
        """Store a new key; return False when its merchant does not exist."""
        added = await session.run(
            _ADD_KEY,
            api_key_id=key.api_key_id,
            merchant_id=key.merchant_id,
            secret_sha256=secret_digest,
            create_time=key.create_time,
        )
        return added == 1

    async def revoke_key(self, session: Session, key_id: UUID, now: datetime) -> ApiKey | None:
        """Revoke a key, if it exists; one that is revoked stays as it is."""
        row = await session.one(_REVOKE, key_id=key_id, now=now)
        return _key(row) if row else None

    async def identify(self, session: Session, secret_digest: bytes) -> Identity | None:
        """Return whom a valid key speaks for."""
        row = await session.one(_IDENTIFY, digest=secret_digest)
        return Identity(row.merchant_id, row.api_key_id) if row else None
