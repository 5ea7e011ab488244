"""The place of an event in the log: whoever has seen one has seen all before it, whatever inserts them."""

from __future__ import annotations

import threading
import uuid

import psycopg

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

# as the version before positions does
INSERT = """
INSERT INTO events
  (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id, create_time)
VALUES (%s, %s, 'order.created', %s, 1, '', '', '', now()) ON CONFLICT DO NOTHING
"""
PLACES = "SELECT event_id, position FROM events WHERE merchant_id = %s ORDER BY position"
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = %s"

DELIVER = """
INSERT INTO deliveries
  (delivery_id, endpoint_id, event_id, aggregate_id, aggregate_version, status, attempts, attempts_before)
VALUES (gen_random_uuid(), %(endpoint)s, %(event)s, %(event)s, 1, 'CANCELLED', 0, 0)
"""
PING_WAITS = """
SELECT pid FROM pg_locks AS turn JOIN pg_locks AS endpoint USING (pid)
 WHERE turn.locktype = 'advisory' AND NOT turn.granted
   AND endpoint.relation = 'webhook_endpoints'::regclass AND endpoint.mode = 'RowShareLock'
"""


def test_positions_become_visible_in_their_order(gateway: Ready) -> None:
    url, merchant_id = gateway.database_urls["notify"], uuid.uuid4()
    first, second = uuid.uuid4(), uuid.uuid4()
    with psycopg.connect(url) as slow, psycopg.connect(url) as quick, psycopg.connect(url, autocommit=True) as reader:

        def insert_second() -> None:
            quick.execute(INSERT, [second, merchant_id, second])
            quick.commit()

        slow.execute(INSERT, [first, merchant_id, first])
        thread = threading.Thread(target=insert_second)
        thread.start()
        pid = quick.info.backend_pid
        eventually(lambda: reader.execute(WAITING, [pid]).fetchone(), "the second to wait for the first")
        assert reader.execute(PLACES, [merchant_id]).fetchall() == []
        slow.commit()
        thread.join()
        places = reader.execute(PLACES, [merchant_id]).fetchall()
        reader.execute("DELETE FROM events WHERE merchant_id = %s", [merchant_id])
    assert [event_id for event_id, _ in places] == [first, second]


def test_ping_that_waits_for_its_turn_lets_others_deliver_to_its_endpoint(gateway: Ready, merchant: Merchant) -> None:
    """Two that wait for each other would be a deadlock: a batch of events, and a ping of one of their endpoints."""
    url, event = gateway.database_urls["notify"], uuid.uuid4()
    path = "/v1/webhook_endpoints"
    endpoint = merchant.post(path, {"url": "http://127.0.0.1:9/never"})["webhook_endpoint_id"]
    with psycopg.connect(url) as batch, psycopg.connect(url, autocommit=True) as reader:
        batch.execute("SET lock_timeout = '10s'")
        batch.execute(INSERT, [event, merchant.tenant_id, event])
        ping = threading.Thread(target=merchant.post, args=(f"{path}/{endpoint}/ping", {}))
        ping.start()
        eventually(lambda: reader.execute(PING_WAITS).fetchone(), "the ping to wait")
        batch.execute(DELIVER, {"endpoint": endpoint, "event": event})
        batch.commit()
        ping.join()
        (pings,) = reader.execute(
            "SELECT count(*) FROM events WHERE type = 'ping' AND merchant_id = %s", [merchant.tenant_id]
        ).fetchone() or (0,)
        # what nobody could read as an event must not be left behind
        reader.execute("DELETE FROM deliveries WHERE event_id = %s", [event])
        reader.execute("DELETE FROM events WHERE event_id = %s", [event])
    assert pings == 1
