"""A database that counts how often it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mesh.storage.database import Database, Session


class CountingDatabase(Database):
    """Counts sessions: each is a round trip at least."""

    asked = 0

    @asynccontextmanager
    async def session(self, patience: float | None = None) -> AsyncIterator[Session]:
        self.asked += 1
        async with super().session(patience) as session:
            yield session


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[CountingDatabase]:
    """Lend a database for the block."""
    database = CountingDatabase(url, 2)
    await database.open()
    yield database
    await database.close()
