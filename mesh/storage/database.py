"""PostgreSQL for a service: SQLAlchemy writes the statements, psycopg's async driver runs them.

A statement is compiled once, at import, and prepared once per connection: on the hot path that costs half of what
SQLAlchemy's own async engine does (`docs/decisions.md`), and several go to PostgreSQL together (`mesh.storage.wire`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, overload

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InFailedSqlTransaction
from psycopg.rows import RowMaker, TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ClauseElement

from mesh.errors import unavailable
from mesh.ids import utc_now
from mesh.metrics import DATABASE_FAILURES
from mesh.storage.arrays import ADAPTERS
from mesh.storage.failures import WORDS, reason_of
from mesh.storage.notifications import Notifications
from mesh.storage.rows import RowT, no_rows, row_maker
from mesh.storage.schema import NOW
from mesh.storage.silence import Watch
from mesh.storage.wire import BEGIN, COMMIT, ROLLBACK, Asked, Wire, numbered

PATIENCE_SECONDS = 5.0
"""How long a connection is waited for, and then the answer to each statement: whoever is silent longer is given up."""
DISTRUST_SECONDS = 10.0
"""How often all connections are replaced at the most: a database that is only slow is not to be flooded by them."""
DRAIN_SECONDS = 1.0
"""How long who finds an ended connection waits for that, at the most."""

SPARE_SECONDS = 15.0
"""Of connections that were not all used for so long one is given back: each is a process of the database of some MB."""

_CONNECTION = {
    "connect_timeout": 5,
    # a host that is gone: found out after 5 s + 3 x 2 s where nothing is asked, after 10 s where something is
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""In libpq's words."""

Connection = psycopg.AsyncConnection[TupleRow]
RowT_co = TypeVar("RowT_co", covariant=True)
_DIALECT = dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Statement(Generic[RowT_co]):
    """A compiled statement: its SQL, the values of the parameters that it carries itself, and what its rows are."""

    text: bytes
    """With its parameters by name, as psycopg takes them."""
    constants: Mapping[str, Any]
    make: RowMaker[RowT_co]
    sent: bytes
    """As it goes to PostgreSQL, with its parameters by number."""
    names: tuple[str, ...]
    """Of its parameters, in the order of their numbers."""

    def asked(self, given: Mapping[str, Any], most: int | None = None, *, loads: bool = True) -> Asked[RowT_co]:
        """Return it with values, and how many of its rows are wanted at the most, if any. Raises KeyError for none."""
        constants = self.constants
        values = [given[name] if name in given else constants[name] for name in self.names]
        return Asked(self.sent, values, self.make if loads else None, most)


@overload
def statement(clause: ClauseElement) -> Statement[None]: ...
@overload
def statement(clause: sa.SelectBase | UpdateBase, row: type[RowT]) -> Statement[RowT]: ...
def statement(clause: Any, row: type[Any] | None = None) -> Statement[Any]:
    """Compile a SQLAlchemy Core construct. Its `bindparam`s are given when it runs.

    Without a class of rows it can be run, and not asked for rows.
    Raises TypeError when it does not return such rows (`mesh.storage.rows`).
    """
    compiled = clause.compile(dialect=_DIALECT)
    if "POSTCOMPILE" in compiled.string:
        # what SQLAlchemy's own engine fills in at run time: here it would fail there, in the rare case it is for
        raise TypeError(f"not a statement that stands by itself: {compiled.string}")
    given = {name for parameter, name in compiled.bind_names.items() if parameter.required}
    constants = {name: value for name, value in compiled.params.items() if name not in given}
    make = row_maker(row, dict(clause.exported_columns.items())) if row else no_rows
    text = compiled.string.encode()
    return Statement(text, constants, make, *numbered(text))


def parameters_for(table: sa.Table, *names: str, prefix: str = "") -> dict[str, sa.BindParameter[Any]]:
    """Return a typed parameter for each named column, or for all; `prefix` sets them apart from other parameters."""
    chosen = names or [column.name for column in table.columns]
    return {name: sa.bindparam(prefix + name, type_=table.c[name].type) for name in chosen}


_WHICH = """
SELECT clock_timestamp(), set_config('client_connection_check_interval', '1s', false), one.oid::bigint,
  greatest(state.timeline_id, recovered.min_recovery_end_timeline)
FROM pg_database AS one, pg_control_checkpoint() AS state, pg_control_recovery() AS recovered
WHERE one.datname = current_database()"""
"""Until its first checkpoint a standby that was promoted shows its timeline by where its recovery ended only.

A connection also has its database look whether it is still there while a statement runs: one that was given up would go
on to its end, beside those of the connections that take its place, and so past the pool's bound.
"""
_NOW = statement(sa.select(NOW.label("now")), datetime)


def connection_options(url: str) -> dict[str, int]:
    """Return how connections to a database notice that it is gone, but for what its URL says of that itself."""
    said = conninfo_to_dict(url)
    return {name: value for name, value in _CONNECTION.items() if name not in said}


class Session:
    """One connection, inside or outside of a transaction. Every answer of the database is waited for so long only.

    What needs no answer of its own goes together with what comes next: a transaction begins with its first statement.
    """

    def __init__(self, connection: Wire, watch: Watch, patience: float) -> None:
        self._connection = connection
        self._watch = watch
        self._patience = patience
        self._depth = 0
        self._waiting: list[Asked[Any]] = []
        self._is_lost = False
        """Whether something of the transaction was not carried out, so that it can only be undone."""
        self._after_commit: list[Callable[[], None]] = []

    def when_committed(self, done: Callable[[], None]) -> None:
        """Have `done` called once all until here is committed: outside of a transaction at once.

        It is not when that is undone, or when nobody knows whether it was committed.
        """
        if self._depth:
            self._after_commit.append(done)
        else:
            done()

    async def one(self, query: Statement[RowT], **parameters: Any) -> RowT | None:
        """Run a statement and return its first row, or None."""
        asked = query.asked(parameters, 1)
        await self._ask(asked)
        return asked.rows[0] if asked.rows else None

    async def all(self, query: Statement[RowT], **parameters: Any) -> list[RowT]:
        """Run a statement and return all its rows."""
        asked = query.asked(parameters)
        await self._ask(asked)
        return list(asked.rows)

    async def run(self, query: Statement[Any], **parameters: Any) -> int:
        """Run a statement and return how many rows it touched."""
        asked = query.asked(parameters, loads=False)
        await self._ask(asked)
        return asked.count

    def soon(self, query: Statement[RowT], **parameters: Any) -> Asked[RowT]:
        """Have a statement of a transaction run before whatever comes next in it, or before its end.

        Its answer is there afterwards; what it raises is raised by what comes next, or by the end.
        """
        assert self._depth, "outside of a transaction nothing comes next"
        # who gave no class of rows wants none, and it may be committed when they are looked at
        self._waiting.append(query.asked(parameters, loads=query.make is not no_rows))
        return self._waiting[-1]

    async def carry_out(self, query: Statement[Any], **parameters: Any) -> None:
        """Run a statement of which nothing is to be known; in a transaction as `soon` does."""
        if self._depth:
            self.soon(query, **parameters)
        else:
            await self.run(query, **parameters)

    async def ping(self) -> None:
        """Wait for an answer to nothing: neither a statement nor a transaction."""
        with self._answer():
            await self._connection.ask(())

    async def now(self) -> datetime:
        """Return the present by the database's clock, which leases, schedules and purges go by."""
        moment = await self.one(_NOW)
        assert moment
        return moment

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        """Run the block in a transaction, inside of another one in a savepoint; what raises undoes it."""
        kept = len(self._after_commit)
        begun: Asked[None] = Asked(f"SAVEPOINT inner_{self._depth}".encode() if self._depth else BEGIN, ())
        if self._depth:
            # what was asked for before is of the outer one
            await self._ask(begun)
        else:
            self._waiting.append(begun)
        self._depth += 1
        try:
            yield
            await self._end(begun)
        except BaseException:
            del self._after_commit[kept:]
            await self._undo(begun)
            raise
        finally:
            self._depth -= 1
        if not self._depth:
            done, self._after_commit = self._after_commit, []
            for tell in done:
                tell()

    async def _end(self, begun: Asked[None]) -> None:
        """Have a transaction's block last, or with it what was put off until its end."""
        if self._depth > 1:
            await self._ask(Asked(b"RELEASE " + begun.text, ()))
        elif self._waiting == [begun]:
            self._waiting.clear()
        else:
            await self._ask(Asked(COMMIT, ()))

    async def _undo(self, begun: Asked[None]) -> None:
        """Undo a transaction's block; what stands in the way of that undoes it as well."""
        was_sent = begun not in self._waiting
        self._waiting.clear()
        self._is_lost = False
        if not was_sent or self._connection.closed:
            return
        undoing = [ROLLBACK + b" TO " + begun.text, b"RELEASE " + begun.text] if self._depth > 1 else [ROLLBACK]
        with suppress(psycopg.Error), self._answer():
            for text in undoing:
                await self._connection.ask([Asked(text, ())])

    async def _ask(self, asked: Asked[Any]) -> None:
        """Ask, after all that was put off until now."""
        if self._is_lost:
            raise InFailedSqlTransaction("something before it in the transaction was not carried out")
        group, self._waiting = [*self._waiting, asked], []
        try:
            with self._answer():
                await self._connection.ask(group)
        except BaseException:
            self._is_lost = len(group) > 1
            raise

    def _answer(self) -> AbstractContextManager[None]:
        return self._watch.answer(self._connection, self._patience)


class Database:
    """A pool of connections to the service's own database."""

    def __init__(self, url: str, max_size: int, patience: float = PATIENCE_SECONDS) -> None:
        self._url = url
        self._patience = patience
        self._watch = Watch(self._distrust)
        self._clock_ahead: float | None = None
        self._distrusted = -DISTRUST_SECONDS
        self._draining: asyncio.Task[None] | None = None
        self._which: list[object] | None = None
        self._forgetful: list[Callable[[], None]] = []
        self._pool: AsyncConnectionPool[Wire] = AsyncConnectionPool(
            url,
            connection_class=Wire,
            min_size=1,
            max_size=max_size,
            max_idle=SPARE_SECONDS,
            open=False,
            # ten concurrent requests should not wait for ten connections to be made one after the other
            num_workers=3,
            # new attempts are made while somebody waits; the pauses between those of one connection double
            reconnect_timeout=PATIENCE_SECONDS,
            kwargs={**connection_options(url), "autocommit": True, "context": ADAPTERS},
            configure=self._look_which,
            check=None,
        )

    @property
    def max_size(self) -> int:
        """How many connections there may be."""
        return self._pool.max_size

    def usage(self) -> tuple[int, int, int]:
        """Return how many connections are used, how many are idle, and how many requests wait for one."""
        stats = self._pool.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        return size - idle, idle, stats.get("requests_waiting", 0)

    def clock(self) -> datetime:
        """Return the present by the database's clock, as it was last learned; until then by the process's own."""
        if self._clock_ahead is None:
            return utc_now()
        return datetime.fromtimestamp(time.monotonic() + self._clock_ahead, UTC)

    def learn(self, moment: datetime) -> None:
        """Be told what the database's clock shows now."""
        self._clock_ahead = moment.timestamp() - time.monotonic()

    def when_another(self, forget: Callable[[], None]) -> None:
        """Have `forget` called before the first use of a database that has taken this one's place.

        One that was restored, or a standby that was promoted, may lack what was here, and give its numbers out again:
        what a process remembers of it by such numbers holds no longer.
        """
        self._forgetful.append(forget)

    def notifications(self, channel: str) -> Notifications:
        """Return what tells whether anybody has notified a channel, whose name needs no quotes."""

        async def connect() -> Wire:
            url = make_conninfo(self._url, **connection_options(self._url))
            connection = await Wire.connect(url, autocommit=True)
            try:
                with self._watch.answer(connection, self._patience):
                    await connection.execute(f"LISTEN {channel}".encode())
            except BaseException:
                await connection.close()
                raise
            return connection

        async def ping(connection: Wire) -> None:
            await Session(connection, self._watch, self._patience).ping()

        return Notifications(connect, ping)

    async def open(self) -> None:
        """Start the pool. Connections are made in the background: a database that is down does not stop the service."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def session(self, patience: float | None = None) -> AsyncIterator[Session]:
        """Lend a connection in autocommit mode: each statement is a transaction of its own.

        `patience`, in seconds, is how long each answer may take where it is not `PATIENCE_SECONDS`.
        Raises ApiError UNAVAILABLE when the database cannot be reached, does not answer in time, or cannot write.
        """
        patience = self._patience if patience is None else patience
        lent: Wire | None = None
        try:
            lent = await self._pool.getconn(min(patience, self._patience))
            try:
                yield Session(lent, self._watch, patience)
            finally:
                await self._pool.putconn(lent)
        except (PoolTimeout, psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
            if isinstance(error, psycopg.errors.ProgramLimitExceeded):
                raise  # what was asked is too large for it, and will be again
            if lent and (lent.closed or isinstance(error, psycopg.errors.ReadOnlySqlTransaction)):
                # before it is told, so that who tries again meets none of the others that ended with it, or that lead
                # to a primary of before: the address may lead to the one of now
                self._distrust()
                if self._draining:
                    await asyncio.wait([self._draining], timeout=DRAIN_SECONDS)
            reason = reason_of(error)
            DATABASE_FAILURES.labels(reason).inc()
            raise unavailable("DATABASE_UNAVAILABLE", f"{WORDS[reason]}, try again") from error

    @asynccontextmanager
    async def transaction(self, patience: float | None = None) -> AsyncIterator[Session]:
        """Lend a connection for one transaction: committed at the end of the block, rolled back if it raises."""
        async with self.session(patience) as session, session.begin():
            yield session

    async def _look_which(self, connection: Wire) -> None:
        with self._watch.answer(connection, self._patience):
            told = await (await connection.execute(_WHICH)).fetchone()
        assert told
        now, _, *which = told
        # before anything is decided by it
        self.learn(now)
        if self._which is not None and which != self._which:
            for forget in self._forgetful:
                forget()
        self._which = which

    def _distrust(self) -> None:
        """Replace the connections that nobody uses: what silenced or ended one of them may have done so to all."""
        now = time.monotonic()
        if now >= self._distrusted + DISTRUST_SECONDS:
            self._distrusted = now
            self._draining = asyncio.create_task(self._pool.drain(), name="database-drain")
