"""Sealed columns that are not under the newest key, or not bound to their row, are sealed again, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from mesh.storage.database import Database, statement
from mesh.telemetry import get_logger
from mesh.vault import SealError, Vault
from mesh.worker import Worker

log = get_logger(__name__)
PAGE = 200
INTERVAL_SECONDS = 3600.0
"""How often all rows are looked at: a key is changed by a restart, which begins with a look."""

FIRST = UUID(int=0)


class _Row(NamedTuple):
    id: UUID
    owner: str
    sealed: bytes | None


class SealedColumn:
    """A column of a table with what the vault sealed, and whose it is."""

    def __init__(self, column: sa.Column[bytes], *owner: object) -> None:
        """Take the column of secrets, and what the vault is told of each row, in parts: columns, and texts between."""
        (key,) = column.table.primary_key.columns
        same = (key == sa.bindparam("id", type_=sa.UUID), column == sa.bindparam("old", type_=sa.LargeBinary))
        self.name = f"{column.table.name}.{column.name}"
        self.page = statement(
            sa.select(key.label("id"), sa.func.concat(*owner).label("owner"), column.label("sealed"))
            .where(key > sa.bindparam("after", type_=sa.UUID), column.is_not(None))
            .order_by(key)
            .limit(PAGE),
            _Row,
        )
        # unless it was replaced meanwhile
        self.replace = statement(
            sa.update(column.table).where(*same).values({column.name: sa.bindparam("new", type_=sa.LargeBinary)})
        )


class Resealing:
    """Seals again what needs it. Replicas may do so at once: who is second finds nothing to replace."""

    def __init__(self, database: Database, vault: Vault, columns: Sequence[SealedColumn]) -> None:
        self._database = database
        self._vault = vault
        self._columns = columns
        self._at, self._after = 0, FIRST
        self._sealed = self._unreadable = 0
        self.worker = Worker("resealing", self.step, INTERVAL_SECONDS)

    async def step(self) -> bool:
        """Look at the next page; False once all columns were gone through."""
        column = self._columns[self._at]
        async with self._database.session() as session:
            rows = await session.all(column.page, after=self._after)
        for row in rows:
            await self._look_at(column, row)
        if len(rows) == PAGE:
            self._after = rows[-1].id
            return True
        self._at, self._after = (self._at + 1) % len(self._columns), FIRST
        if self._at:
            return True
        log.info("stored secrets were looked through", sealed_again=self._sealed, unreadable=self._unreadable)
        self._sealed = self._unreadable = 0
        return False

    async def _look_at(self, column: SealedColumn, row: _Row) -> None:
        if not row.sealed or self._vault.is_current(row.sealed, row.owner):
            return
        try:
            sealed = self._vault.seal(self._vault.open(row.sealed, row.owner), row.owner)
        except SealError as error:
            self._unreadable += 1
            log.error("a stored secret opens for nobody", column=column.name, id=str(row.id), error=str(error))
            return
        async with self._database.session() as session:
            self._sealed += await session.run(column.replace, id=row.id, old=row.sealed, new=sealed)
