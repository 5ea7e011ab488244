"""A database that falls silent: nobody waits for it for long, and whoever comes after gets a connection that works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa

from mesh.errors import ApiError
from mesh.storage import database as storage
from mesh.storage.database import Database, statement
from tests.support.net.holding import HoldingProxy, holding
from tests.support.waiting import PATIENCE, come_true

ONE = statement(sa.select(sa.literal(1).label("one")), int)
SLEEP = statement(sa.select(sa.func.pg_sleep(sa.bindparam("seconds", type_=sa.Double))))
PROCESS = statement(sa.select(sa.func.pg_backend_pid(type_=sa.Integer).label("process")), int)
READ_ONLY = statement(sa.text("SET TRANSACTION READ ONLY"))
WRITE = statement(sa.text("CREATE TABLE never_there ()"))
UNWRITE = statement(sa.text("DROP TABLE never_there"))
SECONDS = 1.0
"""How long an answer is waited for here."""
BOUND = 10.0
"""Long before TCP would say anything of a connection whose other end acknowledges."""


@pytest.fixture
def proxy(database_url: str) -> Iterator[HoldingProxy]:
    """What is between the pool and its database."""
    with holding(database_url) as proxy:
        yield proxy


@asynccontextmanager
async def pool(url: str, size: int = 4, patience: float = SECONDS) -> AsyncIterator[Database]:
    """Open a pool, with a connection in it."""
    database = Database(url, size, patience)
    await database.open()
    try:
        await answered_at_last(database)
        yield database
    finally:
        await database.close()


async def answered(database: Database) -> None:
    """Have the database answer once."""
    async with database.session() as session:
        assert await session.one(ONE) == 1


async def answered_at_last(database: Database) -> None:
    """Have the database answer, though what was there before may be met first, or a loaded machine."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(ApiError):
                return await answered(database)


async def test_silent_connection_is_dropped_and_the_next_one_works(proxy: HoldingProxy) -> None:
    async with pool(proxy.url) as database:
        proxy.hold()
        begun = time.monotonic()
        with pytest.raises(ApiError) as refused:
            await answered(database)
        assert refused.value.reason == "DATABASE_UNAVAILABLE"
        assert SECONDS <= time.monotonic() - begun < BOUND
        await answered(database)


async def test_commit_that_is_not_answered_ends_as_well(proxy: HoldingProxy) -> None:
    async with pool(proxy.url) as database:
        begun = time.monotonic()

        async def held_before_its_commit() -> None:
            async with database.transaction() as session:
                await session.one(ONE)
                proxy.hold()

        with pytest.raises(ApiError) as refused:
            await held_before_its_commit()
        assert refused.value.reason == "DATABASE_UNAVAILABLE"
        assert time.monotonic() - begun < BOUND
        await answered(database)


async def test_silence_of_one_connection_makes_all_idle_ones_new(proxy: HoldingProxy) -> None:
    async with pool(proxy.url) as database:
        await _full(database)
        proxy.hold()
        with pytest.raises(ApiError):
            await answered(database)
        begun = time.monotonic()
        await asyncio.gather(*(answered(database) for _ in range(8)))
        assert time.monotonic() - begun < BOUND


async def test_restart_of_the_database_costs_one_request_however_many_connections_were_idle(database_url: str) -> None:
    async with pool(database_url, patience=PATIENCE) as database:
        await _full(database)
        name = urlsplit(database_url).path.lstrip("/")
        with psycopg.connect(database_url, autocommit=True) as admin:
            others = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
            # it waits for their end, so many milliseconds: until then they would answer
            end = f"SELECT pg_terminate_backend(pid, {1000 * PATIENCE:.0f}) {others}"
            ended = admin.execute(end.encode(), [name]).fetchall()
        assert ended == 4 * [(True,)]
        with pytest.raises(ApiError):
            await answered(database)
        for _ in range(8):
            await answered(database)


async def _full(database: Database) -> None:
    """Have as many connections as there may be: none is given back before all are lent."""
    all_lent = asyncio.Barrier(database.max_size)

    async def lent() -> None:
        while True:
            with suppress(ApiError):
                async with database.session() as session:
                    await session.one(ONE)
                    await all_lent.wait()
                    return

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        for _ in range(database.max_size):
            tasks.create_task(lent())


async def test_host_that_vanished_is_out_of_reach_at_once_and_back_as_soon_as_it_is(proxy: HoldingProxy) -> None:
    async with pool(proxy.url) as database:
        proxy.freeze()
        for _ in range(3):
            begun = time.monotonic()
            with pytest.raises(ApiError):
                await answered(database)
            assert time.monotonic() - begun < BOUND
        proxy.thaw()
        await answered_at_last(database)


async def test_caller_who_goes_away_during_the_silence_is_let_go(proxy: HoldingProxy) -> None:
    async with pool(proxy.url) as database:
        proxy.freeze()
        asked = asyncio.create_task(answered(database))
        await asyncio.sleep(0)
        asked.cancel()
        begun = time.monotonic()
        with pytest.raises((asyncio.CancelledError, ApiError)):
            await asked
        assert time.monotonic() - begun < BOUND


async def test_statement_may_take_as_long_as_its_session_says(database_url: str) -> None:
    async with pool(database_url) as database:
        async with database.session(patience=60) as session:
            await session.run(SLEEP, seconds=2 * SECONDS)
        with pytest.raises(ApiError):
            async with database.session() as session:
                await session.run(SLEEP, seconds=60.0)


async def test_statement_that_was_given_up_ends_in_the_database_as_well(database_url: str) -> None:
    """Those of a long list went on for half a minute each, without anybody's connection, until all were theirs."""
    async with pool(database_url, size=1) as database:
        # the pool has this one
        async with database.session() as session:
            process = await session.one(PROCESS)
        with pytest.raises(ApiError, match="no answer in time"):
            async with database.session() as session:
                await session.run(SLEEP, seconds=10 * PATIENCE)
    with psycopg.connect(database_url, autocommit=True) as other:
        is_there = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        await come_true(lambda: not other.execute(is_there, [process]).fetchone(), "the process's end")


async def test_time_between_statements_is_not_the_databases(database_url: str) -> None:
    async with pool(database_url) as database, database.transaction() as session:
        await session.one(ONE)
        await asyncio.sleep(2 * SECONDS)  # what is waited for is the end of its patience
        assert await session.one(ONE) == 1


async def test_database_that_takes_no_writes_is_out_of_reach(database_url: str) -> None:
    async with pool(database_url) as database:

        async def written() -> None:
            async with database.transaction() as session:
                await session.run(READ_ONLY)
                await session.run(WRITE)

        with pytest.raises(ApiError) as refused:
            await written()
        assert refused.value.reason == "DATABASE_UNAVAILABLE"


async def test_connections_to_a_primary_of_before_are_replaced(database_url: str) -> None:
    """They were made while the address led to what is a standby by now: good for reading, so nobody drops them."""
    name = urlsplit(database_url).path.lstrip("/")
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        async with pool(database_url, patience=PATIENCE) as database:
            await _full(database)
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
            with pytest.raises(ApiError):
                await _written(database)
            for _ in range(8):
                await _written(database)


async def _written(database: Database) -> None:
    async with database.transaction() as session:
        await session.run(WRITE)
        await session.run(UNWRITE)


async def test_what_is_told_of_a_lock_and_of_too_few_connections_is_true(database_url: str) -> None:
    async with pool(database_url, size=1) as database:

        async def run(*statements: str) -> None:
            async with database.transaction() as session:
                for one in statements:
                    await session.run(statement(sa.text(one)))

        async def told(*statements: str) -> str:
            with pytest.raises(ApiError) as refused:
                await run(*statements)
            return refused.value.message

        lock = "SELECT pg_advisory_xact_lock(71)"
        with psycopg.connect(database_url) as other:
            other.execute(lock.encode())
            assert "could not carry this out in time" in await told("SET LOCAL lock_timeout = '50ms'", lock)
            assert "gave no answer in time" in await told(lock)
        await answered_at_last(database)
        async with database.session():
            assert "no connection to the database in time" in await told("SELECT 1")


def test_connections_notice_a_host_that_is_gone() -> None:
    assert storage.connection_options("postgresql://u:p@host/name") == {
        "connect_timeout": 5,
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    assert "keepalives_idle" not in storage.connection_options("postgresql://u:p@host/name?keepalives_idle=60")
    assert psycopg.conninfo.make_conninfo("", **storage.connection_options("postgresql://host/name"))


async def test_database_in_anothers_place_is_told_before_it_is_used(database_url: str) -> None:
    """One is restored beside another, and takes its name."""
    server, _, name = database_url.rpartition("/")
    seen: list[str] = []
    async with pool(database_url) as database:
        database.when_another(lambda: seen.append("another"))
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:

            def run(text: str) -> None:
                admin.execute(text.encode())

            leave = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            run(leave)
            await answered_at_last(database)
            assert seen == [], "the same one is another for nobody"
            run(f"CREATE DATABASE {name}_draft")
            run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            run(leave)
            run(f"ALTER DATABASE {name} RENAME TO {name}_aside")
            run(f"ALTER DATABASE {name}_draft RENAME TO {name}")
            await answered_at_last(database)
            run(f"DROP DATABASE {name}_aside")
    assert seen == ["another"]
