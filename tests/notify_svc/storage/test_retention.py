"""Merchants' events go after their time, with deliveries and attempts, unless they are still to be delivered."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from mesh.storage.database import Database
from notify_svc.storage.retention import DELETE_EVENTS
from notify_svc.tables import metadata
from stack.stack import Ready
from tests.support.databases import lent_database

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
            assert await session.run(DELETE_EVENTS, period=timedelta(days=90)) == 1
        await database.close()
        left = admin.execute("SELECT type FROM events ORDER BY type").fetchall()
        assert left == [("due",), ("young",)]
        for table in ("deliveries", "delivery_attempts"):
            assert admin.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (2,)


def _endpoint(admin: psycopg.Connection[tuple[object, ...]]) -> dict[str, object]:
    row = admin.execute("SELECT endpoint_id FROM webhook_endpoints").fetchone()
    assert row
    return {"to": row[0]}
