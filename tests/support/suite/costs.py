"""`python -m pytest -p tests.support.suite.costs …`: processor seconds of tests, with all that they start.

Each worker counts in a control group of its own, and the shared stack in another, which needs root and a Linux that
counts processor time by group. Elsewhere a worker counts itself and what it has started and seen end.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from tests.support.stack.run import Run

VARIABLE = "TEST_COSTS"
"""In the environment, for the workers: the folder that they write to, which is named as their groups are."""
ROOTS = tuple(Path("/sys/fs/cgroup") / name for name in ("cpuacct", "cpu,cpuacct", ""))
ROWS = 40
"""How many files, and how many tests, are named."""


class Group:
    """A control group; without one, this process and the children that it has seen end."""

    def __init__(self, name: str) -> None:
        self._folder: Path | None = None
        for root in ROOTS:
            if (root / "cgroup.procs").exists() and os.access(root, os.W_OK):
                self._folder = root / name
                self._folder.mkdir(exist_ok=True)
                return

    def enter(self) -> None:
        """Put this process into it, and what it starts from now on."""
        if self._folder:
            (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def seconds(self) -> float:
        """Return what was spent in it."""
        if self._folder is None:
            used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
            return sum(one.ru_utime + one.ru_stime for one in used)
        if (old := self._folder / "cpuacct.usage").exists():
            return int(old.read_text()) / 1e9
        return int((self._folder / "cpu.stat").read_text().split()[1]) / 1e6


class Counted:
    """What the tests of a process cost."""

    def __init__(self, folder: Path, name: str) -> None:
        self._own, self._shared = (Group(f"{folder.name}-{group}") for group in (name, "shared"))
        self._lines = (folder / f"{name}.jsonl").open("a", buffering=1)
        self._own.enter()
        self._write("(imports)", time.process_time())
        begin = Run._start_keeper

        @functools.wraps(begin)
        def begin_apart(run: Run) -> None:
            self._shared.enter()
            try:
                begin(run)
            finally:
                self._own.enter()

        # the stack that is begun by whichever test needs it first is none of its costs
        type.__setattr__(Run, "_start_keeper", begin_apart)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Count what it takes to find the tests."""
        return (yield from self._counted("(collecting)"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Count a test, with what it sets up for itself and for others."""
        return (yield from self._counted(item.nodeid))

    def _counted(self, what: str) -> Generator[None, object, object]:
        before = self._own.seconds()
        result = yield
        self._write(what, self._own.seconds() - before)
        return result

    def _write(self, what: str, seconds: float) -> None:
        self._lines.write(json.dumps([what, seconds]) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count: in each worker, or here where there are none."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not name:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="fusionxpay-costs-")
    if name or not config.getoption("numprocesses", None):
        config.pluginmanager.register(Counted(Path(os.environ[VARIABLE]), name or "alone"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell, with the shared stack as it is before its end."""
    folder = Path(os.environ[VARIABLE])
    lines = [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    tests, files, folders = (defaultdict[str, float](float) for _ in range(3))
    for what, seconds in lines:
        file = what.partition("::")[0]
        for counter, name in ((tests, what), (files, file), (folders, "/".join(file.split("/")[:2]))):
            counter[name] += seconds
    shared = Group(f"{folder.name}-shared").seconds()
    terminalreporter.section(
        f"processor seconds: {sum(tests.values()):.0f} of the workers, {shared:.0f} of the shared stack"
    )
    for counter in (_of_the_stack(), folders, files, tests):
        for name, seconds in sorted(counter.items(), key=lambda item: -item[1])[:ROWS]:
            terminalreporter.write_line(f"{seconds:8.1f} {name}")
        terminalreporter.write_line("")


def _of_the_stack() -> defaultdict[str, float]:
    ready = Run.current().ready_file
    costs = defaultdict[str, float](float)
    for name, pid in json.loads(ready.read_text())["pids"].items() if ready.exists() else ():
        server = psutil.Process(pid)
        for process in (server, *server.children(recursive=True)):
            used = process.cpu_times()
            costs[name] += used.user + used.system + used.children_user + used.children_system
    return costs
