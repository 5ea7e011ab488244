"""One look for all loops of recovery: which of them have something to do. Alone each would look as often."""

from __future__ import annotations

from collections.abc import Sequence

from mesh.storage.database import Database
from mesh.worker import Worker
from payment_svc.storage.measures import MeasureRepository

LOOK_SECONDS = 2.0


class DueWatch:
    """Wakes a loop when something of its kind is due."""

    def __init__(self, database: Database, store: MeasureRepository, loops: Sequence[Worker]) -> None:
        """`loops` are of webhooks, payments, operations and refunds."""
        self._database = database
        self._store = store
        self._loops = loops
        self.worker = Worker("due-watch", self._look, interval=LOOK_SECONDS)

    async def _look(self) -> bool:
        async with self._database.session() as session:
            due = await self._store.due(session)
        for is_due, loop in zip(due, self._loops, strict=True):
            if is_due:
                loop.wake()
        return False
