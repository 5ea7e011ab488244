"""Which nonces were used: kept in PostgreSQL, so that a replay is refused at every replica."""

from __future__ import annotations

from typing import Any
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
BATCH = 1000
"""How many are deleted by a statement: of a busy hour that was missed there are millions, and none may take long."""
_before = sa.bindparam("before", type_=TIME)
_place: sa.ColumnElement[Any] = sa.literal_column(f"{signature_nonces.name}.ctid")
_head = (
    sa.select(_place.label("place"), signature_nonces.c.create_time.label("since"))
    .order_by(signature_nonces.c.create_time)
    .limit(BATCH)
    .subquery("head")
)
# an array, as the planner would rather read a whole table than look up a thousand rows of a query
_oldest = sa.func.array(sa.select(_head.c.place).where(_head.c.since < _before).scalar_subquery())
_PURGE = statement(
    sa.delete(signature_nonces).where(_place == sa.func.any(_oldest), signature_nonces.c.create_time < _before)
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
            return await session.run(_PURGE, before=self._clock() - RETENTION) == BATCH
