"""`python -m bench.console`: how long the console's pages take beside many payments, and what its process takes.

One stack; a few payments are made by the API and copied (`bench/multiply.py`). Each page is asked for by a person who
is logged in, one page at a time, through Envoy. The overview's figures are counted once a minute, so it is asked for
with spans that nobody has looked at as well; where they take longer, the page comes without them and looks again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from bench.aged import Shop, originals, receiver
from bench.multiply import Multiplier
from stack.stack import Ready, Stack

MOST_P95_MS = 150.0
TIMES = 40
PAUSE_SECONDS = 0.03
"""Between two pages: the gateway takes fifty a second of one address."""
WARM = 3
PAGES = {
    "overview, counted before": "/",
    "payments": "/payments",
    "payments, of a status": "/payments?status=FAILED",
    "payments, by amount": "/payments?currency=EUR&min=11.00&max=13.00",
    "payments, of a provider": "/payments?provider=stripe",
    "payments, of no provider": "/payments?provider=paypal",
    "payments, of no amount": "/payments?currency=EUR&min=500.00",
    "payments, of no currency": "/payments?currency=JPY",
    "payments, of days": "/payments?since=2020-01-01&until=2020-01-31",
    "one payment": "/payments/{payment}",
    "orders": "/orders",
    "orders, by number": "/orders?merchant_order_id=none",
    "orders, by metadata": "/orders?metadata=cart%3Dnone",
    "one order": "/orders/{order}",
    "refunds": "/refunds",
    "refunds, of no status": "/refunds?status=FAILED",
    "disputes": "/disputes",
    "events": "/events",
    "events, of a type": "/events?type=refund.succeeded",
    "events, of no type": "/events?type=refund.failed",
    "webhooks": "/webhooks",
    "payment links": "/payment_links",
    "search, a number": "/search?q=none-such",
    "search, an amount": "/search?q=12.00+EUR",
    "requests": "/requests",
    "requests, of a status": "/requests?status=5xx",
    "requests, by id": "/requests?id=00000000-0000-4000-8000-000000000001",
    "API keys": "/keys",
    "team": "/users",
}


class Person:
    """An owner at the console."""

    def __init__(self, ready: Ready) -> None:
        said = ready.console
        self._http = httpx.Client(timeout=60, headers={"origin": ready.edge_url, "sec-fetch-site": "same-origin"})
        self._root = said["url"]
        form = {"email": said["owner"], "password": said["password"]}
        answer = self._http.post(f"{self._root}/login", data=form)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise SystemExit(f"no login: {answer.status_code}")

    def took(self, path: str) -> float:
        """Return how many milliseconds a page took."""
        begun = time.perf_counter()
        answer = self._http.get(self._root + path)
        took = (time.perf_counter() - begun) * 1000
        if answer.status_code not in (200, 303, 404):
            # the other pages are measured all the same
            sys.stdout.write(f"GET {path}: {answer.status_code}\n")
        time.sleep(PAUSE_SECONDS)
        return took


def _timed(take: Callable[[], float]) -> list[float]:
    for _ in range(WARM):
        take()
    return sorted(take() for _ in range(TIMES))


def _percentile(sorted_ms: Sequence[float], part: float) -> float:
    return sorted_ms[min(len(sorted_ms) - 1, int(part * len(sorted_ms)))]


def _memory(pid: int) -> str:
    """Return what a process takes of memory: all that it has, its share, and what is its alone."""
    lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    own = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return (
        f"{kilobytes['Rss'] / 1024:.0f} MB, its share {kilobytes['Pss'] / 1024:.0f} MB, its alone {own / 1024:.0f} MB"
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 where a page takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=200_000, help="how many there are")
    chosen = parser.parse_args(arguments)
    console, slow = Console(width=120), 0
    with Stack() as stack, receiver() as endpoint:
        shop = Shop(stack.ready, endpoint)
        multiplier = Multiplier(stack.ready.database_urls, originals(stack.ready, shop))
        of_console = stack.ready.pids["console"]
        console.print(f"the console's process, at first: {_memory(of_console)}")
        begun = time.monotonic()
        multiplier.grow(chosen.payments)
        console.print(f"{chosen.payments} payments after {time.monotonic() - begun:.0f} s")
        person = Person(stack.ready)
        newest = shop.paid()
        table = Table("page", "p50 ms", "p95 ms", "most ms")
        for name, path in PAGES.items():
            ms = _timed(lambda path=path: person.took(path.format(**newest)))  # type: ignore[misc]
            p95 = _percentile(ms, 0.95)
            slow += p95 > MOST_P95_MS
            table.add_row(name, f"{statistics.median(ms):.1f}", f"{p95:.1f}", f"{ms[-1]:.1f}")
        first = [person.took(f"/?days={days}") for days in (7, 30)]
        table.add_row("overview, not counted before", f"{statistics.median(first):.1f}", "", f"{max(first):.1f}")
        console.print(table)
        console.print(f"the console's process, at last: {_memory(of_console)}")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
