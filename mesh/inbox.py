"""The inbox remembers which events a consumer has applied; `mesh.consumer` writes it, and it is tidied here."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from mesh.database import Database, statement
from mesh.ids import Clock, utc_now
from mesh.schema import TIME, inbox
from mesh.worker import Worker

KEEP = timedelta(days=8)
"""Longer than the stream keeps a message, so that no event can come back after it was forgotten."""

_PURGE = statement(sa.delete(inbox).where(inbox.c.receive_time < sa.bindparam("before", type_=TIME)))


def janitor(database: Database, clock: Clock = utc_now) -> Worker:
    """Return the loop that forgets events which the stream can no longer bring back."""

    async def purge() -> bool:
        async with database.session() as session:
            await session.run(_PURGE, before=clock() - KEEP)
        return False

    return Worker("inbox-janitor", purge, interval=600.0)
