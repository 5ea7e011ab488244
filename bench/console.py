"""`python -m bench.console`: how long the console's pages take beside many payments, and what its process takes.

One stack; a few payments are made by the API and copied (`bench/multiply.py`). Each page is asked for by a person who
is logged in, an owner or an operator, one page at a time, through Envoy. The overview's figures are counted once a
minute, so it is asked for with spans that nobody has looked at as well; where they take longer, the page comes without
them and looks again. `--starts` measures instead what a stack with the console takes longer to start than one without,
in turn.
"""

from __future__ import annotations

import argparse
import os
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
from stack.layout import COMPONENTS
from stack.stack import Ready, Stack

MOST_P95_MS = 150.0
MOST_START_SECONDS = 2.0
MOST_MEGABYTES = 60.0
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
    "deliveries": "/deliveries",
    "deliveries, failed": "/deliveries?status=FAILED",
    "webhooks": "/webhooks",
    "payment links": "/payment_links",
    "search, a number": "/search?q=none-such",
    "search, an amount": "/search?q=12.00+EUR",
    "requests": "/requests",
    "requests, of a status": "/requests?status=5xx",
    "requests, by id": "/requests?id=00000000-0000-4000-8000-000000000001",
    "one event": "/events/{event}",
    "API keys": "/keys",
    "routing": "/routing",
    "provider accounts": "/provider_accounts",
    "team": "/users",
    "account": "/account",
}
OPERATORS_PAGES = {
    "platform": "/platform",
    "reviews": "/platform/reviews",
    "reviews, all": "/platform/reviews?resolved=yes",
    "dead letters": "/platform/dead_letters",
    "merchants": "/platform/merchants",
    "operators": "/platform/users",
    "circuits": "/platform/circuits",
    "maintenance": "/platform/maintenance",
    "outbox and consumers": "/platform/backlog",
    "audit": "/platform/audit",
    "audit, of a status": "/platform/audit?status=5xx",
    "audit, of a path": "/platform/audit?path=/v1/refunds",
    "audit, of no path": "/platform/audit?path=/v1/nothing",
    "audit, of days": "/platform/audit?from=2020-01-01&to=2020-01-31",
    "audit, by id": "/platform/audit?id=00000000-0000-4000-8000-000000000001",
}


class Person:
    """Somebody at the console."""

    def __init__(self, ready: Ready, role: str) -> None:
        said = ready.console
        self._http = httpx.Client(timeout=60, headers={"origin": ready.edge_url, "sec-fetch-site": "same-origin"})
        self._root = said["url"]
        form = {"email": said[role], "password": said["password"]}
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
    kilobytes, own = _kilobytes(pid), _own_megabytes(pid)
    return f"{kilobytes['Rss'] / 1024:.0f} MB, its share {kilobytes['Pss'] / 1024:.0f} MB, its alone {own:.0f} MB"


def _own_megabytes(pid: int) -> float:
    kilobytes = _kilobytes(pid)
    return (kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]) / 1024


def _kilobytes(pid: int) -> dict[str, int]:
    lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}


def _starts(console: Console, rounds: int) -> int:
    """Start stacks with the console and without it in turn; 1 where it takes longer, or more memory, than it may."""
    took: dict[bool, list[float]] = {True: [], False: []}
    alone: list[float] = []
    for number in range(2 * rounds):
        # which one is first changes, so that what grows or is cached is nobody's gain
        has_console = number % 4 in (0, 3)
        begun = time.monotonic()
        with Stack(components=[name for name in COMPONENTS if has_console or name != "console"]) as stack:
            took[has_console].append(time.monotonic() - begun)
            if has_console:
                alone.append(_own_megabytes(stack.ready.pids["console"]))
                console.print(f"the console's process: {_memory(stack.ready.pids['console'])}")
        console.print(f"{'with' if has_console else 'without'} the console: up after {took[has_console][-1]:.2f} s")
    more = statistics.median(took[True]) - statistics.median(took[False])
    console.print(
        f"median with {statistics.median(took[True]):.2f} s, without {statistics.median(took[False]):.2f} s: "
        f"{more:+.2f} s; {max(alone):.0f} MB of its own at the most; load {os.getloadavg()[0]:.1f}"
    )
    return int(more > MOST_START_SECONDS or max(alone) > MOST_MEGABYTES)


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 where a page takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=200_000, help="how many there are")
    parser.add_argument("--starts", type=int, default=0, help="measure so many starts with the console, and without")
    chosen = parser.parse_args(arguments)
    console, slow = Console(width=120), 0
    if chosen.starts:
        return _starts(console, chosen.starts)
    with Stack() as stack, receiver() as endpoint:
        shop = Shop(stack.ready, endpoint)
        multiplier = Multiplier(stack.ready.database_urls, originals(stack.ready, shop))
        of_console = stack.ready.pids["console"]
        console.print(f"the console's process, at first: {_memory(of_console)}")
        begun = time.monotonic()
        multiplier.grow(chosen.payments)
        console.print(f"{chosen.payments} payments after {time.monotonic() - begun:.0f} s")
        newest = shop.paid() | {"event": shop.get("/v1/events")["events"][0]["event_id"]}
        table = Table("page", "p50 ms", "p95 ms", "most ms")
        owner, operator = Person(stack.ready, "owner"), Person(stack.ready, "operator")
        for person, pages in ((owner, PAGES), (operator, OPERATORS_PAGES)):
            for name, path in pages.items():
                ms = _timed(lambda path=path, person=person: person.took(path.format(**newest)))  # type: ignore[misc]
                p95 = _percentile(ms, 0.95)
                slow += p95 > MOST_P95_MS
                table.add_row(name, f"{statistics.median(ms):.1f}", f"{p95:.1f}", f"{ms[-1]:.1f}")
        first = [owner.took(f"/?days={days}") for days in (7, 30)]
        table.add_row("overview, not counted before", f"{statistics.median(first):.1f}", "", f"{max(first):.1f}")
        console.print(table)
        console.print(f"the console's process, at last: {_memory(of_console)}")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
