"""This checkout beside another one: `python -m bench.against FOLDER`. Both need `make install` before.

Two stacks stand side by side and are measured turn about, so that whatever else the machine does meets both: orders per
second, payment lifecycles per second, and the processor time of a lifecycle without the simulated provider. What is
claimed is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.__main__ import UNLIMITED, Load, lifecycles, orders
from bench.load import Tally

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180.0


@dataclass(frozen=True)
class Side:
    """A checkout whose stack runs."""

    name: str
    ready: Any

    def cpu(self) -> Mapping[str, float]:
        """Return the processor seconds that each process but the sandbox has used, with its children."""
        used: dict[str, float] = {}
        for name, pid in self.ready.pids.items():
            if name != "sandbox":
                family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                used[name] = sum(sum(member.cpu_times()[:4]) for member in family if member.is_running())
        return used


@dataclass(frozen=True)
class Round:
    """What was measured of a side in one round."""

    orders: float
    lifecycles: float
    order_ms: Mapping[str, float]
    lifecycle_ms: Mapping[str, float]


@contextmanager
def standing(name: str, folder: Path) -> Iterator[Side]:
    """Run the stack of a checkout for the block."""
    with tempfile.TemporaryDirectory(prefix="fusionxpay-against-") as kept:
        ready = Path(kept) / "ready.json"
        env = dict(os.environ) | {
            "FUSIONXPAY_STACK_REQUESTS_PER_SECOND": str(UNLIMITED),
            "FUSIONXPAY_STACK_KEY_REQUESTS_PER_SECOND": str(UNLIMITED),
        }
        command = [str(folder / ".venv/bin/fusionxpay"), "up", "--ready-file", str(ready)]
        with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL) as process:
            try:
                deadline = time.monotonic() + START_SECONDS
                while not ready.exists():
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit(f"{name}: its stack does not start")
                    time.sleep(0.1)
                said = json.loads(ready.read_text())
                merchant = SimpleNamespace(**said.pop("merchant"))
                yield Side(name, SimpleNamespace(**said, merchant=merchant))
            finally:
                process.terminate()
                process.wait()


def measure(side: Side, load: Load) -> Round:
    """Measure one side once."""
    before = side.cpu()
    made = orders(side.ready, load)
    between = side.cpu()
    cycles = lifecycles(side.ready, load)
    after = side.cpu()
    return Round(made.rate, cycles.rate, _each(before, between, made), _each(between, after, cycles))


def _each(before: Mapping[str, float], after: Mapping[str, float], tally: Tally) -> Mapping[str, float]:
    """Return the milliseconds of processor time that one unit took, by process."""
    return {name: (used - before.get(name, 0.0)) / max(1, len(tally.latencies)) * 1000 for name, used in after.items()}


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the other checkout, with its own .venv")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each part of a round")
    parser.add_argument("--connections", type=int, default=32)
    chosen = parser.parse_args(arguments)
    load, found = Load(chosen.seconds, chosen.connections), []
    with ExitStack() as both:
        other = both.enter_context(standing("other", chosen.folder))
        ours = both.enter_context(standing("this", ROOT))
        for side in (other, ours):
            measure(side, Load(2.0, chosen.connections))
        for number in range(chosen.rounds):
            pair = (other, ours) if number % 2 == 0 else (ours, other)
            measured = {side.name: measure(side, load) for side in pair}
            found.append((measured["other"], measured["this"]))
    _report(found)
    return 0


def _report(found: Sequence[tuple[Round, Round]]) -> None:
    table = Table("what", "other", "this", "ratio", title=f"median of {len(found)} rounds, turn about")
    measures: dict[str, Callable[[Round], float]] = {
        "orders a second": lambda one: one.orders,
        "payment lifecycles a second": lambda one: one.lifecycles,
        "processor time of an order, ms": lambda one: sum(one.order_ms.values()),
        "processor time of a lifecycle, ms": lambda one: sum(one.lifecycle_ms.values()),
    }
    for name in found[0][1].order_ms:
        measures[f"  an order, {name}"] = lambda one, name=name: one.order_ms.get(name, 0.0)  # type: ignore[misc]
        measures[f"  a lifecycle, {name}"] = lambda one, name=name: one.lifecycle_ms.get(name, 0.0)  # type: ignore[misc]
    for words, measure_of in sorted(measures.items(), key=lambda item: item[0].startswith("  ")):
        pairs = [(measure_of(other), measure_of(this)) for other, this in found]
        middle = [statistics.median(side) for side in zip(*pairs, strict=True)]
        ratios = [this / other for other, this in pairs if other]
        ratio = f"{statistics.median(ratios):.3f}" if ratios else "-"
        table.add_row(words, f"{middle[0]:.2f}", f"{middle[1]:.2f}", ratio)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
