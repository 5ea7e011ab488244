"""Which merchants and keys a cell has, read from its own database of identities."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from edge.tables import api_keys, merchant_moves
from mesh.storage.database import Database, statement
from mesh.storage.rows import columns_of

PATIENCE_SECONDS = 1.0
"""How long a cell may take to answer: one that is away must not keep the merchants of the others waiting."""


class _Move(NamedTuple):
    merchant_id: UUID
    state: str


_MOVES = statement(sa.select(*columns_of(merchant_moves, _Move)), _Move)
_OWNER = statement(
    sa.select(api_keys.c.merchant_id).where(api_keys.c.secret_sha256 == sa.bindparam("digest", type_=sa.LargeBinary)),
    UUID,
)


class CellIdentities:
    """The identities of one cell. All raise ApiError UNAVAILABLE when its database is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.close = database.close

    async def moves(self) -> dict[UUID, str]:
        """Return the state of each merchant that comes to the cell, or leaves it."""
        await self._database.open()
        async with self._database.session(PATIENCE_SECONDS) as session:
            return {move.merchant_id: move.state for move in await session.all(_MOVES)}

    async def owner(self, digest: bytes) -> UUID | None:
        """Return the merchant whose key has this digest, if the cell has the key, revoked or not."""
        async with self._database.session(PATIENCE_SECONDS) as session:
            return await session.one(_OWNER, digest=digest)
