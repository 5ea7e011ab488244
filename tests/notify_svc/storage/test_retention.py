"""Merchants' events go after their time, with deliveries and attempts, unless they are still to be delivered."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from mesh.storage.database import Database
from notify_svc.storage.retention import BATCH, DELETE_ENDPOINTS, DELETE_EVENTS
from notify_svc.tables import metadata
from stack.stack import Ready
from tests.support.databases.lent import lent_database

FILL = """
INSERT INTO webhook_endpoints (endpoint_id, merchant_id, url, secret, create_time, event_types, description, enabled,
  disable_reason, update_time) VALUES (%(to)s, %(to)s, 'u', '\\x00', now(), '{}', '', true, '', now());
INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id,
  create_time) SELECT gen_random_uuid(), %(to)s, t, gen_random_uuid(), 1, '', '', '', now() - make_interval(days => d)
  FROM (VALUES ('old', 91), ('due', 91), ('young', 89)) AS made (t, d);
INSERT INTO deliveries (delivery_id, endpoint_id, event_id, aggregate_id, aggregate_version, status, attempts,
  attempts_before, next_attempt_time) SELECT gen_random_uuid(), %(to)s, event_id, aggregate_id, 1,
  CASE type WHEN 'due' THEN 'PENDING' ELSE 'DELIVERED' END, 1, 0, CASE type WHEN 'due' THEN now() END FROM events;
INSERT INTO delivery_attempts SELECT delivery_id, 1, now(), 200, 1, '' FROM deliveries"""

MORE_DUE = """
WITH made AS (
  INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id,
    create_time) SELECT gen_random_uuid(), merchant_id, type, gen_random_uuid(), 1, '', '', '', create_time
  FROM events, generate_series(1, %s) WHERE type = 'due' RETURNING event_id, aggregate_id)
INSERT INTO deliveries (delivery_id, endpoint_id, event_id, aggregate_id, aggregate_version, status, attempts,
  attempts_before, next_attempt_time) SELECT gen_random_uuid(), endpoint_id, made.event_id, made.aggregate_id, 1,
  'PENDING', 1, 0, now() FROM made, webhook_endpoints"""
OLD = """
INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id,
  create_time) SELECT gen_random_uuid(), merchant_id, 'old', gen_random_uuid(), 1, '', '', '', create_time
FROM events WHERE type = 'due' LIMIT 1"""

DELETED = "UPDATE webhook_endpoints SET enabled = false, disable_reason = 'MERCHANT', delete_time = now()"


@pytest.fixture
def url(gateway: Ready) -> Iterator[str]:
    with lent_database(gateway, "retention", metadata) as url:
        yield url


async def test_old_events_go_with_all_that_belongs_to_them(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        for part in FILL.split(";"):
            admin.execute(part.encode(), {"to": uuid.uuid4()} if "VALUES (%(to)s" in part else _endpoint(admin))
        database = Database(url, 2)
        await database.open()
        async with database.session() as session:
            deleted = await session.run(DELETE_EVENTS, period=timedelta(days=90))
        await database.close()
        assert deleted == 1
        left = admin.execute("SELECT type FROM events ORDER BY type").fetchall()
        assert left == [("due",), ("young",)]
        for table in ("deliveries", "delivery_attempts"):
            assert admin.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (2,)


async def test_events_that_are_sent_again_keep_no_others(url: str) -> None:
    """There are as many of them as go at once, and they are the oldest."""
    with psycopg.connect(url, autocommit=True) as admin:
        for part in FILL.replace("('old', 91), ", "").split(";"):
            admin.execute(part.encode(), {"to": uuid.uuid4()} if "VALUES (%(to)s" in part else _endpoint(admin))
        admin.execute(MORE_DUE, [BATCH])
        admin.execute(OLD)
        database = Database(url, 2)
        await database.open()
        async with database.session() as session:
            deleted = await session.run(DELETE_EVENTS, period=timedelta(days=90))
        await database.close()
        assert deleted == 1
        left = admin.execute("SELECT type, count(*) FROM events GROUP BY type ORDER BY type").fetchall()
        assert left == [("due", 1 + BATCH), ("young", 1)]


async def test_endpoint_that_was_deleted_goes_once_nothing_refers_to_it(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        for part in FILL.split(";"):
            admin.execute(part.encode(), {"to": uuid.uuid4()} if "VALUES (%(to)s" in part else _endpoint(admin))
        database, period = Database(url, 2), timedelta(days=90)
        await database.open()
        deleted = []
        async with database.session() as session:
            deleted.append(await session.run(DELETE_ENDPOINTS, period=period))
            admin.execute(DELETED + " - interval '91 days'")
            deleted.append(await session.run(DELETE_ENDPOINTS, period=period))
            admin.execute("DELETE FROM delivery_attempts")
            admin.execute("DELETE FROM deliveries")
            admin.execute(DELETED)
            deleted.append(await session.run(DELETE_ENDPOINTS, period=period))
            admin.execute(DELETED + " - interval '91 days'")
            deleted.append(await session.run(DELETE_ENDPOINTS, period=period))
        await database.close()
        assert deleted == [0, 0, 0, 1]


def _endpoint(admin: psycopg.Connection[tuple[object, ...]]) -> dict[str, object]:
    row = admin.execute("SELECT endpoint_id FROM webhook_endpoints").fetchone()
    assert row
    return {"to": row[0]}
