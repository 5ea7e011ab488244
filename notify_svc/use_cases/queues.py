"""The queues of endpoints: their senders are told of what is due, and what nobody gets any more is cancelled.

The first part of that at once, the rest by and by.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from mesh.errors import ApiError
from mesh.storage.database import Database
from mesh.worker import Worker
from notify_svc.storage import leftovers

INTERVAL_SECONDS = 30.0
"""How often is looked for what a process has left that ended, or a version of before."""


class Queues:
    """What waits for endpoints; `wake` lets all senders look for work."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self.wake = wake
        self.worker = Worker("leftovers", self._cancel_some, interval=INTERVAL_SECONDS)

    async def cancel(self, endpoint_id: UUID) -> None:
        """Cancel what is on its way to an endpoint that was disabled: a part, and what a longer queue has left soon."""
        try:
            async with self._database.session() as session:
                more = await leftovers.cancel_part(session, endpoint_id)
        except ApiError:
            # the endpoint is disabled, which is what was asked for
            more = True
        if more:
            self.worker.wake()

    async def cancel_all(self, endpoint_id: UUID) -> None:
        """Cancel all that is on its way to an endpoint, as long as it is disabled."""
        more = True
        while more:
            async with self._database.session() as session:
                more = await leftovers.cancel_part(session, endpoint_id)

    async def _cancel_some(self) -> bool:
        """Cancel a part of what each endpoint has left; return whether there was any."""
        async with self._database.session() as session:
            found = await leftovers.endpoints_left(session)
        cancelled = False
        for endpoint_id in found:
            # one that cannot be cancelled keeps no other, and is looked for again
            with suppress(ApiError):
                async with self._database.session() as session:
                    await leftovers.cancel_part(session, endpoint_id)
                cancelled = True
        return cancelled
