"""Payments of months, made of a few real ones: each row of theirs is copied under other ids and at earlier times.

What the services wrote is what is copied, so that tables, sizes and relations are real without a list of columns here:
an id is given another number, the same in every table and database, and a time moves back. Rows go in oldest first, as
they came in production, without triggers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[object, ...]]
DAYS = 365
"""Over how many days the payments are spread."""
KEPT = {
    "idempotency_keys": 1,
    "outbox": 7,
    "inbox": 15,
    "provider_events": 180,
    "events": 90,
    "deliveries": 90,
    "delivery_attempts": 90,
}
"""What is kept for less, in days (docs/operations.md, "What grows"): of these, the rows of the last days only."""
TABLES = {
    "orders": ("orders", "history", "idempotency_keys", "inbox", "outbox"),
    "payments": (
        *("payments", "attempts", "operations", "refunds", "disputes", "reviews"),
        *("history", "idempotency_keys", "outbox", "provider_events"),
    ),
    "notify": ("events", "deliveries", "delivery_attempts", "idempotency_keys", "inbox"),
    "audit": ("entries",),
}
SHARED = {"merchant_id", "account_id", "endpoint_id", "key_id", "driver"}
"""Ids of what many payments have in common."""
NAMES = {"key", "event_id", "provider_reference", "merchant_order_id"}
"""Texts that are another's for each payment."""
IDS_IN_TEXT = {"resource_id", "order_id"}
PART = 1000
FUNCTIONS = """
CREATE OR REPLACE FUNCTION pg_temp.another(id uuid, n bigint, back interval) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
SELECT (CASE WHEN substr(id::text, 15, 1) = '7' THEN lpad(to_hex(
    ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - (extract(epoch FROM back) * 1000)::bigint
), 12, '0') ELSE substr(replace(id::text, '-', ''), 1, 12) END
|| substr(replace(id::text, '-', ''), 13, 8)
|| lpad(to_hex(('x' || right(id::text, 12))::bit(48)::bigint # n), 12, '0'))::uuid $$
"""
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attidentity::text FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""


@dataclass(frozen=True)
class Size:
    """What a table takes: rows, and bytes with its indexes and what is stored aside."""

    rows: int
    total: int


class Multiplier:
    """Copies what a stack has stored until there is so much of it."""

    def __init__(self, urls: Mapping[str, str], payments: int) -> None:
        """Take what the databases hold now, of so many payments, as what is copied."""
        self._urls = {database: urls[database] for database in TABLES}
        self._payments = payments
        self._copies = 0
        self._each(self._keep)

    def grow(self, payments: int) -> None:
        """Have so many payments in all, the new ones older than those that there are."""
        copies = payments // self._payments - 1
        first, self._copies = self._copies + 1, copies
        self._each(lambda database, connection: self._copy(database, connection, first, copies))

    def sizes(self) -> dict[tuple[str, str], Size]:
        """Return what each table takes."""
        found: dict[tuple[str, str], Size] = {}

        def measure(database: str, connection: Connection) -> None:
            for table in TABLES[database]:
                query = sql.SQL("SELECT count(*), pg_total_relation_size({}) FROM {}")
                row = connection.execute(query.format(sql.Literal(table), sql.Identifier(table))).fetchone()
                assert row
                found[database, table] = Size(*(int(str(value)) for value in row))

        self._each(measure)
        return found

    def _each(self, do: Callable[[str, Connection], object]) -> None:
        def in_one(database: str) -> None:
            with psycopg.connect(self._urls[database], autocommit=True) as connection:
                do(database, connection)

        # two at once, as there are processors; the largest database first
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(in_one, sorted(self._urls, key=lambda name: -len(TABLES[name]))))

    def _keep(self, database: str, connection: Connection) -> None:
        connection.execute("CREATE SCHEMA copied")
        for table in TABLES[database]:
            names = sql.Identifier("copied", table), sql.Identifier("public", table)
            connection.execute(sql.SQL("CREATE TABLE {} AS SELECT * FROM {}").format(*names))

    def _copy(self, database: str, connection: Connection, first: int, last: int) -> None:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute(FUNCTIONS.encode())
        step = timedelta(days=DAYS) / max(last, 1)
        for table in TABLES[database]:
            insert = self._insert(connection, table)
            oldest = min(last, int(timedelta(days=KEPT.get(table, DAYS)) / step))
            for high in range(oldest, first - 1, -PART):
                connection.execute(insert, {"high": high, "low": max(first, high - PART + 1), "step": step})
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))

    def _insert(self, connection: Connection, table: str) -> sql.Composed:
        names, values = [], []
        for name, kind, identity in connection.execute(_COLUMNS, [table]).fetchall():
            if identity:
                continue
            column = sql.Identifier("t", str(name))
            names.append(sql.Identifier(str(name)))
            values.append(sql.SQL(_another(table, str(name), str(kind))).format(c=column))
        text = (
            "INSERT INTO {table} ({names}) SELECT {values}"
            " FROM generate_series(%(high)s::bigint, %(low)s::bigint, -1) n CROSS JOIN {copied} t"
        )
        return sql.SQL(text).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(names),
            values=sql.SQL(", ").join(values),
            copied=sql.Identifier("copied", table),
        )


def _another(table: str, name: str, kind: str) -> str:
    """Return how a column of a copy is made of the original's."""
    if name in SHARED:
        return "{c}"
    if kind == "uuid":
        return "pg_temp.another({c}, n, n * %(step)s)"
    if kind == "timestamp with time zone":
        return "{c} - n * %(step)s"
    if kind == "text" and name in IDS_IN_TEXT:
        uuids = "'^[0-9a-f]{{8}}-[0-9a-f]{{4}}-'"
        own = "pg_temp.another(left({c}, 36)::uuid, n, n * %(step)s)::text || substr({c}, 37)"
        return f"CASE WHEN {{c}} ~ {uuids} THEN {own} ELSE {{c}} END"
    if kind == "text" and name in NAMES:
        return "CASE WHEN {c} = '' THEN '' ELSE {c} || '-' || n END"
    if (table, name) == ("entries", "seq"):
        return "{c} - n * (SELECT max(seq) + 1 FROM copied.entries)"
    return "{c}"
