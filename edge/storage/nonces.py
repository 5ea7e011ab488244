"""Which nonces were used: kept in PostgreSQL, so that a replay is refused at every replica."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from edge.domain import SIGNATURE_TOLERANCE
from edge.tables import signature_nonces
from mesh.ids import Clock, utc_now
from mesh.storage.database import Database, parameters_for, statement
from mesh.storage.schema import TIME
from mesh.worker import Worker

RETENTION = 2 * SIGNATURE_TOLERANCE
"""A signature from a clock that is ahead by the tolerance can be used until the tolerance has passed after that."""

_USE = statement(
    pg.insert(signature_nonces)
    .values(parameters_for(signature_nonces))
    .on_conflict_do_nothing(index_elements=["api_key_id", "nonce"])
)
_PURGE = statement(
    sa.delete(signature_nonces).where(signature_nonces.c.create_time < sa.bindparam("before", type_=TIME))
)


class Nonces:
    """The nonces of signed requests, each good for one request of its key."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self.janitor = Worker("nonce-janitor", self._purge, interval=60.0)

    async def use(self, key_id: UUID, nonce: str) -> bool:
        """Use a nonce up; return False when it was used before. Raises ApiError UNAVAILABLE."""
        async with self._database.session() as session:
            return await session.run(_USE, api_key_id=key_id, nonce=nonce, create_time=self._clock()) == 1

    async def _purge(self) -> bool:
        async with self._database.session() as session:
            await session.run(_PURGE, before=self._clock() - RETENTION)
        return False
