"""A look into the databases, to see that nothing was stored."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import psycopg

from stack.stack import Ready

_TABLES = {
    "orders": ("orders", "payment_links", "idempotency_keys"),
    "payments": ("payments", "refunds", "disputes", "routing_policies", "provider_accounts", "idempotency_keys"),
    "notify": ("webhook_endpoints", "events", "idempotency_keys"),
}


def rows_of(gateway: Ready, merchant_id: str) -> dict[str, int]:
    """Count what is stored for a merchant, by database and table."""
    counts: dict[str, int] = {}
    for database, tables in _TABLES.items():
        query = " UNION ALL ".join(
            f"SELECT '{database}.{table}', count(*) FROM {table} WHERE merchant_id = %(merchant_id)s"
            for table in tables
        )
        found = _onlooker(gateway.database_urls[database]).execute(query.encode(), {"merchant_id": merchant_id})
        counts |= dict(found.fetchall())
    return counts


@lru_cache(maxsize=len(_TABLES))
def _onlooker(url: str) -> psycopg.Connection[Any]:
    """Return this process's connection to a database: each new one costs more than what it is asked."""
    return psycopg.connect(url, autocommit=True)


def provider_event(gateway: Ready, event_id: str) -> tuple[str, str] | None:
    """Return status and reason of a webhook in the inbox of the payment service; None when it is not there."""
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        query = b"SELECT status, reason FROM provider_events WHERE event_id = %s"
        return connection.execute(query, [event_id]).fetchone()


def look_up_now(gateway: Ready, order_id: str) -> None:
    """Make recovery's next look at an order's open payment due, which it would take up to an hour to be."""
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        query = b"UPDATE payments SET next_check_time = now() WHERE order_id = %s AND next_check_time IS NOT NULL"
        connection.execute(query, [order_id])


def copies_of(database: psycopg.Connection[Any], order_id: str, count: int, **other: str) -> str:
    """Give an order younger brothers in the database, and return the last one's id."""
    table = "select column_name from information_schema.columns where table_name = 'orders'"
    columns = [str(name) for (name,) in database.execute(table) if name != "order_id"]
    values = ", ".join(other.get(name, name) for name in columns)
    made = database.execute(
        f"INSERT INTO orders (order_id, {', '.join(columns)}) SELECT uuidv7(), {values}"
        f" FROM orders, generate_series(1, {count}) WHERE order_id = '{order_id}' RETURNING order_id::text"
    )
    return max(str(row[0]) for row in made)
