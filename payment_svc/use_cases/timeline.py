"""An order's timeline: the order service's part and ours, in one list."""

from __future__ import annotations

import heapq
from uuid import UUID

from mesh.storage import history
from mesh.storage.database import Database
from mesh.storage.history import Entry
from payment_svc.order_port import OrderClient


class Timeline:
    """Puts together what happened to orders."""

    def __init__(self, database: Database, orders: OrderClient) -> None:
        self._database = database
        self._orders = orders

    async def of_order(self, merchant_id: UUID, order_id: UUID) -> list[Entry]:
        """Return what happened to a merchant's order and all that belongs to it, oldest first.

        Entries of one service stay in the order in which they were committed, whatever their clocks said.
        Raises ApiError NOT_FOUND.
        """
        theirs = await self._orders.changes(merchant_id, order_id)
        async with self._database.session() as session:
            ours = await history.of_order(session, order_id)
        return list(heapq.merge(theirs, ours, key=lambda entry: entry.change.time))
