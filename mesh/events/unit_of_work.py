"""A unit of work: rows, their events and their entries of the timeline, committed together.

What is added to a unit is stored at its end, in one statement, and the relay is woken after the commit. Nothing of a
unit that raises is stored or published.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import sqlalchemy as sa

from mesh.events import outbox
from mesh.events.envelope import OutboxEvent, columns
from mesh.storage import history
from mesh.storage.database import Database, Session, statement
from mesh.storage.history import Change

_STORE = statement(
    sa.select(sa.literal(1)).add_cte(
        outbox.rows_to_insert().cte("new_event"),
        history.rows_to_insert().cte("new_entry"),
    )
)


class UnitOfWork:
    """A transaction under way, and what will be published and recorded of it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._events: list[OutboxEvent] = []
        self._changes: list[Change] = []
        self._stored = False

    @property
    def publishes(self) -> bool:
        """Whether there is anything for the relay."""
        return self._stored or bool(self._events)

    def add(self, event: OutboxEvent | None = None, changes: Iterable[Change] = ()) -> None:
        """Have an event published and changes recorded, if the transaction is committed."""
        if event:
            self._events.append(event)
        self._changes.extend(changes)

    def has_stored_events(self) -> None:
        """Say that a statement in the transaction has stored events by itself."""
        self._stored = True

    async def flush(self) -> None:
        """Store what was added, in the transaction."""
        if self._changes:
            entries = history.entries(self._changes)
            await self.session.run(_STORE, **columns(self._events), **history.parameters(entries))
        else:
            await outbox.add(self.session, self._events)


class UnitsOfWork:
    """Begins units of work in a service's database."""

    def __init__(self, database: Database, wake_relay: Callable[[], None]) -> None:
        self._database = database
        self._wake_relay = wake_relay

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """Begin a transaction. Raises ApiError UNAVAILABLE when the database cannot be reached."""
        async with self._database.transaction() as session:
            unit = UnitOfWork(session)
            yield unit
            await unit.flush()
        if unit.publishes:
            self._wake_relay()

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Session]:
        """Lend a session for one statement that stores rows and their events by itself."""
        async with self._database.session() as session:
            yield session
        self._wake_relay()

    @asynccontextmanager
    async def within(self, session: Session) -> AsyncIterator[UnitOfWork]:
        """Join a transaction that somebody else commits, such as a consumer's, who wakes the relay as well."""
        unit = UnitOfWork(session)
        yield unit
        await unit.flush()
