"""A unit of work: rows, their events and their entries of the timeline, committed together.

What is added to a unit is stored at its end, in one statement that goes together with the commit, and its events are
handed to the relay afterwards. Nothing of a unit that raises is stored or published.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from mesh.events import outbox
from mesh.events.envelope import OutboxEvent, columns
from mesh.events.outbox import Stored, Unpublished
from mesh.storage import history
from mesh.storage.database import Database, Session, statement
from mesh.storage.history import Change
from mesh.storage.wire import Asked

_STORE = statement(outbox.inserted().add_cte(history.rows_to_insert().cte("new_entry")), outbox.Stored)


class UnitOfWork:
    """A transaction under way, and what will be published and recorded of it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._events: list[OutboxEvent] = []
        self._changes: list[Change] = []
        self._stored: list[Unpublished] = []
        self._asked: Asked[Stored] | None = None

    def add(self, event: OutboxEvent | None = None, changes: Iterable[Change] = ()) -> None:
        """Have an event published and changes recorded, if the transaction is committed."""
        if event:
            self._events.append(event)
        self._changes.extend(changes)

    def has_stored(self, rows: Iterable[Unpublished]) -> None:
        """Say that a statement in the transaction has stored events by itself."""
        self._stored.extend(rows)

    def store(self) -> bool:
        """Have what was added stored at the end of the transaction; return whether there is anything to publish."""
        if self._changes:
            entries = history.entries(self._changes)
            self._asked = self.session.soon(_STORE, **columns(self._events), **history.parameters(entries))
        elif self._events:
            self._asked = outbox.soon(self.session, self._events)
        return bool(self._stored or self._events)

    def published(self) -> Sequence[Unpublished]:
        """Return all that it publishes, once that is stored."""
        return [*self._stored, *outbox.handed(self._events, self._asked.rows if self._asked else ())]


class UnitsOfWork:
    """Begins units of work in a service's database."""

    def __init__(self, database: Database, carry: Callable[[Sequence[Unpublished]], None]) -> None:
        """Have `carry` called with events that were committed."""
        self._database = database
        self.carry = carry

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """Begin a transaction. Raises ApiError UNAVAILABLE when the database cannot be reached."""
        async with self._database.transaction() as session, self.within(session) as unit:
            yield unit

    @asynccontextmanager
    async def within(self, session: Session) -> AsyncIterator[UnitOfWork]:
        """Join a transaction that somebody else commits, such as a consumer's."""
        unit = UnitOfWork(session)
        yield unit
        if unit.store():
            session.when_committed(lambda: self.carry(unit.published()))

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Session]:
        """Lend a session for one statement that stores rows and their events by itself; give `carry` what it stored."""
        async with self._database.session() as session:
            yield session
