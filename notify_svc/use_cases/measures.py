"""Looks now and then at what waits to be delivered: every replica reports the same, so rules take the maximum."""

from __future__ import annotations

from mesh.storage.database import Database
from mesh.worker import Worker
from notify_svc.domain.endpoint import Kind
from notify_svc.metrics import DUE_OLDEST, FAILING_ENDPOINTS, WAITING_ENDPOINTS
from notify_svc.storage.deliveries import DeliveryRepository

LOOK_SECONDS = 5.0


class Measures:
    """Measures for Prometheus."""

    def __init__(self, database: Database, store: DeliveryRepository) -> None:
        self._database = database
        self._store = store
        self.worker = Worker("measures", self._look, interval=LOOK_SECONDS)

    async def _look(self) -> bool:
        async with self._database.session() as session:
            found = {row.kind: row for row in await self._store.waiting(session)}
        for kind in Kind:
            row = found.get(kind)
            WAITING_ENDPOINTS.labels(kind).set(row.number if row else 0)
            FAILING_ENDPOINTS.labels(kind).set(row.failing if row else 0)
            DUE_OLDEST.labels(kind).set(row.due_for.total_seconds() if row and row.due_for else 0)
        return False
