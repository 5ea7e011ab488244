"""Whether anybody has notified a channel of the database: asked for without a statement, hence without a transaction.

PostgreSQL hands a notification to a connection that listens no later than with the answer to whatever that connection
asks next, and sends it before who has notified hears that his transaction is committed. So a round trip that begins
after a commit, and brings nothing, proves that there was nothing.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import psycopg

from mesh.storage.wire import Wire
from mesh.telemetry import get_logger

log = get_logger(__name__)
RETRY_SECONDS = 10.0
"""How long it is not tried again to listen where that has failed: all counts as news meanwhile."""
READ_ANYWAY_SECONDS = 5.0
"""After which there are news whether or not anybody has notified: a net under those who change rows by other means."""


class Notifications:
    """One channel, on a connection of its own."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Wire]],
        ping: Callable[[Wire], Awaitable[None]],
    ) -> None:
        """`connect` returns a connection that listens, `ping` makes a round trip; or they raise."""
        self._connect = connect
        self._ping = ping
        self._connection: Wire | None = None
        self._due = True
        self._tried = self._read = float("-inf")

    async def news(self) -> bool:
        """Whether something may have been notified since all was read last: False where it is certain not."""
        now = time.monotonic()
        if self._connection is None or self._connection.closed:
            self._due = True
            await self._begin(now)
            return True
        try:
            await self._ping(self._connection)
        except (psycopg.Error, OSError) as error:
            log.warning("notifications lost", error=repr(error))
            self._due = True
            await self.close()
        self._due |= now >= self._read + READ_ANYWAY_SECONDS
        return self._due

    def was_read(self) -> None:
        """Say that what there was when `news` was asked for has been read."""
        self._due, self._read = False, time.monotonic()

    async def close(self) -> None:
        """Close the connection."""
        ended, self._connection = self._connection, None
        if ended:
            await ended.close()

    async def _begin(self, now: float) -> None:
        if now < self._tried + RETRY_SECONDS:
            return
        self._tried = now
        try:
            connection = await self._connect()
        except (psycopg.Error, OSError) as error:
            # a standby lets nobody listen: then every look reads
            log.warning("nobody is listened to", error=repr(error))
            return
        # what is notified before is read, as all is that was there when it was begun to listen
        connection.add_notify_handler(self._note)
        self._connection = connection

    def _note(self, _: object) -> None:
        self._due = True
