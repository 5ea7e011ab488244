"""The claims of the loops: whatever is open, they look at what is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mesh.storage.database import Statement
from mesh.storage.listing import Pages
from payment_svc.storage import accounts, disputes, measures, operations, payments, provider_events, refunds
from stack.stack import Ready
from tests.support.databases.plans import blocks_read, cost, rows_read

TABLES = ("operations", "payments", "refunds", "provider_events", "attempts", "disputes")
PAGES: dict[str, Pages[Any]] = {"payments": payments.PAGES, "refunds": refunds.PAGES, "disputes": disputes.PAGES}
BUSY = {"share": 16, "busy_providers": ["stripe"], "busy_accounts": [""], "busy_counts": [1]}
ENDED = 20_000
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def ended(gateway: Ready) -> Iterator[Connection]:
    """Where much has ended and nothing else is there. Whoever changes that undoes it."""
    with psycopg.connect(gateway.database_urls["payments"], autocommit=True) as connection:
        for table in TABLES:
            _stand_in(connection, table, ENDED, until="PRESERVE ROWS")
        yield connection


@pytest.fixture(scope="module")
def providers(gateway: Ready) -> Iterator[Connection]:
    """Where a merchant has many payments of one provider, and few of another: the oldest.

    So whoever reads all of the merchant's in their order meets the few last.
    """
    fill = "INSERT INTO payments (payment_id, merchant_id, provider)"
    ids = {"paypal": "lpad(to_hex(n), 32, '0')::uuid", "stripe": "gen_random_uuid()"}
    with psycopg.connect(gateway.database_urls["payments"], autocommit=True) as connection:
        _stand_in(connection, "payments", ended=1, until="PRESERVE ROWS")
        # it has no id, so it would be the first of all
        connection.execute("DELETE FROM payments")
        for name, count in (("stripe", 20_000), ("paypal", 10)):
            select = f"SELECT {ids[name]}, %s, %s FROM generate_series(1, {count}) n"
            connection.execute(f"{fill} {select}".encode(), [UUID(int=1), name])
        connection.execute("ANALYZE payments")
        yield connection


@pytest.fixture(scope="module")
def euros(gateway: Ready) -> Iterator[Connection]:
    """Where all payments of a merchant are of one small amount, and long: they have more than 2,000 blocks."""
    fill = "INSERT INTO payments (payment_id, merchant_id, currency, amount_minor, create_time, description)"
    values = "gen_random_uuid(), %s, 'EUR', 1200, '2026-06-01', repeat('x', 700)"
    with psycopg.connect(gateway.database_urls["payments"], autocommit=True) as connection:
        _stand_in(connection, "payments", ended=1, until="PRESERVE ROWS")
        connection.execute(f"{fill} SELECT {values} FROM generate_series(1, 20000)".encode(), [UUID(int=1)])
        connection.execute("VACUUM ANALYZE payments")
        yield connection


@pytest.mark.parametrize(
    ("statement", "index", "more"),
    [
        (operations._CLAIM, "ix_operations_next_try", {}),
        (payments._CLAIM, "ix_payments_next_check", {}),
        (refunds._CLAIM, "ix_refunds_next_check", {}),
        (provider_events._CLAIM_EVENTS, "", BUSY),
    ],
    ids=["operations", "payments", "refunds", "provider events"],
)
def test_claim_reads_its_index_up_to_now(
    gateway: Ready, statement: Statement[object], index: str, more: dict[str, object]
) -> None:
    """A clock that is asked anew for each row bounds no index: all that is open would be read, every two seconds."""
    parameters = {"wait": timedelta(minutes=1), "limit": 16, **more, **statement.constants}
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        for table in TABLES:
            _stand_in(connection, table)
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SET LOCAL enable_bitmapscan = off")
        plan = "\n".join(row[0] for row in connection.execute(b"EXPLAIN " + statement.text, parameters))
        connection.rollback()
    assert index in plan, plan
    bounds = [line for line in plan.splitlines() if "Index Cond: " in line and "<= (InitPlan" in line]
    assert bounds, plan
    assert "db_now()" not in "".join(line for line in plan.splitlines() if "Filter" in line), plan


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        (operations._CLAIM, {}),
        (payments._CLAIM, {}),
        (refunds._CLAIM, {}),
        (provider_events._CLAIM_EVENTS, BUSY),
        (measures._DUE, {}),
        (measures._EVENTS, {}),
        (measures._PAYMENTS, {}),
        (measures._OPERATIONS, {}),
        (measures._REFUNDS, {}),
        (measures._DISPUTES, {}),
        (accounts._HAS_OPEN, {"account_id": UUID(int=1), "merchant_id": UUID(int=1)}),
    ],
    ids=["operations", "payments", "refunds", "provider events", "due", *(f"open {n}" for n in range(5)), "account"],
)
def test_what_has_ended_is_not_read(ended: Connection, statement: Statement[object], more: dict[str, object]) -> None:
    """Beside much that has ended nothing is read to find that nothing is due, as the loops ask all the time."""
    assert rows_read(ended, statement, {"wait": timedelta(minutes=1), "limit": 16, **more}) == 0


@pytest.mark.parametrize(
    ("table", "statement", "more"),
    [
        ("operations", operations._CLAIM, {}),
        ("payments", payments._CLAIM, {}),
        ("refunds", refunds._CLAIM, {}),
        ("provider_events", provider_events._CLAIM_EVENTS, BUSY),
    ],
    ids=["operations", "payments", "refunds", "provider events"],
)
def test_claim_is_planned_alike_however_much_has_ended(
    ended: Connection, table: str, statement: Statement[object], more: dict[str, object]
) -> None:
    """A plan for a share of all rows reads the table whole once that is large: beside a million payments 0.9 s."""
    costs = []
    with ended.transaction(force_rollback=True):
        for added in (0, 3 * ENDED):
            ended.execute(f"INSERT INTO {table} SELECT FROM generate_series(1, {added})".encode())
            ended.execute(f"ANALYZE {table}".encode())
            costs.append(cost(ended, statement, {"wait": timedelta(minutes=1), "limit": 16, **more}))
    assert costs[1] <= 1.3 * costs[0]


@pytest.mark.parametrize(("provider", "there"), [("paypal", 10), ("bank_transfer", 0), ("stripe", 20)])
def test_a_page_of_a_provider_reads_no_payment_of_others(providers: Connection, provider: str, there: int) -> None:
    """The console's page of a provider that a merchant hardly uses: beside a million payments it took 7 s."""
    query = payments.PAGES.statement(frozenset({"merchant_id", "provider"}))
    given = {"merchant_id": UUID(int=1), "provider": provider, "limit": 20}
    assert rows_read(providers, query, given) == there


@pytest.mark.parametrize("filters", [{"currency": "JPY"}, {"currency": "EUR", "amount_from": 50_000}])
def test_a_page_of_an_amount_that_nobody_paid_reads_no_payment(euros: Connection, filters: dict[str, object]) -> None:
    """The console's page of such an amount: it read each payment of a month, and took 1.1 s beside a million."""
    query = payments.PAGES.statement(frozenset({"merchant_id", "create_time_from", *filters}))
    given = {"merchant_id": UUID(int=1), "create_time_from": datetime(2026, 1, 1, tzinfo=UTC), **filters}
    blocks = blocks_read(euros, query, given | {"id_from": UUID(int=0), "limit": 26})
    assert 0 < blocks < 300


@pytest.mark.parametrize(
    ("table", "filters"),
    [
        *((table, {"order_id": UUID(int=2)}) for table in ("refunds", "disputes")),
        *((table, {"status": "NEEDS_REVIEW"}) for table in ("refunds", "disputes")),
        *((table, {"update_time_from": datetime(2026, 3, 1, tzinfo=UTC)}) for table in ("refunds", "disputes")),
    ],
)
def test_a_page_of_what_goes_back_reads_what_it_shows(gateway: Ready, table: str, filters: dict[str, object]) -> None:
    """Of 20,000 that an order, a status or a day has three of: the newest are others, and all were read."""
    key = f"{table.removesuffix('s')}_id"
    query = PAGES[table].statement(frozenset({"merchant_id", *filters}))
    given = {"merchant_id": UUID(int=1), "limit": 20, **filters}
    fill = f"INSERT INTO {table} ({key}, merchant_id, order_id, status, update_time)"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        _stand_in(connection, table, ended=1)
        connection.execute(f"DELETE FROM {table}".encode())
        for count, (ids, order, status, day) in {
            20_000: ("gen_random_uuid()", 3, "SUCCESS", "2026-01-01"),
            3: ("lpad(to_hex(n), 32, '0')::uuid", 2, "NEEDS_REVIEW", "2026-06-01"),
        }.items():
            select = f"SELECT {ids}, %s, %s, %s, %s::timestamptz FROM generate_series(1, {count}) n"
            connection.execute(f"{fill} {select}".encode(), [UUID(int=1), UUID(int=order), status, day])
        connection.execute(f"ANALYZE {table}".encode())
        assert rows_read(connection, query, given) == 3
        connection.rollback()


@pytest.mark.parametrize(
    ("table", "time"),
    [
        *(("payments", "capture_time"), ("refunds", "success_time"), ("refunds", "reverse_time")),
        *(("disputes", "withdraw_time"), ("disputes", "reinstate_time")),
    ],
)
@pytest.mark.parametrize("oldest_first", [True, False])
def test_a_page_of_a_month_reads_that_month(gateway: Ready, table: str, time: str, oldest_first: bool) -> None:
    """Whoever walks along the ids meets the months before or after first, which the planner takes for a short way."""
    key = f"{table.removesuffix('s')}_id"
    query = PAGES[table].statement(frozenset({"merchant_id", f"{time}_from", f"{time}_to"}), oldest_first)
    month = {f"{time}_from": datetime(2026, 6, 1, tzinfo=UTC), f"{time}_to": datetime(2026, 7, 1, tzinfo=UTC)}
    moment = "'2026-01-01'::timestamptz + n * interval '1 hour'"
    fill = f"INSERT INTO {table} ({key}, merchant_id, {time})"
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        _stand_in(connection, table, ended=1)
        connection.execute(f"DELETE FROM {table}".encode())
        # two and a quarter years, an hour each
        select = f"SELECT lpad(to_hex(n), 32, '0')::uuid, %s, {moment} FROM generate_series(1, 20000) n"
        connection.execute(f"{fill} {select}".encode(), [UUID(int=1)])
        connection.execute(f"ANALYZE {table}".encode())
        # the month's in the index, and those on the page
        assert rows_read(connection, query, {"merchant_id": UUID(int=1), "limit": 20, **month}) == 30 * 24 + 20
        # a file has many pages: each goes on where the one before ended, and reads no more than it has
        names = frozenset({"merchant_id", f"{time}_from", f"{time}_to"})
        for more in ({}, {"after": UUID(int=3700), f"{time}_from": datetime(2026, 6, 4, 4, tzinfo=UTC)}):
            given = {"merchant_id": UUID(int=1), "limit": 20, **month, **more}
            assert rows_read(connection, PAGES[table].statement(names | set(more), True, time), given) == 20
        connection.rollback()


def _stand_in(connection: Connection, table: str, ended: int = 0, until: str = "DROP") -> None:
    """Put a copy with the same indexes before the table: what others have stored there chooses no plan."""
    connection.execute(
        f"CREATE TEMPORARY TABLE {table} (LIKE public.{table} INCLUDING DEFAULTS) ON COMMIT {until}".encode()
    )
    found = connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %s", (table,)
    )
    for (definition,) in found.fetchall():
        connection.execute(str(definition).replace(f" ON public.{table} ", f" ON pg_temp.{table} ").encode())
    if ended:
        required = connection.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull",
            (table,),
        ).fetchall()
        free = ", ".join(f"ALTER {column} DROP NOT NULL" for (column,) in required)
        connection.execute(f"ALTER TABLE {table} {free}".encode())
        connection.execute(f"INSERT INTO {table} SELECT FROM generate_series(1, {ended})".encode())
        connection.execute(f"ANALYZE {table}".encode())
