"""`python -m bench.counts`: what one order and one payment lifecycle cost, counted and not timed.

A stack of its own does one after the other, so that what is counted does not depend on how busy the machine is:
transactions, statements, rows and bytes of WAL as PostgreSQL counts them, events, and processor time by process. What
the stack does when nothing is asked of it is measured first and taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import tomllib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import orjson
import psutil
import psycopg
import uvloop
from psycopg import sql
from rich.console import Console
from rich.table import Table

from bench.load import Connection, order_body, payment_body
from stack.settings import StackSettings
from stack.stack import Ready, Stack

FLUSH_SECONDS = 11.0
"""How long PostgreSQL keeps what an idle connection has counted to itself, at the most."""
BUDGET = Path(__file__).with_name("budget.toml")
WARM_UP = 20
LOOK_SECONDS = 0.05
SETTINGS: tuple[LiteralString, ...] = (
    "shared_preload_libraries = 'pg_stat_statements'",
    # what it writes by itself, now and then, would be counted with whatever is measured just then
    "autovacuum = off",
    "checkpoint_timeout = '1h'",
    "max_wal_size = '8GB'",
)
COUNTERS = ("xact_commit", "tup_inserted", "tup_updated", "tup_deleted")
NAMES = {
    "xact_commit": "transactions",
    "tup_inserted": "rows inserted",
    "tup_updated": "rows updated",
    "tup_deleted": "rows deleted",
    "statements": "statements",
    "wal": "WAL, bytes",
    "events": "events",
    "cpu": "processor time without the sandbox, ms",
}
_DATABASES = f"SELECT datname, {', '.join(COUNTERS)} FROM pg_stat_database WHERE datname = ANY(%s)"  # noqa: S608
_STATEMENTS = """
SELECT d.datname, s.query, sum(s.calls)::bigint, sum(s.wal_bytes)::bigint, sum(s.total_exec_time)
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = ANY(%s) GROUP BY 1, 2
"""


@dataclass
class Counts:
    """What was counted up to a moment, or between two."""

    seconds: float
    totals: dict[str, float]
    by_database: dict[str, dict[str, float]]
    cpu_ms: dict[str, float]
    statements: dict[tuple[str, str], tuple[float, float, float]] = field(default_factory=dict)

    def __sub__(self, other: Counts) -> Counts:
        """Return what was counted since."""
        none = (0.0, 0.0, 0.0)
        return Counts(
            self.seconds - other.seconds,
            _minus(self.totals, other.totals),
            {name: _minus(mine, other.by_database[name]) for name, mine in self.by_database.items()},
            _minus(self.cpu_ms, other.cpu_ms),
            {
                key: (mine[0] - before[0], mine[1] - before[1], mine[2] - before[2])
                for key, mine in self.statements.items()
                if (before := other.statements.get(key, none))
            },
        )

    def scaled(self, factor: float) -> Counts:
        """Return all of it times a factor."""
        return Counts(
            self.seconds * factor,
            {name: value * factor for name, value in self.totals.items()},
            {db: {name: value * factor for name, value in mine.items()} for db, mine in self.by_database.items()},
            {name: value * factor for name, value in self.cpu_ms.items()},
            {key: (a * factor, b * factor, c * factor) for key, (a, b, c) in self.statements.items()},
        )


def _minus(mine: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: value - other.get(name, 0) for name, value in mine.items()}


class Counter:
    """Reads what the processes and the databases of a stack have counted."""

    def __init__(self, ready: Ready) -> None:
        """Connect beside the databases that are looked at, so that looking is not counted."""
        self._ready = ready
        self._databases = list(ready.database_urls)
        base, _, _ = ready.database_urls["orders"].rpartition("/")
        self._watch = psycopg.connect(f"{base}/postgres", autocommit=True)
        self._watch.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def read(self) -> Counts:
        """Return the counts as of now, after whatever is still kept back was told."""
        time.sleep(FLUSH_SECONDS)
        seconds = time.monotonic()
        rows = self._watch.execute(_DATABASES, [self._databases]).fetchall()
        by_database = {str(row[0]): {n: float(v) for n, v in zip(COUNTERS, row[1:], strict=True)} for row in rows}
        statements = {
            (str(database), str(query)): (float(calls), float(wal), float(ms))
            for database, query, calls, wal, ms in self._watch.execute(_STATEMENTS, [self._databases]).fetchall()
        }
        for name in by_database:
            by_database[name]["statements"] = sum(v[0] for (db, _), v in statements.items() if db == name)
        totals = {name: sum(each[name] for each in by_database.values()) for name in (*COUNTERS, "statements")}
        lsn = self._watch.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
        assert lsn
        totals["wal"] = float(lsn[0])
        totals["events"] = sum(self._events(name) for name in ("orders", "payments"))
        cpu = {name: cpu_ms(pid) for name, pid in self._ready.pids.items()}
        totals["cpu"] = sum(value for name, value in cpu.items() if name != "sandbox")
        return Counts(seconds, totals, by_database, cpu, statements)

    def _events(self, database: str) -> float:
        with psycopg.connect(self._ready.database_urls[database], autocommit=True) as connection:
            row = connection.execute("SELECT coalesce(max(seq), 0) FROM outbox").fetchone()
        return float(row[0]) if row else 0.0


def cpu_ms(pid: int) -> float:
    """Return the processor time of a process and its children, in milliseconds."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(member.cpu_times()[:4]) for member in family if member.is_running()) * 1000


Unit = Callable[[Connection, str], Awaitable[str]]
"""One thing that is counted, under a name of its own; returns the order's id."""


async def order(connection: Connection, name: str) -> str:
    """Create an order."""
    status, body = await connection.post("/v1/orders", order_body(1), name)
    if status != 200:
        raise SystemExit(f"{status} {body!r}")
    return str(orjson.loads(body)["order_id"])


async def payment(connection: Connection, name: str) -> str:
    """Create an order and pay it."""
    order_id = await order(connection, name)
    status, body = await connection.post("/v1/payments", payment_body(order_id), name)
    if status != 200:
        raise SystemExit(f"{status} {body!r}")
    return order_id


class Lifecycles:
    """Runs units, so many at once, each to its end: the order is as wanted, and no event waits."""

    def __init__(self, ready: Ready, at_once: int) -> None:
        self._ready = ready
        self._at_once = at_once

    def run(self, unit: Unit, count: int) -> int:
        """Run so many; return how often both databases were asked whether one has ended."""
        return uvloop.run(self._run(unit, count))

    async def _run(self, unit: Unit, count: int) -> int:
        urls, left, looks = self._ready.database_urls, iter(range(count)), 0
        async with (
            await psycopg.AsyncConnection.connect(urls["orders"], autocommit=True) as orders,
            await psycopg.AsyncConnection.connect(urls["payments"], autocommit=True) as payments,
        ):

            async def worker() -> None:
                nonlocal looks
                connection = Connection(self._ready.edge_grpc, self._ready.merchant.api_key)
                for _ in left:
                    order_id, ended = await unit(connection, uuid.uuid4().hex), False
                    while not ended:
                        await asyncio.sleep(LOOK_SECONDS)
                        looks += 1
                        ended = await self._ended(orders, payments, order_id, unit is payment)

            await asyncio.gather(*(worker() for _ in range(self._at_once)))
        return looks

    async def _ended(
        self, orders: psycopg.AsyncConnection, payments: psycopg.AsyncConnection, order_id: str, paid: bool
    ) -> bool:
        # what others have under way is no reason to wait
        anything = self._at_once > 1
        ended = await orders.execute(
            "SELECT status = %s AND (%s OR NOT EXISTS (SELECT FROM outbox WHERE publish_time IS NULL)) FROM orders"
            " WHERE order_id = %s",
            ["SUCCESS" if paid else "NEW", anything, order_id],
        )
        applied = await payments.execute(
            "SELECT %s OR NOT EXISTS (SELECT FROM outbox WHERE publish_time IS NULL)"
            " AND NOT EXISTS (SELECT FROM provider_events WHERE status = 'PENDING')",
            [anything],
        )
        return (await ended.fetchone(), await applied.fetchone()) == ((True,), (True,))


def _measured(counter: Counter, lifecycles: Lifecycles, unit: Unit, count: int, idle: Counts) -> Counts:
    """Return what one unit costs."""
    before = counter.read()
    looks = lifecycles.run(unit, count)
    spent = counter.read() - before
    spent = spent - idle.scaled(spent.seconds / idle.seconds)
    spent.totals["xact_commit"] -= 2 * looks
    spent.totals["statements"] -= 2 * looks
    for name in ("orders", "payments"):
        spent.by_database[name]["xact_commit"] -= looks
        spent.by_database[name]["statements"] -= looks
    return spent.scaled(1 / count)


def _report(console: Console, idle: Counts, columns: Mapping[str, Counts], at_once: int) -> None:
    table = Table("what", "idle, a second", *columns, title=f"counted, everything on, {at_once} at once")
    quiet = idle.scaled(1 / idle.seconds)
    for name, words in NAMES.items():
        table.add_row(words, f"{quiet.totals[name]:.1f}", *(f"{one.totals[name]:.1f}" for one in columns.values()))
    for database in quiet.by_database:
        cells = (f"{one.by_database[database]['xact_commit']:.1f}" for one in columns.values())
        table.add_row(f"  transactions, {database}", f"{quiet.by_database[database]['xact_commit']:.1f}", *cells)
    for name in quiet.cpu_ms:
        cells = (f"{one.cpu_ms[name]:.1f}" for one in columns.values())
        table.add_row(f"  ms, {name}", f"{quiet.cpu_ms[name]:.1f}", *cells)
    console.print(table)


def _report_statements(console: Console, title: str, counted: Counts) -> None:
    table = Table("database", "calls", "WAL", "ms", "statement", title=title)
    found = sorted(counted.statements.items(), key=lambda item: (item[0][0], -item[1][0]))
    for (database, query), (calls, wal, ms) in found:
        if calls >= 0.05:
            table.add_row(database, f"{calls:.2f}", f"{wal:.0f}", f"{ms:.2f}", " ".join(query.split())[:150])
    console.print(table)


def main(arguments: Sequence[str]) -> int:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many of each are run")
    parser.add_argument("--at-once", type=int, default=1, help="how many of them at once")
    parser.add_argument("--statements", action="store_true", help="print each statement, too")
    chosen = parser.parse_args(arguments)
    console = Console(width=200 if chosen.statements else None)
    with Stack(StackSettings()) as stack:
        base, _, _ = stack.ready.database_urls["orders"].rpartition("/")
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            for setting in SETTINGS:
                connection.execute(sql.SQL("ALTER SYSTEM SET {}").format(sql.SQL(setting)))
        stack.restart("postgres")
        lifecycles = Lifecycles(stack.ready, chosen.at_once)
        lifecycles.run(payment, WARM_UP)
        counter = Counter(stack.ready)
        quiet = counter.read()
        idle = counter.read() - quiet
        columns = {
            "an order": _measured(counter, lifecycles, order, chosen.count, idle),
            "a lifecycle": _measured(counter, lifecycles, payment, chosen.count, idle),
        }
    _report(console, idle, columns, chosen.at_once)
    if chosen.statements:
        _report_statements(console, "idle, a second", idle.scaled(1 / idle.seconds))
        for title, counted in columns.items():
            _report_statements(console, title, counted)
    return _over_budget(console, columns) if chosen.at_once == 1 else 0


def _over_budget(console: Console, columns: Mapping[str, Counts]) -> bool:
    """Say what costs more than it may."""
    budget: dict[str, dict[str, float]] = tomllib.loads(BUDGET.read_text())
    names = {words: name for name, words in NAMES.items()}
    over = False
    for title, counted in columns.items():
        for words, most in budget[title].items():
            spent = counted.totals[names[words]]
            if spent > most + 0.5:
                console.print(f"[red]{title}: {words} {spent:.1f}, and {most} is the most")
                over = True
    return over


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
