"""An order's timeline: the order service's part and ours, in one list."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from mesh.storage import history
from mesh.storage.database import Database
from mesh.storage.history import Entry
from payment_svc.order_port import OrderClient


class Place(NamedTuple):
    """How much of each service's part has been told."""

    theirs: int = 0
    ours: int = 0


class Timeline:
    """Puts together what happened to orders."""

    def __init__(self, database: Database, orders: OrderClient) -> None:
        self._database = database
        self._orders = orders

    async def of_order(
        self, merchant_id: UUID, order_id: UUID, after: Place, size: int
    ) -> tuple[list[Entry], Place | None]:
        """Return what happened to a merchant's order and all that belongs to it, oldest first, after a place.

        With it comes the place to go on from, None at the end. Entries of one service stay in the order in which they
        were committed, whatever their clocks said; what is added later is never before a place.
        Raises ApiError NOT_FOUND.
        """
        theirs = await self._orders.changes(merchant_id, order_id, after.theirs, size + 1)
        async with self._database.session() as session:
            ours = await history.of_order(session, order_id, skip=after.ours, most=size + 1)
        told = [(entry, 1, 0) for entry in theirs], [(entry, 0, 1) for entry in ours]
        merged = list(islice(heapq.merge(*told, key=lambda one: one[0].change.time), size + 1))
        page = merged[:size]
        place = Place(after.theirs + sum(one[1] for one in page), after.ours + sum(one[2] for one in page))
        return [entry for entry, *_ in page], place if len(merged) > size else None
