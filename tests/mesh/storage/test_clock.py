"""Leases, schedules and purges go by the database's clock, whatever the process's own shows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from fusionx.order.v1 import order_pb2

from mesh.errors import ApiError
from mesh.events import inbox
from mesh.storage import idempotency
from mesh.storage.database import Database
from mesh.storage.idempotency import Claim
from mesh.worker import Worker
from tests.support.databases.clocks import move_clock

OFF = timedelta(seconds=20)
LEASE = timedelta(seconds=10)
Admin = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def admin(database_url: str) -> Iterator[Admin]:
    with psycopg.connect(database_url, autocommit=True) as admin:
        yield admin


@pytest.fixture(params=[OFF, -OFF], ids=["ahead", "behind"])
def process_clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """The process's clock is off."""
    with time_machine.travel(datetime.now(UTC) + request.param, tick=True):
        yield


def claim(key: str = "k") -> Claim:
    return Claim(uuid.uuid4(), "/m", key, b"f", render=lambda made: order_pb2.Order(order_id=str(made)))


def count(admin: Admin, table: str) -> int:
    row = admin.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row
    return int(row[0])


async def is_taken_over(database: Database, claimed: Claim) -> bool:
    async with database.session() as session:
        try:
            await idempotency.take_over(session, claimed, LEASE)
        except ApiError as error:
            if error.reason != "IDEMPOTENCY_KEY_IN_USE":
                raise
            return False
    return True


@pytest.mark.usefixtures("process_clock")
async def test_idempotency_lease_is_the_databases(database: Database, admin: Admin) -> None:
    """Case 20."""
    claimed, resource_id = claim(), uuid.uuid4()
    async with database.session() as session:
        assert await idempotency.begin(session, claimed, resource_id, LEASE)
    assert not await is_taken_over(database, claimed)
    move_clock(admin, LEASE - timedelta(seconds=2))
    assert not await is_taken_over(database, claimed)
    move_clock(admin, LEASE + timedelta(seconds=1))
    assert await is_taken_over(database, claimed)
    assert not await is_taken_over(database, claimed)
    async with database.session() as session:
        await idempotency.hand_over(session, claimed, resource_id)
    assert await is_taken_over(database, claimed)


async def test_key_that_stands_for_another_resource_by_now_is_not_let_go(database: Database, admin: Admin) -> None:
    claimed, first, second = claim(), uuid.uuid4(), uuid.uuid4()
    async with database.session() as session:
        await idempotency.begin(session, claimed, first, LEASE)
        await idempotency.release(session, claimed, first)
        await idempotency.begin(session, claimed, second, LEASE)
        await idempotency.hand_over(session, claimed, first)
        await idempotency.release(session, claimed, first)
        record = await idempotency.find(session, claimed)
    assert record
    assert record.resource_id == second
    assert not await is_taken_over(database, claimed)


async def test_answer_is_not_overwritten_by_a_run_that_was_taken_over(database: Database, admin: Admin) -> None:
    """Case 18."""
    claimed, resource_id = claim(), uuid.uuid4()
    async with database.session() as session:
        await idempotency.begin(session, claimed, resource_id, LEASE)
    move_clock(admin, LEASE + timedelta(seconds=1))
    assert await is_taken_over(database, claimed)
    async with database.session() as session:
        await idempotency.answer(session, claimed, resource_id, "of the second run")
        await idempotency.answer(session, claimed, resource_id, "of the first run, which was slow")
        # nor is it freed by a run that was refused in the end
        await idempotency.release(session, claimed, resource_id)
        record = await idempotency.find(session, claimed)
    assert record
    assert order_pb2.Order.FromString(record.response or b"").order_id == "of the second run"
    assert not await is_taken_over(database, claimed)


async def ran(worker: Worker, admin: Admin, table: str, left: int) -> None:
    """Have a janitor do all that it finds to do; so many rows are left."""
    while await worker._step():
        pass
    assert count(admin, table) == left


@pytest.mark.usefixtures("process_clock")
async def test_idempotency_keys_are_purged_after_a_day_of_the_databases(database: Database, admin: Admin) -> None:
    async with database.session() as session:
        await idempotency.store(session, claim("old"), uuid.uuid4(), b"")
        move_clock(admin, timedelta(hours=24) - timedelta(seconds=5))
        await idempotency.store(session, claim("young"), uuid.uuid4(), b"")
    await ran(idempotency.janitor(database), admin, "idempotency_keys", 2)
    move_clock(admin, timedelta(hours=24, seconds=1))
    await ran(idempotency.janitor(database), admin, "idempotency_keys", 1)
    assert admin.execute("SELECT key FROM idempotency_keys").fetchall() == [("young",)]


@pytest.mark.usefixtures("process_clock")
async def test_inbox_is_purged_after_fifteen_days_of_the_databases(database: Database, admin: Admin) -> None:
    # more than go in one statement
    admin.execute("INSERT INTO inbox SELECT 'c', gen_random_uuid() FROM generate_series(1, 2500)")
    move_clock(admin, timedelta(days=15) - timedelta(seconds=5))
    await ran(inbox.janitor(database, "c"), admin, "inbox", 2500)
    move_clock(admin, timedelta(days=15, seconds=5))
    await ran(inbox.janitor(database, "c"), admin, "inbox", 0)


@pytest.mark.usefixtures("process_clock")
async def test_process_shows_the_databases_time_once_it_has_learned_it(database: Database) -> None:
    async with database.session() as session:
        database.learn(await session.now())
        truth = await session.now()
    assert abs(database.clock() - truth) < timedelta(seconds=5)


@pytest.mark.usefixtures("process_clock")
async def test_clock_of_the_database_is_known_with_the_first_connection(database_url: str, admin: Admin) -> None:
    """Nothing is decided by the process's own before."""
    database = Database(database_url, 1)
    await database.open()
    async with database.session():
        pass
    row = admin.execute("SELECT clock_timestamp()").fetchone()
    assert row
    assert abs(database.clock() - row[0]) < OFF / 2
    await database.close()
