"""A page of an endpoint's deliveries costs the same however many there are, whatever outcomes are asked for."""

from __future__ import annotations

import json
import uuid
from itertools import combinations
from typing import Any

import psycopg

from mesh.storage.database import Database
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.storage.delivery_pages import MOST_OF_EVENT, of_event, page_of, span_of_ids
from notify_svc.tables import metadata
from stack.stack import Ready
from tests.support.databases.lent import lent_database

PAGE = 20
ENDPOINT = """
INSERT INTO webhook_endpoints (endpoint_id, merchant_id, url, secret, create_time, event_types, description, enabled,
  disable_reason, update_time) VALUES (%(to)s, %(to)s, 'u', '\\x00', now(), '{}', '', true, '', now())"""
FILL = """
WITH made AS (INSERT INTO events (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload,
  trace_id, create_time)
  SELECT (lpad(to_hex(n), 12, '0') || left(md5(random()::text), 20))::uuid, %(to)s, 't', gen_random_uuid(), 1, '', '',
  '', now() FROM generate_series(1, %(count)s) n RETURNING event_id, aggregate_id)
INSERT INTO deliveries (delivery_id, endpoint_id, event_id, aggregate_id, aggregate_version, status, attempts,
  attempts_before) SELECT gen_random_uuid(), %(to)s, event_id, aggregate_id, 1,
  (%(statuses)s::text[])[1 + row_number() OVER () %% cardinality(%(statuses)s::text[])], 1, 0 FROM made"""

ENDPOINTS = """
INSERT INTO webhook_endpoints (endpoint_id, merchant_id, url, secret, create_time, event_types, description, enabled,
  disable_reason, update_time) SELECT lpad(to_hex(n), 32, '0')::uuid, merchant_id, url, secret, create_time,
  event_types, description, enabled, disable_reason, update_time FROM webhook_endpoints, generate_series(1, %s) n"""
THEIRS = """
WITH old AS (DELETE FROM deliveries RETURNING *), made AS (
  INSERT INTO deliveries (delivery_id, endpoint_id, event_id, aggregate_id, aggregate_version, status, attempts,
    attempts_before) SELECT e.endpoint_id, e.endpoint_id, event_id, aggregate_id, 1, 'FAILED', 1, 0
  FROM old, webhook_endpoints e WHERE e.endpoint_id::text LIKE '00000000-%' RETURNING delivery_id)
INSERT INTO delivery_attempts SELECT delivery_id, 1, now(), 500, 1, '' FROM made"""
"""Each of the endpoints has one delivery of the event, whose id is the endpoint's."""


def endpoint(connection: psycopg.Connection, statuses: list[str], count: int) -> uuid.UUID:
    """Return an endpoint with so many deliveries, of each status as many."""
    to = uuid.uuid4()
    connection.execute(ENDPOINT, {"to": to})
    connection.execute(FILL, {"to": to, "count": count, "statuses": statuses})
    return to


def rows_read(connection: psycopg.Connection, to: uuid.UUID, *statuses: str, one: bool = True) -> float:
    """Return how many rows a page reads, of whatever table or index."""
    last = uuid.UUID(int=2**128 - 1)
    given: dict[str, Any] = {"after": last, "after_endpoint": last} | ({"endpoint_id": to} if one else {})
    query = page_of(frozenset(map(DeliveryStatus, statuses)), frozenset(given), False)
    given |= {"merchant_id": to, "kinds": ["WEBHOOK"], "limit": PAGE, **query.constants}
    given |= span_of_ids(given, oldest_first=False)
    (plan,) = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + query.text, given).fetchone() or ((),)
    found = plan if isinstance(plan, list) else json.loads(plan)

    def read(node: dict[str, Any]) -> float:
        own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        return (own if "Scan" in node["Node Type"] else 0) + sum(read(one) for one in node.get("Plans", []))

    return read(found[0]["Plan"])


def test_a_page_reads_no_more_than_it_shows(notify_url: str) -> None:
    with psycopg.connect(notify_url, autocommit=True) as connection:
        done = endpoint(connection, ["DELIVERED"], 4_000)
        mixed = endpoint(connection, ["PENDING", "FAILED", "CANCELLED", "DELIVERED"], 4_000)
        connection.execute("VACUUM ANALYZE")
        for count in (1, 2, 3):
            for asked in combinations(("PENDING", "FAILED", "CANCELLED"), count):
                # a page of each status, and with each delivery of the page its endpoint, event and attempts
                assert rows_read(connection, mixed, *asked) <= 10 * PAGE, asked
                assert rows_read(connection, mixed, *asked, one=False) <= 10 * PAGE, asked
                # the endpoint itself, for each status
                assert rows_read(connection, done, *asked) <= 2 * len(asked), asked
        assert rows_read(connection, mixed, "DELIVERED", "FAILED") <= 10 * PAGE
        assert rows_read(connection, mixed) <= 10 * PAGE


async def test_of_an_event_the_newest_deliveries_are_read(gateway: Ready) -> None:
    """Whoever made endpoints and deleted them had one sent to thousands: each look at it read all, for seconds."""
    event_id, count = uuid.uuid4(), 3 * MOST_OF_EVENT
    with lent_database(gateway, "delivery_pages", metadata) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            endpoint(connection, ["FAILED"], 1)
            connection.execute("SET session_replication_role = replica")
            connection.execute("UPDATE events SET event_id = %s", [event_id])
            connection.execute("UPDATE deliveries SET event_id = %s", [event_id])
            connection.execute(ENDPOINTS.encode(), [count])
            connection.execute(THEIRS.encode())
        database = Database(url, 1)
        await database.open()
        try:
            async with database.session() as session:
                found = await of_event(session, event_id)
        finally:
            await database.close()
    assert [one.delivery_id for one in found] == [uuid.UUID(int=n) for n in range(count - MOST_OF_EVENT + 1, count + 1)]
    assert all(len(one.attempts) == 1 for one in found)


def test_a_page_of_an_endpoint_that_has_none_reads_none_of_others(gateway: Ready) -> None:
    """Where nearly all deliveries are of one endpoint, another's page walked along all of them."""
    with lent_database(gateway, "delivery_pages", metadata) as url, psycopg.connect(url, autocommit=True) as connection:
        endpoint(connection, ["DELIVERED"], 20_000)
        empty = endpoint(connection, ["DELIVERED"], 0)
        connection.execute("VACUUM ANALYZE")
        for asked in ((), ("DELIVERED",)):
            assert rows_read(connection, empty, *asked) <= 2, asked
            assert rows_read(connection, empty, *asked, one=False) <= 2, asked
