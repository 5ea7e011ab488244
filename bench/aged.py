"""`python -m bench.aged`: what a pass of each loop costs beside a thousand payments, and beside a million.

One stack with everything on. A few payments of each kind are made by the API and copied (`bench/multiply.py`); then
every service starts anew, so that each loop makes its first pass, and is left alone for a minute. What each statement
of that minute read (blocks, whether cached or not) and took is PostgreSQL's own count. After it, requests are timed.
"""

from __future__ import annotations

import argparse
import http.server
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from bench.multiply import DAYS, KEPT, Multiplier, Size
from mesh.storage import retention
from stack.layout import SERVICES
from stack.settings import StackSettings
from stack.stack import Ready, Stack

PATIENCE_SECONDS = 60.0
SETTLED_SECONDS = 5.0
QUIET_SECONDS = 75.0
"""Longer than every interval but those of janitors, whose first pass is at the start."""
FEW = 1000
MOST = 1.2
LEVELS = 8
"""Blocks that a statement may read more, as the indexes of a larger table are one or two levels deeper."""
DELETION = 8 * retention.BATCH
"""Blocks that a statement may read which deletes a thousand rows of a table and of its indexes."""
TIMES = 60
_PASSES = """
SELECT d.datname, s.query, sum(s.calls)::float8, sum(s.shared_blks_hit + s.shared_blks_read)::float8,
    sum(s.total_exec_time)::float8
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = ANY(%s) GROUP BY 1, 2
"""


class _Taking(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a webhook."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def receiver() -> Iterator[str]:
    """Take webhooks, at the address that is given."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


PAGES = (
    *("/v1/orders", "/v1/orders?statuses=PARTIALLY_REFUNDED", "/v1/orders?order_by=create_time%20asc"),
    *("/v1/orders?metadata_key=cart&metadata_value=none", "/v1/orders?merchant_order_id=none"),
    *("/v1/payments", "/v1/payments?statuses=FAILED", "/v1/refunds", "/v1/disputes", "/v1/events"),
)


class Shop:
    """The merchant whose payments are copied."""

    def __init__(self, ready: Ready, endpoint: str) -> None:
        headers = {"authorization": f"Bearer {ready.merchant.api_key}"}
        self._client = httpx.Client(base_url=ready.edge_url, headers=headers, timeout=PATIENCE_SECONDS)
        endpoint_id = self.post("/v1/webhook_endpoints", {"url": endpoint})["webhook_endpoint_id"]
        deliveries = f"/v1/webhook_endpoints/{endpoint_id}/deliveries"
        self.pages = {f"GET {path}": path for path in PAGES} | {"GET its deliveries": deliveries}
        """What is read of the lists."""

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, str]:
        """Send a request that is taken."""
        key = {"idempotency-key": uuid.uuid4().hex}
        answer = self._client.post(path, json=body, headers=key)
        # what PostgreSQL's restart left, or an order that has not heard yet how its payment failed
        if answer.status_code == 503 or "PAYMENT_IN_PROGRESS" in answer.text:
            time.sleep(5)
            answer = self._client.post(path, json=body, headers=key)
        if answer.status_code != 200:
            raise SystemExit(f"POST {path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def get(self, path: str) -> dict[str, Any]:
        """Return a page."""
        answer = self._client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"GET {path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def order(self) -> str:
        """Create an order as merchants do."""
        number = uuid.uuid4().hex[:12]
        body = {
            "merchant_order_id": f"order-{number}",
            "amount": {"value": "12.00", "currency": "EUR"},
            "description": "A pair of shoes",
            "metadata": {"cart": f"cart-{number}"},
        }
        return self.post("/v1/orders", body)["order_id"]

    def pay(self, card: str = "pm_card_visa") -> str:
        """Create an order and pay it at once; return the payment's id."""
        return self._paid(card, self.order())["payment_id"]

    def paid(self) -> dict[str, str]:
        """Create an order and pay it at once; return both ids, by what they are of."""
        made = self._paid("pm_card_visa", self.order())
        return {"payment": made["payment_id"], "order": made["order_id"]}

    def decline(self) -> None:
        """Have a payment declined, and pay with another card: an order that stayed FAILED would expire, many times."""
        order_id = self._paid("pm_card_chargeDeclined", self.order())["order_id"]
        self._paid("pm_card_visa", order_id)

    def _paid(self, card: str, order_id: str) -> dict[str, str]:
        body = {"order_id": order_id, "provider": "stripe", "payment_method": card}
        return self.post("/v1/payments", body)

    def refund(self, payment_id: str) -> None:
        """Give a part back."""
        body = {"amount": {"value": "5.00", "currency": "EUR"}}
        self.post(f"/v1/payments/{payment_id}/refunds", body)


def originals(ready: Ready, shop: Shop) -> int:
    """Make ten payments: one of them declined, one given back in part; wait until all is told."""
    paid = [shop.pay() for _ in range(8)]
    shop.decline()
    shop.refund(paid[0])
    for _ in range(2):  # one thing leads to another: what is copied while it waits would wait a million times
        _wait(ready, "orders", "SELECT count(*) = 1 FROM orders WHERE status = 'PARTIALLY_REFUNDED'")
        _wait(ready, "payments", "SELECT count(*) = 0 FROM provider_events WHERE status = 'PENDING'")
        for database in ("orders", "payments"):
            _wait(ready, database, "SELECT count(*) = 0 FROM outbox WHERE publish_time IS NULL")
        _wait(ready, "notify", "SELECT count(*) > 30 AND bool_and(status <> 'PENDING') FROM deliveries")
        time.sleep(SETTLED_SECONDS)
    return len(paid) + 2


def _wait(ready: Ready, database: str, query: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(ready.database_urls[database], autocommit=True) as connection:
        while connection.execute(query.encode()).fetchone() != (True,):
            if time.monotonic() > end:
                raise SystemExit(f"this did not come about: {query}")
            time.sleep(0.2)


@dataclass(frozen=True)
class Pass:
    """What a statement cost each time: blocks read, and milliseconds."""

    calls: float
    blocks: float
    ms: float


class Watch:
    """PostgreSQL's counts of statements."""

    def __init__(self, stack: Stack) -> None:
        base, _, _ = stack.ready.database_urls["orders"].rpartition("/")
        self._url = f"{base}/postgres"
        settings = ("shared_preload_libraries = 'pg_stat_statements'", "max_wal_size = '2GB'", "autovacuum = off")
        with psycopg.connect(self._url, autocommit=True) as connection:
            for setting in settings:
                connection.execute(sql.SQL("ALTER SYSTEM SET {}").format(sql.SQL(setting)))
        stack.restart("postgres")
        self._watch = psycopg.connect(self._url, autocommit=True)
        self._watch.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def passes(self, stack: Stack) -> dict[tuple[str, str], Pass]:
        """Start every service anew, leave it alone, and return what its statements cost."""
        self._watch.execute("SELECT pg_stat_statements_reset()")
        for name in SERVICES:
            stack.restart(name)
        time.sleep(QUIET_SECONDS)
        rows = self._watch.execute(_PASSES, [list(stack.ready.database_urls)]).fetchall()
        return {
            (str(database), " ".join(str(query).split())): Pass(calls, blocks / calls, ms / calls)
            for database, query, calls, blocks, ms in rows
        }


def _requests(shop: Shop) -> dict[str, float]:
    """Return the median of each request in milliseconds."""

    def median(do: Callable[[], object]) -> float:
        took = []
        for _ in range(TIMES):
            begun = time.perf_counter()
            do()
            took.append(time.perf_counter() - begun)
        return statistics.median(took) * 1000

    timed = {"POST /v1/orders": median(shop.order), "POST /v1/orders and /v1/payments": median(shop.pay)}
    return timed | {name: median(partial(shop.get, path)) for name, path in shop.pages.items()}


def _report_passes(console: Console, few: Mapping[tuple[str, str], Pass], many: Mapping[tuple[str, str], Pass]) -> bool:
    table = Table("database", "calls", "blocks", "", "ms", "", "statement", title="a pass, beside few and beside many")
    common = few.keys() & many.keys()
    before, after = (sum(counted[key].ms for key in common) for counted in (few, many))
    dearer = 0
    for key in sorted(common, key=lambda key: (key[0], -many[key].blocks)):
        one, other = few[key], many[key]
        # a deletion reads as many rows as it may delete, and a thousand payments have fewer
        most = DELETION if key[1].startswith("DELETE") else MOST * one.blocks + LEVELS
        dearer += other.blocks > most
        if other.blocks > MOST * one.blocks + LEVELS:
            numbers = (f"{other.calls:.0f}", f"{one.blocks:.1f}", f"{other.blocks:.1f}", f"{one.ms:.2f}")
            table.add_row(key[0], *numbers, f"{other.ms:.2f}", key[1][:110])
    console.print(table)
    console.print(f"{len(common)} statements, of which {dearer} read more beside many; one pass of all:")
    console.print(f"{before:.1f} ms beside few, {after:.1f} ms beside many: {after / before:.2f}x")
    return bool(dearer)


def _report_sizes(console: Console, sizes: Mapping[tuple[str, str], Size], payments: int) -> None:
    table = Table("database", "table", "rows a payment", "bytes a payment", "kept, days", title="what a payment takes")
    once = for_ever = 0.0
    for (database, name), size in sorted(sizes.items(), key=lambda item: -item[1].total):
        # of what is kept for less than the span, only the rows of so many days were copied
        share = KEPT.get(name, DAYS) / DAYS * payments
        once += size.total / share
        for_ever += 0 if name in KEPT else size.total / share
        kept = str(KEPT.get(name, "for ever"))
        table.add_row(database, name, f"{size.rows / share:.1f}", f"{size.total / share:.0f}", kept)
    console.print(table)
    console.print(f"a payment takes {once:.0f} bytes at first, and {for_ever:.0f} when all that goes has gone")


def _report_requests(console: Console, few: Mapping[str, float], many: Mapping[str, float]) -> None:
    table = Table("request", "beside few, ms", "beside many, ms", "ratio", title="medians")
    for name, ms in few.items():
        table.add_row(name, f"{ms:.1f}", f"{many[name]:.1f}", f"{many[name] / ms:.2f}")
    console.print(table)


def main(arguments: Sequence[str]) -> int:
    """Age a stack, measure and print; 1 where a pass costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000, help="how many there are in the end")
    chosen = parser.parse_args(arguments)
    console = Console(width=170)
    unlimited = 1_000_000
    settings = StackSettings(durable=False, requests_per_second=unlimited, key_requests_per_second=unlimited)
    with Stack(settings) as stack, receiver() as endpoint:
        watch = Watch(stack)
        shop = Shop(stack.ready, endpoint)
        multiplier = Multiplier(stack.ready.database_urls, originals(stack.ready, shop))
        multiplier.grow(FEW)
        few, few_requests = watch.passes(stack), _requests(shop)
        begun = time.monotonic()
        multiplier.grow(chosen.payments)
        console.print(f"{chosen.payments} payments after {time.monotonic() - begun:.0f} s")
        sizes = multiplier.sizes()
        many, many_requests = watch.passes(stack), _requests(shop)
    _report_sizes(console, sizes, chosen.payments)
    _report_requests(console, few_requests, many_requests)
    return int(_report_passes(console, few, many))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
