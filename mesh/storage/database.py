"""PostgreSQL for a service: SQLAlchemy writes the statements, psycopg's async driver runs them.

A statement is compiled once, at import, and prepared once per connection: on the hot path that costs half of what
SQLAlchemy's own async engine does (`docs/decisions.md`), and leaves psycopg's pipeline and typing in reach.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, overload

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import AsyncRowFactory, TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ClauseElement

from mesh.errors import unavailable
from mesh.ids import utc_now
from mesh.metrics import DATABASE_FAILURES
from mesh.storage.arrays import ADAPTERS
from mesh.storage.notifications import Notifications
from mesh.storage.rows import RowT, no_rows, row_factory
from mesh.storage.schema import NOW
from mesh.storage.silence import NoAnswerError, Watch

PATIENCE_SECONDS = 5.0
"""How long a connection is waited for, and then the answer to each statement: whoever is silent longer is given up."""
DISTRUST_SECONDS = 10.0
"""How often all connections are replaced at the most: a database that is only slow is not to be flooded by them."""
DRAIN_SECONDS = 1.0
"""How long who finds an ended connection waits for that, at the most."""

SPARE_SECONDS = 30.0
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
    constants: Mapping[str, Any]
    rows: AsyncRowFactory[RowT_co]


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
    rows = row_factory(row, dict(clause.exported_columns.items())) if row else no_rows
    return Statement(compiled.string.encode(), constants, rows)


def parameters_for(table: sa.Table, *names: str, prefix: str = "") -> dict[str, sa.BindParameter[Any]]:
    """Return a typed parameter for each named column, or for all; `prefix` sets them apart from other parameters."""
    chosen = names or [column.name for column in table.columns]
    return {name: sa.bindparam(prefix + name, type_=table.c[name].type) for name in chosen}


def rows_from_arrays(name: str, columns: Sequence[sa.Column[Any]], prefix: str = "") -> sa.TableValuedAlias:
    """Return a row source made from one array parameter a column: many rows for the price of one statement."""
    arrays = [sa.bindparam(prefix + c.name, type_=pg.ARRAY(c.type)) for c in columns]
    return (
        sa.func.unnest(*arrays).table_valued(*(sa.column(c.name, c.type) for c in columns), name=name).render_derived()
    )


_WHICH = """
SELECT one.oid::bigint, greatest(state.timeline_id, recovered.min_recovery_end_timeline)
FROM pg_database AS one, pg_control_checkpoint() AS state, pg_control_recovery() AS recovered
WHERE one.datname = current_database()"""
"""Until its first checkpoint a standby that was promoted shows its timeline by where its recovery ended only."""
_NOW = statement(sa.select(NOW.label("now")), datetime)


def connection_options(url: str) -> dict[str, int]:
    """Return how connections to a database notice that it is gone, but for what its URL says of that itself."""
    said = conninfo_to_dict(url)
    return {name: value for name, value in _CONNECTION.items() if name not in said}


_NOT_CARRIED_OUT = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected)
_WORDS = {
    "read_only": "the database cannot be written to",
    "full": "the database cannot be written to",
    "blocked": "the database could not carry this out in time",
    "no_answer": "the database gave no answer in time",
    "no_connection": "there was no connection to the database in time",
    "unreachable": "the database is out of reach",
}
"""What clients are told, by the reason in the metrics."""


def _reason(error: Exception) -> str:
    """Return why a session ended, as the metrics call it."""
    kinds: tuple[tuple[str, type[Exception] | tuple[type[Exception], ...]], ...] = (
        ("read_only", psycopg.errors.ReadOnlySqlTransaction),
        ("full", psycopg.errors.DiskFull),
        ("blocked", _NOT_CARRIED_OUT),
        ("no_answer", NoAnswerError),
        ("no_connection", PoolTimeout),
    )
    return next((reason for reason, kind in kinds if isinstance(error, kind)), "unreachable")


class Session:
    """One connection, inside or outside of a transaction. Every answer of the database is waited for so long only."""

    def __init__(self, connection: Connection, watch: Watch, patience: float) -> None:
        self._connection = connection
        self._watch = watch
        self._patience = patience
        self._depth = 0
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
        cursor = self._connection.cursor(row_factory=query.rows)
        with self._answer():
            await cursor.execute(query.text, {**query.constants, **parameters})
        return await cursor.fetchone()

    async def all(self, query: Statement[RowT], **parameters: Any) -> list[RowT]:
        """Run a statement and return all its rows."""
        cursor = self._connection.cursor(row_factory=query.rows)
        with self._answer():
            await cursor.execute(query.text, {**query.constants, **parameters})
        return await cursor.fetchall()

    async def run(self, query: Statement[Any], **parameters: Any) -> int:
        """Run a statement and return how many rows it touched."""
        with self._answer():
            cursor = await self._connection.execute(query.text, {**query.constants, **parameters})
        return cursor.rowcount

    async def ping(self) -> None:
        """Wait for an answer to nothing: neither a statement nor a transaction."""
        with self._answer():
            async with self._connection.pipeline():
                pass

    async def now(self) -> datetime:
        """Return the present by the database's clock, which leases, schedules and purges go by."""
        moment = await self.one(_NOW)
        assert moment
        return moment

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        """Run the block in a transaction, inside of another one in a savepoint; what raises undoes it."""
        transaction = self._connection.transaction()
        with self._answer():
            await transaction.__aenter__()
        kept = len(self._after_commit)
        self._depth += 1
        try:
            try:
                yield
            except BaseException as error:
                with self._answer():
                    await transaction.__aexit__(type(error), error, error.__traceback__)
                raise
            with self._answer():
                await transaction.__aexit__(None, None, None)
        except BaseException:
            del self._after_commit[kept:]
            raise
        finally:
            self._depth -= 1
        if not self._depth:
            done, self._after_commit = self._after_commit, []
            for tell in done:
                tell()

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
        self._which: TupleRow | None = None
        self._forgetful: list[Callable[[], None]] = []
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=max_size,
            max_idle=SPARE_SECONDS,
            open=False,
            # ten concurrent requests should not wait for ten connections to be made one after the other
            num_workers=3,
            # new attempts are made while somebody waits; the pauses between those of one connection double
            reconnect_timeout=PATIENCE_SECONDS,
            kwargs={**connection_options(url), "autocommit": True, "prepare_threshold": 1, "context": ADAPTERS},
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

        async def connect() -> Connection:
            url = make_conninfo(self._url, **connection_options(self._url))
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
            try:
                with self._watch.answer(connection, self._patience):
                    await connection.execute(f"LISTEN {channel}".encode())
            except BaseException:
                await connection.close()
                raise
            return connection

        async def ping(connection: Connection) -> None:
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
        lent: Connection | None = None
        try:
            async with self._pool.connection(min(patience, self._patience)) as lent:
                yield Session(lent, self._watch, patience)
        except (PoolTimeout, psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
            if isinstance(error, psycopg.errors.ProgramLimitExceeded):
                raise  # what was asked is too large for it, and will be again
            if lent and lent.closed:
                # before it is told, so that who tries again meets none of the others that ended with it
                self._distrust()
                if self._draining:
                    await asyncio.wait([self._draining], timeout=DRAIN_SECONDS)
            reason = _reason(error)
            DATABASE_FAILURES.labels(reason).inc()
            raise unavailable("DATABASE_UNAVAILABLE", f"{_WORDS[reason]}, try again") from error

    @asynccontextmanager
    async def transaction(self, patience: float | None = None) -> AsyncIterator[Session]:
        """Lend a connection for one transaction: committed at the end of the block, rolled back if it raises."""
        async with self.session(patience) as session, session.begin():
            yield session

    async def _look_which(self, connection: Connection) -> None:
        with self._watch.answer(connection, self._patience):
            which = await (await connection.execute(_WHICH)).fetchone()
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
