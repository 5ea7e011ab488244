"""Looks now and then at what waits to be delivered: tells who sends it, and Prometheus.

New events are told of when they come; this finds what is tried again, and what another replica has left. Every replica
reports the same, so rules take the maximum.
"""

from __future__ import annotations

from collections.abc import Callable

from mesh.storage.database import Database
from mesh.worker import Worker
from notify_svc.domain.endpoint import Kind
from notify_svc.metrics import DUE_OLDEST, FAILING_ENDPOINTS, WAITING_ENDPOINTS
from notify_svc.storage.deliveries import DeliveryRepository
from notify_svc.use_cases.fan_out import Reached

LOOK_SECONDS = 2.0


class DueWatch:
    """One look for all senders."""

    def __init__(self, database: Database, store: DeliveryRepository, tell: Callable[[Reached], None]) -> None:
        """Have `tell` called with whom something is due to."""
        self._database = database
        self._store = store
        self._tell = tell
        self.worker = Worker("due-watch", self._look, interval=LOOK_SECONDS)

    async def _look(self) -> bool:
        async with self._database.session() as session:
            found = {row.kind: row for row in await self._store.waiting(session)}
        self._tell(
            {
                (Kind(row.kind), failing)
                for row in found.values()
                for failing, due_for in ((False, row.due_for), (True, row.failing_due_for))
                if due_for is not None
            }
        )
        for kind in Kind:
            row = found.get(kind)
            WAITING_ENDPOINTS.labels(kind).set(row.number if row else 0)
            FAILING_ENDPOINTS.labels(kind).set(row.failing if row else 0)
            DUE_OLDEST.labels(kind).set(row.due_for.total_seconds() if row and row.due_for else 0)
        return False
