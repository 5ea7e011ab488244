"""The place of an event in the log: whoever has seen one has seen all before it, whatever inserts them."""

from __future__ import annotations

import threading
import uuid

import psycopg

from cli.stack import Ready
from tests.support.waiting import eventually

# as the version before positions does
INSERT = """
INSERT INTO events
  (event_id, merchant_id, type, aggregate_id, aggregate_version, order_id, payload, trace_id, create_time)
VALUES (%s, %s, 'order.created', %s, 1, '', '', '', now()) ON CONFLICT DO NOTHING
"""
PLACES = "SELECT event_id, position FROM events WHERE merchant_id = %s ORDER BY position"
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = %s"


def test_positions_become_visible_in_their_order(gateway: Ready):
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
