"""Filters that people keep."""

from __future__ import annotations

from uuid import UUID

from console.domain import View
from console.storage.people import Views as Store
from mesh.ids import new_id
from mesh.storage.database import Database

MAX_VIEWS = 20
"""Of one person and list."""


class Views:
    """What each person keeps of each list."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store

    async def of(self, user_id: UUID, listing: str) -> list[View]:
        """Return what somebody keeps of a list."""
        async with self._database.session() as session:
            return await self._store.of(session, user_id, listing)

    async def keep(self, user_id: UUID, listing: str, name: str, filters: str) -> bool:
        """Keep filters under a name, in place of those that it had; return False when there is no room."""
        async with self._database.session() as session:
            known = {view.name for view in await self._store.of(session, user_id, listing)}
            if name not in known and len(known) >= MAX_VIEWS:
                return False
            await self._store.keep(session, View(new_id(), user_id, listing, name, filters))
        return True

    async def forget(self, user_id: UUID, view_id: UUID) -> None:
        """Keep filters no longer."""
        async with self._database.session() as session:
            await self._store.forget(session, user_id, view_id)
