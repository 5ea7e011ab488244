"""`python -m bench.beside`: orders and payments beside what a merchant would write by hand (`bench/peers/`).

Both on one machine, one PostgreSQL and sandboxes of the same code, turn about, so that the ratios mean something where
the numbers do not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench.counts import cpu_ms
from bench.load import Connection, Tally, order_body, payment_body, run
from stack.ports import Ports
from stack.settings import StackSettings
from stack.stack import Ready, Stack

ROUNDS = 3
WARM_UP_SECONDS = 2.0
SECRET, KEY = "whsec_peer", "sk_test_peer"
UNLIMITED = 1_000_000


@dataclass(frozen=True)
class Side:
    """One of the two: where it is, and the processes that its work is done by, but for the sandbox's."""

    name: str
    address: str
    api_key: str
    pids: list[int]
    found: dict[str, list[float]] = field(default_factory=dict)

    def cpu_ms(self) -> float:
        """Return the processor time that its processes have used."""
        return sum(map(cpu_ms, self.pids))


@contextmanager
def peer(ready: Ready) -> Iterator[Side]:
    """Run what was written by hand, with a database and a sandbox of its own, for as long as the block."""
    base, _, _ = ready.database_urls["orders"].rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS peer")
        connection.execute("CREATE DATABASE peer")
    with tempfile.TemporaryDirectory() as folder, Ports() as ports:
        port, stripe = ports.take(), ports.take()
        sandbox = {
            "SANDBOX_LISTEN": f"127.0.0.1:{stripe}",
            "SANDBOX_DATABASE": str(Path(folder) / "sandbox.sqlite3"),
            "SANDBOX_STRIPE_API_KEY": KEY,
            "SANDBOX_STRIPE_WEBHOOK_URL": f"http://127.0.0.1:{port}/hook",
            "SANDBOX_STRIPE_WEBHOOK_SECRET": SECRET,
        }
        shop = {
            "PEER_PORT": str(port),
            "PEER_DATABASE": f"{base}/peer".replace("postgresql://", "postgresql+psycopg://"),
            "PEER_STRIPE": f"http://127.0.0.1:{stripe}",
            "PEER_STRIPE_KEY": KEY,
            "PEER_WEBHOOK_SECRET": SECRET,
        }
        with (Path(folder) / "log").open("wb") as log:
            processes = [
                subprocess.Popen([sys.executable, "-m", module], env=os.environ | given, stdout=log, stderr=log)
                for module, given in (("sandbox", sandbox), ("bench.peers.by_hand", shop))
            ]
            try:
                _wait_for(port)
                _wait_for(stripe)
                yield Side("by hand", f"127.0.0.1:{port}", "none", [processes[1].pid, ready.pids["postgres"]])
            finally:
                for process in processes:
                    process.terminate()
                    process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


async def _order(connection: Connection, number: int) -> str:
    status, body = await connection.post("/v1/orders", order_body(number), uuid.uuid4().hex)
    return str(orjson.loads(body)["order_id"]) if status == 200 else ""


async def _create(connection: Connection, number: int) -> str:
    return "" if await _order(connection, number) else "an order was refused"


class Payments:
    """Pays orders, and notes how long the call to pay took."""

    def __init__(self) -> None:
        self.latencies: list[float] = []

    async def lifecycle(self, connection: Connection, number: int) -> str:
        """Create an order, pay it, and wait until it is SUCCESS."""
        order_id = await _order(connection, number)
        wanted = payment_body(order_id)
        begun = time.perf_counter()
        status, body = await connection.post("/v1/payments", wanted, uuid.uuid4().hex)
        self.latencies.append((time.perf_counter() - begun) * 1000)
        if status != 200:
            return f"{status} {body[:80]!r}"
        while True:
            # asking without a pause would measure the asking
            await asyncio.sleep(0.05)
            status, body = await connection.get(f"/v1/orders/{order_id}")
            if status != 200:
                return f"{status} {body[:80]!r}"
            if (now := orjson.loads(body)["status"]) not in ("NEW", "PROCESSING"):
                return "" if now == "SUCCESS" else str(now)


def _measure(side: Side, seconds: float) -> dict[str, int]:
    """Measure one side once; return what went wrong."""

    def note(name: str, value: float) -> None:
        side.found.setdefault(name, []).append(value)

    def go(unit: object, connections: int) -> Tally:
        return uvloop.run(run(side.address, side.api_key, unit, connections=connections, seconds=seconds))  # type: ignore[arg-type]

    tallies = [go(_create, 32)]
    note("orders/s, 32 at once", tallies[0].rate)
    for at_once in (1, 8):
        payments, before = Payments(), side.cpu_ms()
        tally = go(payments.lifecycle, at_once)
        note(f"lifecycles/s, {at_once} at once", tally.rate)
        note(f"processor time a lifecycle, {at_once} at once, ms", (side.cpu_ms() - before) / len(tally.latencies))
        note(f"POST /v1/payments, {at_once} at once, p50 ms", statistics.median(payments.latencies))
        tallies.append(tally)
    return {problem: count for tally in tallies for problem, count in tally.errors.items()}


def compare(console: Console, ready: Ready, seconds: float) -> bool:
    """Measure both turn about and print the ratios; return whether something failed."""
    pids = [pid for name, pid in ready.pids.items() if name != "sandbox"]
    failed: dict[str, int] = {}
    with peer(ready) as theirs:
        ours = Side("ours", ready.edge_grpc, ready.merchant.api_key, pids)
        for side in (ours, theirs):
            # whoever came first would prepare statements and open connections in what is measured
            _measure(side, WARM_UP_SECONDS)
            side.found.clear()
        for _ in range(ROUNDS):
            for side in (ours, theirs):
                failed |= _measure(side, seconds)
    table = Table("what", "ours", "by hand", "ratio", "of each round", title="beside what is written by hand, medians")
    for name, mine in ours.found.items():
        other = theirs.found[name]
        ratio = statistics.median(mine) / statistics.median(other)
        each = ", ".join(f"{a / b:.2f}" for a, b in zip(mine, other, strict=True))
        table.add_row(name, f"{statistics.median(mine):.1f}", f"{statistics.median(other):.1f}", f"{ratio:.2f}", each)
    console.print(table)
    for problem, count in failed.items():
        console.print(f"[red]{count} x {problem}")
    return bool(failed)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each part runs in each round")
    chosen = parser.parse_args()
    unlimited = StackSettings(requests_per_second=UNLIMITED, key_requests_per_second=UNLIMITED)
    with Stack(unlimited) as stack:
        return compare(Console(), stack.ready, chosen.seconds)


if __name__ == "__main__":
    sys.exit(main())
