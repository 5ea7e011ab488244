"""What a restored database does not know any more, though others do: acknowledged after its backup, and lost with it.

Orders and payments name each other, and the event log of the notifications has each with the version that it had: what
is missing or older here was acknowledged to somebody. What the providers know beyond, `fusionxpay reconcile` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from stack.databases import database_url


@dataclass(frozen=True)
class Missed:
    """An object that is not here (`version` 0), or not as far as it was; `known` is the version that it had had."""

    kind: str
    object_id: str
    merchant_id: str
    version: int
    known: int
    known_by: str


@dataclass(frozen=True)
class _Book:
    """Where the objects of a kind are, and who else names them."""

    kind: str
    database: str
    here: LiteralString
    named_by: str
    naming: LiteralString
    events: LiteralString


_BOOKS = (
    _Book(
        "order",
        "orders",
        "SELECT order_id::text, version FROM orders",
        "payments",
        "SELECT DISTINCT order_id::text, merchant_id::text FROM payments",
        "order",
    ),
    _Book(
        "payment",
        "payments",
        "SELECT payment_id::text, version FROM payments",
        "orders",
        "SELECT payment_id::text, merchant_id::text FROM orders WHERE payment_id IS NOT NULL",
        "payment",
    ),
    _Book(
        "refund",
        "payments",
        "SELECT refund_id::text, version FROM refunds",
        "",
        "",
        "refund",
    ),
    _Book(
        "dispute",
        "payments",
        "SELECT dispute_id::text, version FROM disputes",
        "",
        "",
        "dispute",
    ),
)
_LOG: LiteralString = """
SELECT aggregate_id::text, min(merchant_id::text), max(aggregate_version)
FROM events WHERE type LIKE %s GROUP BY aggregate_id
"""


def missed(server: str) -> Iterator[Missed]:
    """Yield what others know of objects, and the objects' own databases do not. Raises psycopg.Error."""
    for book in _BOOKS:
        with psycopg.connect(database_url(server, book.database), connect_timeout=10) as connection:
            here: dict[str, int] = dict(connection.execute(book.here).fetchall())
        told: set[str] = set()
        with psycopg.connect(database_url(server, "notify"), connect_timeout=10) as connection:
            for object_id, merchant_id, known in connection.execute(_LOG, [f"{book.events}.%"]):
                if here.get(object_id, 0) < known:
                    told.add(object_id)
                    yield Missed(book.kind, object_id, merchant_id, here.get(object_id, 0), known, "notify")
        if not book.named_by:
            continue
        with psycopg.connect(database_url(server, book.named_by), connect_timeout=10) as connection:
            for object_id, merchant_id in connection.execute(book.naming):
                if object_id not in here and object_id not in told:
                    yield Missed(book.kind, object_id, merchant_id, 0, 1, book.named_by)
