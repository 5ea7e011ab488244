"""Every SQL statement about how looks at payments and refunds end: since when nobody could be asked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from mesh.storage.database import Session, statement
from mesh.storage.schema import TIME
from payment_svc.tables import payments, refunds


class LookRepository:
    """Looks at the rows of a table in PostgreSQL. Methods run in the session that they are given."""

    def __init__(self, table: sa.Table) -> None:
        (key,) = table.primary_key.columns
        row = key == sa.bindparam("id", type_=sa.UUID)
        since = sa.func.coalesce(table.c.failing_since, sa.func.db_now(), type_=TIME).label("since")
        self._fail = statement(sa.update(table).where(row).values(failing_since=since).returning(since), datetime)
        self._answer = statement(
            sa.update(table).where(row, table.c.failing_since.is_not(None)).values(failing_since=sa.null())
        )

    async def fail(self, session: Session, key: UUID) -> datetime | None:
        """Note that a look has failed; return since when all have, None when there is no such row."""
        return await session.one(self._fail, id=key)

    async def answer(self, session: Session, key: UUID) -> None:
        """Note that a look was answered."""
        await session.run(self._answer, id=key)


OF_PAYMENTS = LookRepository(payments)
OF_REFUNDS = LookRepository(refunds)
