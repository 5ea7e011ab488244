"""What the payment service has captured for orders that a restored database of orders shows unpaid.

The events which said so may be gone from the bus, and an order may be cancelled before anybody publishes them again.
So the payment service asks once more whether the capture settles the order: it does, or the money goes back.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg

_UNPAID: LiteralString = "SELECT order_id FROM orders WHERE status IN ('NEW', 'PROCESSING', 'FAILED')"
_CAPTURED: LiteralString = (
    "SELECT payment_id FROM payments WHERE order_id = ANY (%s) AND status = 'SUCCESS' AND NOT surplus"
)
_ASK: LiteralString = """
INSERT INTO operations (
  operation_id, payment_id, attempt, kind, amount_minor, status, sends, requester, create_time, update_time,
  next_try_time
)
SELECT gen_random_uuid(), p.payment_id, (SELECT max(number) FROM attempts a WHERE a.payment_id = p.payment_id),
  'SETTLE', p.captured_minor, 'SENT', 1, 'GATEWAY', db_now(), db_now(), db_now()
FROM payments p
WHERE p.payment_id = ANY (%s) AND NOT EXISTS (
  SELECT FROM operations o
  WHERE o.payment_id = p.payment_id AND o.kind = 'SETTLE' AND o.next_try_time IS NOT NULL)
"""
_BATCH = 5000


def ask_to_settle(orders: str, payments: str) -> int:
    """Have captures of unpaid orders settled, or given back; return for how many that is asked anew.

    `orders` and `payments` are the databases' URLs. May be repeated. Raises psycopg.Error.
    """
    with psycopg.connect(orders, connect_timeout=10) as connection:
        unpaid = [row[0] for row in connection.execute(_UNPAID)]
    asked = 0
    with psycopg.connect(payments, connect_timeout=10) as connection:
        for start in range(0, len(unpaid), _BATCH):
            captured = [row[0] for row in connection.execute(_CAPTURED, [unpaid[start : start + _BATCH]])]
            asked += connection.execute(_ASK, [captured]).rowcount
    return asked
