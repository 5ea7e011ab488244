"""Every SQL statement about how looks at payments end: since when nobody could be asked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from mesh.storage.database import Session, statement
from mesh.storage.schema import TIME
from payment_svc.tables import payments

_id = payments.c.payment_id == sa.bindparam("payment_id", type_=sa.UUID)
_since = sa.func.coalesce(payments.c.failing_since, sa.func.db_now(), type_=TIME).label("since")
_FAIL = statement(
    sa.update(payments).where(_id).values(failing_since=_since).returning(_since),
    datetime,
)
_ANSWER = statement(
    sa.update(payments).where(_id, payments.c.failing_since.is_not(None)).values(failing_since=sa.null())
)


class LookRepository:
    """Looks at payments in PostgreSQL. Methods run in the session that they are given."""

    async def fail(self, session: Session, payment_id: UUID) -> datetime | None:
        """Note that a look has failed; return since when all have, None when there is no such payment."""
        return await session.one(_FAIL, payment_id=payment_id)

    async def answer(self, session: Session, payment_id: UUID) -> None:
        """Note that a look was answered."""
        await session.run(_ANSWER, payment_id=payment_id)
