"""What a look for due deliveries costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from mesh.storage.database import Database, statement
from notify_svc.domain.endpoint import Kind
from notify_svc.storage.deliveries import DeliveryRepository, Room
from tests.support.slow import short_of

FLUSH = statement(sa.text("SELECT pg_stat_force_next_flush()"))
CLAIMS = 5
LEASE = timedelta(seconds=20)

ENDPOINTS = """
INSERT INTO webhook_endpoints (endpoint_id, merchant_id, kind, url, secret, create_time, event_types, description,
    enabled, disable_reason, update_time)
SELECT endpoint(n), gen_random_uuid(), 'WEBHOOK', 'https://a.example', '\\x00', now(), '{*}', '', true, '', now()
FROM generate_series(1, 2) AS n
"""
NAMES = """
CREATE FUNCTION endpoint(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$
"""
# three versions of each order, as they come: the later ones wait for the first attempt of the one before
EVENTS = """
INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id,
    create_time)
SELECT gen_random_uuid(), gen_random_uuid(), 'order.created', md5((n / 3)::text)::uuid, n %% 3 + 1, '', '\\x00', '',
    now()
FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""
# nearly all at the first endpoint
DELIVERIES = """
INSERT INTO deliveries (delivery_id, endpoint_id, event_id, aggregate_id, aggregate_version, status, attempts,
    next_attempt_time, attempts_before)
SELECT gen_random_uuid(), endpoint(CASE WHEN position %% 1000 < 30 THEN 2 ELSE 1 END),
    event_id, aggregate_id, aggregate_version, 'PENDING', 0,
    db_now() - interval '1 hour' + position * interval '1 ms', 0
FROM events WHERE position >= %(first)s
"""
BLOCKS = """
SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)) FROM pg_statio_user_tables
"""


class _UndoneError(Exception):
    """What undoes a claim."""


Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.mark.parametrize("backlog", short_of([20_000, 100_000], 20_000))
async def test_claim_costs_the_same_however_long_the_backlog_is(backlog: int, notify_url: str) -> None:
    """Case 26. As a statement that is prepared once, and planned for any parameters."""
    async with pool(notify_url) as database:
        few, many = await _costs(database, notify_url, backlog)
    assert many < 3 * few, (few, many)


@asynccontextmanager
async def pool(url: str) -> AsyncIterator[Database]:
    """Open a pool of one connection, whose statistics are those of all that runs by it."""
    database = Database(f"{url}?options=-c%20plan_cache_mode%3Dforce_generic_plan", 1)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def _costs(database: Database, notify_url: str, backlog: int) -> tuple[float, float]:
    """Return what a claim costs with a short backlog, and with a long one."""
    with psycopg.connect(notify_url, autocommit=True) as admin:
        admin.execute(NAMES)
        admin.execute(ENDPOINTS)
        _fill(admin, 1, 1_000)
        few = await _cost(database, admin)
        _fill(admin, 1_001, backlog)
        many = await _cost(database, admin)
    return few, many


def _fill(admin: psycopg.Connection, first: int, last: int) -> None:
    admin.execute(EVENTS, {"first": first, "last": last})
    admin.execute(DELIVERIES, {"first": first})
    admin.execute("VACUUM ANALYZE")


async def _cost(database: Database, admin: Connection) -> float:
    """Return how many blocks one claim reads, of which nothing remains."""
    for _ in range(6):
        # prepared, and planned as it goes on to be
        await _claim(database)
    before = await _read(database, admin)
    for _ in range(CLAIMS):
        await _claim(database)
    return (await _read(database, admin) - before) / CLAIMS


async def _claim(database: Database) -> None:
    with suppress(_UndoneError):
        async with database.transaction() as session:
            found = await DeliveryRepository().claim_due(
                session, LEASE, [Kind.WEBHOOK], Room(20, 8, 2, {}, 20, {}), apart=False
            )
            assert len(found) > 2
            raise _UndoneError


async def _read(database: Database, admin: Connection) -> float:
    async with database.session() as session:
        await session.run(FLUSH)
    row = admin.execute(BLOCKS).fetchone()
    assert row
    return float(row[0])
