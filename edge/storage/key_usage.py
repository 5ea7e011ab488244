"""When a key was used last: noted in memory at the request, written in batches afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from edge.tables import api_key_uses
from mesh.ids import Clock, utc_now
from mesh.storage.arrays import rows_from_arrays
from mesh.storage.database import Database, statement
from mesh.worker import Worker

EVERY = timedelta(minutes=1)
"""A key's last use is written no more often than this, however often and at however many replicas it is used."""

_rows = rows_from_arrays("used", list(api_key_uses.columns), prefix="used_")
_insert = pg.insert(api_key_uses).from_select(["api_key_id", "last_use_time"], sa.select(*_rows.c))
_WRITE = statement(
    _insert.on_conflict_do_update(
        index_elements=["api_key_id"],
        set_={"last_use_time": _insert.excluded.last_use_time},
        where=_insert.excluded.last_use_time >= api_key_uses.c.last_use_time + sa.literal(EVERY, type_=sa.Interval),
    )
)


class LastUses:
    """The uses that have not been written yet."""

    def __init__(self, database: Database, interval: float, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._due: dict[UUID, datetime] = {}
        self._written: dict[UUID, datetime] = {}
        self.worker = Worker("last-uses", self.write, interval)

    def note(self, key_id: UUID) -> None:
        """Note that a key is used now. Costs the request nothing more than this."""
        if key_id not in self._due:
            now = self._clock()
            written = self._written.get(key_id)
            if written is None or now - written >= EVERY:
                self._due[key_id] = now

    async def write(self) -> bool:
        """Write what was noted, in one statement. What cannot be written is noted again at the key's next use."""
        due, self._due = self._due, {}
        now = self._clock()
        self._written = {key: time for key, time in self._written.items() if now - time < EVERY}
        if due:
            keys = sorted(due)  # in one order, so that two replicas cannot wait for each other
            async with self._database.session() as session:
                await session.run(_WRITE, used_api_key_id=keys, used_last_use_time=[due[key] for key in keys])
            self._written |= due
        return False

    async def flush(self) -> None:
        """Write what is left at the end."""
        await self.write()
