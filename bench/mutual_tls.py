"""`python -m bench.mutual_tls`: what mutual TLS and the audit cost, by stacks turn about in one run.

The processor time of all components for an order says more than the rate where others use the same machine.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench.__main__ import UNLIMITED, Load, orders
from stack.envoy import render_envoy
from stack.layout import StackLayout
from stack.settings import StackSettings
from stack.stack import Stack

ROUNDS = 4
LOAD = Load(seconds=4, connections=32)
KINDS = {
    "plain text, no audit": (False, False),
    "plain text, audit": (False, True),
    "mutual TLS, audit": (True, True),
}


def main() -> None:
    """Measure and print."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in KINDS}
    for _ in range(ROUNDS):
        for name, (mutual_tls, audit) in KINDS.items():
            found[name].append(_measured(mutual_tls=mutual_tls, audit=audit))
    table = Table("mesh", "orders a second", "ms of processor an order", "median", "of the first")
    base = statistics.median(cost for _, cost in found["plain text, no audit"])
    for name, rounds in found.items():
        middle = statistics.median(cost for _, cost in rounds)
        rates = " ".join(f"{rate:.0f}" for rate, _ in rounds)
        costs = " ".join(f"{cost:.2f}" for _, cost in rounds)
        table.add_row(name, rates, costs, f"{middle:.2f}", f"{middle / base:.1%}")
    Console().print(table)


def _measured(*, mutual_tls: bool, audit: bool) -> tuple[float, float]:
    """Return the order rate, and the milliseconds of processor time that all components used for an order."""
    settings = StackSettings(requests_per_second=UNLIMITED, mutual_tls=mutual_tls)
    with Stack(settings, envoy_config=render_envoy if audit else _without_audit) as stack:
        if not audit:
            stack.stop("audit_svc")
        orders(stack.ready, Load(1, LOAD.connections))
        before = _processor_seconds(stack)
        tally = orders(stack.ready, LOAD)
        used = _processor_seconds(stack) - before
    return tally.rate, used / len(tally.latencies) * 1000


def _processor_seconds(stack: Stack) -> float:
    processes = [psutil.Process(pid) for pid in stack.ready.pids.values()]
    family = {one.pid: one for parent in processes for one in (parent, *parent.children(recursive=True))}
    return sum(sum(one.cpu_times()[:2]) for one in family.values())


def _without_audit(site: StackLayout) -> Path:
    """Render Envoy's configuration without the lines for the audit."""
    path = render_envoy(site)
    config = json.loads(path.read_text())
    for listener in config["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["access_log"] = [log for log in manager["access_log"] if log["name"] != "audit"]
    path.write_text(json.dumps(config))
    return path


if __name__ == "__main__":
    main()
