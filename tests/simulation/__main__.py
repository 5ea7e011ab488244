"""`make simulate`: schedules on every core, for as long as asked; a seed that fails tells its story."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from stack.settings import StackSettings
from stack.stack import Stack
from tests.simulation import workers
from tests.simulation.profiles import PROFILES
from tests.simulation.schedule import Result

console = Console(highlight=False, soft_wrap=True)
STORIES = Path(".data/simulation")


def main() -> int:
    """Run the schedules that the arguments name; return 1 when one fails."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=4000, help="how many schedules; 0: until the time is over")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so many minutes; 0: never")
    names = ", ".join(one.name for one in PROFILES)
    parser.add_argument("--profile", default="", help=f"what goes wrong, rather than each in turn: {names}")
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--until-failure", action="store_true", help="stop at the first schedule that fails")
    options = parser.parse_args()
    with Stack(StackSettings(), components=["postgres"]) as stack:
        server = next(iter(stack.ready.database_urls.values()))
        return _run(options, server)


def _run(options: argparse.Namespace, server: str) -> int:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[Result | None] = context.Queue()
    stop = context.Event()
    processes = [
        context.Process(target=workers.work, args=(server, index, options, results, stop), daemon=True)
        for index in range(options.workers)
    ]
    begin = time.monotonic()
    for process in processes:
        process.start()
    total: Counter[str] = Counter()
    failed: list[Result] = []
    running = len(processes)
    while running:
        result = results.get()
        if result is None:
            running -= 1
            continue
        _count(total, result)
        if result.complaints:
            failed.append(result)
            _keep(result)
            if options.until_failure:
                stop.set()
        if total["schedules"] % 200 == 0:
            _report(total, failed, time.monotonic() - begin)
        if options.minutes and time.monotonic() - begin > 60 * options.minutes:
            stop.set()
    _report(total, failed, time.monotonic() - begin)
    if failed:
        console.print(f"the stories of those that failed are in {STORIES}")
    return 1 if failed else 0


def _count(total: Counter[str], result: Result) -> None:
    total["schedules"] += 1
    for name in ("orders", "payments", "captures", "surpluses", "reviews", "kills"):
        total[name] += getattr(result, name)
    total["hours"] += int(result.virtual_seconds / 36) / 100  # type: ignore[assignment]


def _keep(result: Result) -> None:
    STORIES.mkdir(parents=True, exist_ok=True)
    (STORIES / f"{result.seed}.txt").write_text(result.tell())
    console.print(f"seed {result.seed} ({result.profile}) failed: {result.complaints[0]}")


def _report(total: Counter[str], failed: list[Result], seconds: float) -> None:
    counted = ", ".join(f"{value:.0f} {name}" for name, value in total.items())
    console.print(f"{seconds:7.1f} s: {counted}; {len(failed)} failed")


if __name__ == "__main__":
    raise SystemExit(main())
