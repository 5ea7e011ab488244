"""`python -m bench.idle`: what `fusionxpay up` takes of the machine while nobody asks anything.

Processor time as the scheduler counts it, thread by thread, in percent of one core; how often a thread wakes a second;
and memory, of which shared pages are counted once (PSS). Every process is in it, `fusionxpay up` itself as well. Beside
other work the times are for the ratios; how often something wakes is not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

COMMAND, FACTORY = "fusionxpay up", "nursery"
START_SECONDS, STOP_SECONDS = 120.0, 60.0
LOOK_SECONDS = 0.1
MEMORY = ("Pss", "Private_Dirty")
"""What is asked of the kernel about a process's memory: its share, and what it alone has written to."""


@dataclass(frozen=True)
class Use:
    """What a thread has used up to a moment, or between two: nanoseconds on a processor, and how often it has slept."""

    name: str
    cpu: int = 0
    wakes: int = 0

    def since(self, before: Use | None) -> Use:
        """Return what was used since."""
        return Use(self.name, self.cpu - (before.cpu if before else 0), self.wakes - (before.wakes if before else 0))


def family(pid: int) -> list[int]:
    """Return a process and all that it has begun."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    return []


def processes(up: int, pids: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the processes of a stack by component: those that it names, the command, and what its services fork of."""
    found = {name: family(pid) for name, pid in pids.items()}
    known = {pid for members in found.values() for pid in members}
    rest = [pid for pid in family(up) if pid not in known]
    return found | {FACTORY: [pid for pid in rest if pid != up], COMMAND: [up]}


def uses(pids: list[int]) -> dict[tuple[int, int], Use]:
    """Return what each thread of processes has used, by the numbers of its process and its own."""
    found = {}
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            # threads end at any time
            with suppress(OSError):
                cpu = int((thread / "schedstat").read_text().split()[0])
                status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines())
                name, wakes = status["Name"], int(status["voluntary_ctxt_switches"])
                found[pid, int(thread.name)] = Use(name, cpu, wakes)
    return found


def memory(pid: int) -> dict[str, float]:
    """Return a process's memory in MB by its kinds; nothing of one that has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
        return {kind: sizes[kind] for kind in MEMORY}
    return {}


def sum_of_memory(pids: list[int]) -> dict[str, float]:
    """Return the memory of processes in MB by its kinds."""
    sizes = [memory(pid) for pid in pids]
    return {kind: sum(size.get(kind, 0.0) for size in sizes) for kind in MEMORY}


@contextmanager
def running(options: list[str]) -> Iterator[tuple[int, dict[str, int]]]:
    """Run `fusionxpay up`; yield its process id and those that it names. Raises SystemExit when it does not start."""
    with tempfile.TemporaryDirectory(prefix="fusionxpay-idle-") as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "log"
        command: list[str | Path] = [
            Path(sys.executable).with_name("fusionxpay"),
            "up",
            "--ready-file",
            ready,
            *options,
        ]
        with log.open("wb") as output:
            up = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            until = time.monotonic() + START_SECONDS
            while not ready.exists():
                if up.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"fusionxpay up did not start: {log.read_text()}")
                time.sleep(LOOK_SECONDS)
            yield up.pid, json.loads(ready.read_text())["pids"]
        finally:
            up.terminate()
            up.wait(STOP_SECONDS)


@dataclass(frozen=True)
class Measured:
    """What the components of a stack used in so many seconds, by threads, and their memory in MB, by its kinds."""

    seconds: float
    used: Mapping[str, Mapping[tuple[int, int], Use]]
    sizes: Mapping[str, Mapping[str, float]]


def measured(up: int, pids: Mapping[str, int], seconds: float) -> Measured:
    """Leave a stack alone for so many seconds, and return what it used: `up` is the process that has started it."""
    before = {name: uses(members) for name, members in processes(up, pids).items()}
    started = time.monotonic()
    time.sleep(seconds)
    after = {name: uses(members) for name, members in processes(up, pids).items()}
    passed = time.monotonic() - started
    used = {
        name: {key: use.since(before[name].get(key)) for key, use in threads.items()} for name, threads in after.items()
    }
    return Measured(passed, used, {name: sum_of_memory(members) for name, members in processes(up, pids).items()})


def report(console: Console, found: Measured) -> None:
    """Print a line for each component, and their sums."""
    title = f"idle, {found.seconds:.0f} s"
    table = Table("component", "% of a core", "wakes a second", "MB", "of it written to", title=title)
    total: dict[str, float] = defaultdict(float)
    for name, threads in found.used.items():
        cpu = sum(use.cpu for use in threads.values()) / found.seconds / 1e7
        wakes = sum(use.wakes for use in threads.values()) / found.seconds
        for what, value in {"cpu": cpu, "wakes": wakes, **found.sizes[name]}.items():
            total[what] += value
        table.add_row(name, f"{cpu:.2f}", f"{wakes:.0f}", *(f"{found.sizes[name][kind]:.1f}" for kind in MEMORY))
    table.add_section()
    table.add_row("all", f"{total['cpu']:.2f}", f"{total['wakes']:.0f}", *(f"{total[kind]:.1f}" for kind in MEMORY))
    console.print(table)


def report_threads(console: Console, found: Measured) -> None:
    """Print a line for each thread that has woken."""
    for name, threads in found.used.items():
        for (pid, thread), use in sorted(threads.items(), key=lambda item: -item[1].cpu):
            if use.wakes:
                share, wakes = use.cpu / found.seconds / 1e7, use.wakes / found.seconds
                console.print(f"{name:12} {share:6.3f} % {wakes:6.1f}/s {use.name} {pid}/{thread}", highlight=False)


def main() -> None:
    """Start a stack, leave it alone, and print what it used meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__)
    # connections that were needed at the start only are given back one after the other
    parser.add_argument("--settle", type=float, default=180.0, help="seconds after the start that are not counted")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long is counted")
    parser.add_argument("--threads", action="store_true", help="print each thread that wakes")
    parser.add_argument("--data-dir", help="a state to begin with, as for `fusionxpay up`; without, an empty one")
    chosen = parser.parse_args()
    console = Console(width=max(100, Console().width))
    with running(["--data-dir", chosen.data_dir] if chosen.data_dir else []) as (up, pids):
        time.sleep(chosen.settle)
        found = measured(up, pids, chosen.seconds)
        report(console, found)
        if chosen.threads:
            report_threads(console, found)
        console.print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
