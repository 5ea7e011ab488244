"""What the payment service has captured, or still may, of which a restored database of orders does not know.

The events which said so may be gone from the bus, and an order may expire or be cancelled before anybody publishes them
again. So the payment service asks whether the capture settles the order, once there is one: it does, or the money goes
back; where the order is nowhere, a person is asked.
"""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

import psycopg

_MAY_SETTLE: LiteralString = """
SELECT payment_id, order_id, status FROM payments
WHERE payment_id > %s AND NOT surplus
  AND (status = 'SUCCESS' OR status NOT IN ('FAILED', 'CANCELLED') AND NOT unwanted)
ORDER BY payment_id LIMIT %s
"""
_TAKEN: LiteralString = """
SELECT payment_id, status FROM orders
WHERE order_id = ANY (%s) AND status IN ('PROCESSING', 'SUCCESS', 'PARTIALLY_REFUNDED', 'REFUNDED')
  AND payment_id IS NOT NULL
"""
_ASK: LiteralString = """
INSERT INTO operations (
  operation_id, payment_id, attempt, kind, amount_minor, status, sends, requester, create_time, update_time,
  next_try_time
)
SELECT gen_random_uuid(), p.payment_id,
  COALESCE((SELECT max(number) FROM attempts a WHERE a.payment_id = p.payment_id), 1),
  'SETTLE', p.captured_minor, 'SENT', 1, 'GATEWAY', db_now(), db_now(), db_now()
FROM payments p
WHERE p.payment_id = ANY (%s) AND NOT EXISTS (
  SELECT FROM operations o
  WHERE o.payment_id = p.payment_id AND o.kind = 'SETTLE' AND o.next_try_time IS NOT NULL)
"""
_BATCH = 5000


def ask_to_settle(orders: str, payments: str) -> int:
    """Have captures that their orders do not show settled, or given back; return for how many that is asked anew.

    `orders` and `payments` are the databases' URLs. May be repeated. Raises psycopg.Error.
    """
    asked, last = 0, UUID(int=0)
    with (
        psycopg.connect(orders, connect_timeout=10) as order_base,
        psycopg.connect(payments, connect_timeout=10) as payment_base,
    ):
        while found := payment_base.execute(_MAY_SETTLE, [last, _BATCH]).fetchall():
            last = found[-1][0]
            taken: dict[UUID, str] = dict(
                order_base.execute(_TAKEN, [[order_id for _, order_id, _ in found]]).fetchall()
            )
            unknown = [one for one, _, status in found if not _knows(taken.get(one), status)]
            asked += payment_base.execute(_ASK, [unknown]).rowcount
    return asked


def _knows(order: str | None, payment: str) -> bool:
    """Whether an order of this status, if a payment has it, shows what has become of a payment of that one."""
    return order is not None and (order == "PROCESSING") == (payment != "SUCCESS")
