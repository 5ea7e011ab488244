"""The services' databases on a real PostgreSQL, with a clock that the simulation sets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.rows import namedtuple_row

import order_svc
import payment_svc
from mesh.errors import unavailable
from mesh.storage.database import PATIENCE_SECONDS, Database, Session
from mesh.storage.migrate import upgrade
from mesh.storage.wire import Asked, Wire
from stack.databases import database_url
from tests.support.databases.virtual_loop import Turnstile

PACKAGES = {"orders": order_svc, "payments": payment_svc}
KEPT = "TEST_SIMULATION"
"""In the environment: the name of databases that outlive the tests, of which one process at a time runs some."""
OPTIONS = "-c synchronous_commit=off -c deadlock_timeout=20ms"
CLOCK = """
CREATE UNLOGGED TABLE simulated_clock (now timestamptz NOT NULL);
INSERT INTO simulated_clock VALUES ('2026-01-01Z');
CREATE OR REPLACE FUNCTION db_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT now FROM simulated_clock';
"""


class Host(Protocol):
    """The process that uses a database."""

    async def step(self) -> None:
        """Go on with the next statement, later while the process is frozen. Raises when the process is dead."""
        ...

    def is_cut_off(self) -> bool:
        """Whether the database is out of its reach now."""
        ...

    def loses_answer(self) -> bool:
        """Whether the answer to a commit is lost."""
        ...


class Store:
    """One service's database: its connections, its clock, and a connection to look at it from outside."""

    def __init__(self, url: str, turnstile: Turnstile) -> None:
        self.url = url
        self.turnstile = turnstile
        # without a threshold psycopg prepares nothing, and so has no reason to have what the clock prepared forgotten
        self.look = psycopg.connect(
            url, autocommit=True, options=OPTIONS, row_factory=namedtuple_row, prepare_threshold=None
        )
        self.is_touched = True
        """Whether something may have changed since this was set to False."""
        self.statements = self.transactions = 0
        """How many were sent, and how many of them began a transaction."""
        self._clock: datetime | None = None
        self._prepare_clock()
        self._spare: list[Wire] = []
        names = self.look.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('alembic_version', 'simulated_clock')"
        ).fetchall()
        self._tables = [name for (name,) in names]

    def rows(self, query: str) -> list[Any]:
        """Return rows as they are now, by a connection of nobody's."""
        found: list[Any] = self.look.execute(query.encode()).fetchall()
        return found

    def count(self, query: str) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(query)[0][0])

    def clear(self) -> None:
        """Delete every row."""
        self.is_touched = True
        with self.look.transaction():
            self.look.execute("SET LOCAL session_replication_role = replica")
            for name in self._tables:
                self.look.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))

    def save(self) -> None:
        """Keep a copy of every row, for `put_back`."""
        for name in self._tables:
            table, copy = sql.Identifier(name), sql.Identifier(f"saved_{name}")
            self.look.execute(sql.SQL("CREATE TEMPORARY TABLE {} AS TABLE {}").format(copy, table))

    def put_back(self) -> None:
        """Have the rows of the copy, and no others, as after a restore of this database.

        Raises psycopg's LockNotAvailable while somebody is about to write: time stands still here.
        """
        with self.look.transaction():
            self.look.execute("SET LOCAL lock_timeout = '100ms'")
            self.look.execute("SET LOCAL session_replication_role = replica")
            for name in self._tables:
                table, copy = sql.Identifier(name), sql.Identifier(f"saved_{name}")
                self.look.execute(sql.SQL("DELETE FROM {}").format(table))
                self.look.execute(sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE TABLE {}").format(table, copy))
                self.look.execute(sql.SQL("DROP TABLE {}").format(copy))

    def _prepare_clock(self) -> None:
        """Prepare what each statement of a schedule is preceded by: a cursor would cost more than it does."""
        self.look.pgconn.prepare(b"clock", b"UPDATE simulated_clock SET now = $1::timestamptz")

    def set_clock(self, now: datetime) -> None:
        """Say what `db_now()` returns."""
        if now != self._clock:
            done = self.look.pgconn.exec_prepared(b"clock", [now.isoformat().encode()])
            assert done.status == ExecStatus.COMMAND_OK, done.error_message
            self._clock = now

    async def connect(self, number: int) -> None:
        """Make connections beforehand: that one has to be made first would change the order of things."""
        made = [await self.borrow() for _ in range(number)]
        self._spare.extend(made)

    async def borrow(self) -> Wire:
        """Return a connection that nobody else uses."""
        if self._spare:
            return self._spare.pop()
        return await self.turnstile.run(
            0,
            lambda: Wire.connect(self.url, autocommit=True, options=OPTIONS),
        )

    def give_back(self, connection: Wire) -> None:
        """Take a connection back."""
        self._spare.append(connection)

    async def wal_bytes(self) -> int:
        """Return what the connections that nobody uses have written into the log of the server."""
        for connection in self._spare:
            for query in (b"SELECT pg_stat_force_next_flush()", b"SELECT 1"):
                await self.turnstile.run(connection.info.backend_pid, partial(connection.execute, query))
        pids = [connection.info.backend_pid for connection in self._spare]
        wal = "SELECT sum(wal_bytes) FROM unnest(%s::int[]) AS pid, pg_stat_get_backend_wal(pid)"
        row = self.look.execute(wal, [pids]).fetchone()
        return int(row[0]) if row else 0

    def waiting(self, pids: set[int]) -> set[int]:
        """Return which of these connections wait for a lock."""
        rows = self.look.execute(
            "SELECT pid FROM unnest(%s::int[]) AS pid WHERE cardinality(pg_blocking_pids(pid)) > 0", [list(pids)]
        ).fetchall()
        return {pid for (pid,) in rows}


class SimulatedDatabase(Database):
    """A process's way to its database. Whatever the process suffers, each statement happens or does not."""

    def __init__(self, store: Store, host: Host, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._host = host
        self._true_time = clock
        # its database is never another one
        self._forgetful = []

    def clock(self) -> datetime:
        """Return the present by the database's clock, which is the true time."""
        return self._true_time()

    async def open(self) -> None:
        """Do nothing: connections are made as they are needed."""

    async def close(self) -> None:
        """Do nothing: connections outlive a schedule."""

    @asynccontextmanager
    async def session(self, patience: float | None = None) -> AsyncIterator[Session]:
        """Lend a connection in autocommit mode."""
        await self._host.step()
        if self._host.is_cut_off():
            await asyncio.sleep(PATIENCE_SECONDS if patience is None else patience)
            raise unavailable("DATABASE_UNAVAILABLE", "the database is out of reach, try again")
        real = await self._store.borrow()
        connection = _Connection(real, self)
        try:
            yield Session(cast(Any, connection), cast(Any, _Unwatched()), PATIENCE_SECONDS)
        except psycopg.OperationalError as error:
            raise unavailable("DATABASE_UNAVAILABLE", "the database is out of reach, try again") from error
        finally:
            if connection.is_open:
                await connection.roll_back()
            self._store.give_back(real)

    async def send(self, connection: Wire, work: Callable[[], Any]) -> Any:
        """Carry out a statement in the life of the process: what it has sent happens, though it may die of waiting."""
        await self._host.step()
        if self._host.is_cut_off():
            raise psycopg.OperationalError("the connection was lost")
        done = await self.at_once(connection, work)
        await self._host.step()
        return done

    async def at_once(self, connection: Wire, work: Callable[[], Any]) -> Any:
        """Carry out a statement whatever becomes of the process."""
        self._store.is_touched = True
        self._store.statements += 1
        self._store.transactions += connection.info.transaction_status == TransactionStatus.IDLE

        async def sent() -> Any:
            self._store.set_clock(self._true_time())
            return await work()

        return await self._store.turnstile.run(connection.info.backend_pid, sent)

    def loses_answer(self) -> bool:
        """Whether the answer to a commit is lost."""
        return self._host.loses_answer()


class _Unwatched:
    """Real time stands still here: no answer is late."""

    def answer(self, connection: object, patience: float) -> AbstractContextManager[None]:
        return nullcontext()


class _Connection:
    """A connection whose statements take their turn, each by itself: what goes together may be cut off anywhere."""

    closed = False

    def __init__(self, real: Wire, database: SimulatedDatabase) -> None:
        self._real = real
        self._database = database
        self.is_open = False

    async def ask(self, group: Sequence[Asked[Any]]) -> None:
        for one in group:
            await self._ask(one)

    async def _ask(self, asked: Asked[Any]) -> None:
        if asked.text == b"ROLLBACK":
            return await self.roll_back()
        await self._database.send(self._real, lambda: self._real.ask([asked]))
        self.is_open = (self.is_open or asked.text == b"BEGIN") and asked.text != b"COMMIT"
        if asked.text == b"COMMIT" and self._database.loses_answer():
            raise psycopg.OperationalError("the answer to COMMIT was lost")
        return None

    async def roll_back(self) -> None:
        """Undo what is open, as the server does when the process is gone."""
        self.is_open = False
        await self._database.at_once(self._real, lambda: self._real.execute(b"ROLLBACK"))


def lifetime(fixture_name: str, config: object) -> Literal["session", "module"]:
    """How long tests keep databases: for a module, as they have many connections, unless nobody else has any."""
    return "session" if KEPT in os.environ else "module"


@contextmanager
def stores(server: str, name: str, turnstile: Turnstile, *, keeps: bool = False) -> Iterator[dict[str, Store]]:
    """Make databases for a simulation, migrated and with its clock; gone after the block unless it keeps them."""
    made: dict[str, Store] = {}
    with psycopg.connect(database_url(server, "postgres"), autocommit=True) as admin:
        for key in PACKAGES:
            database = f"simulation_{name}_{key}"
            if not (keeps and admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()):
                pattern = _pattern(admin, server, key)
                _drop(admin, database)
                copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                admin.execute(copy.format(sql.Identifier(database), sql.Identifier(pattern)))
            made[key] = Store(database_url(server, database), turnstile)
        turnstile.who_waits = next(iter(made.values())).waiting
        try:
            yield made
        finally:
            for key, store in made.items():
                store.look.close()
                if not keeps:
                    _drop(admin, f"simulation_{name}_{key}")


def _drop(admin: psycopg.Connection[Any], database: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _pattern(admin: psycopg.Connection[Any], server: str, key: str) -> str:
    """Return the name of a migrated database that others are copies of; whoever is first makes it, once a server."""
    name = f"simulation_pattern_{key}"
    admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
    try:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [name]).fetchone():
            _drop(admin, name)
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            url = database_url(server, name)
            upgrade(Path(str(PACKAGES[key].__file__)).parent / "migrations", url)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(CLOCK)
            admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(name)))
    finally:
        admin.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
    return name
