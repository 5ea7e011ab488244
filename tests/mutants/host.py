"""The process that has imported and collected everything: measures the tests, and has forks try each change."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest

from stack.stack import Ready
from tests.mutants.binding import bound
from tests.mutants.changes import Mutant, mutated, name_of
from tests.mutants.lines import Lines, executed_on_import
from tests.mutants.measures import Choice, Map, Measure, digest
from tests.mutants.swapping import Change, index
from tests.mutants.trial import TOLD, RunGoesOn, Serving, Tests, be
from tests.support.stack.run import START_SECONDS, Run
from tests.support.waiting import eventually

NEAR = (
    "tests/mesh/test_money.py", "tests/mesh/test_paging.py", "tests/order_svc", "tests/payment_svc",
    "tests/notify_svc/api", "tests/notify_svc/domain",
    "tests/edge/test_domain.py", "tests/edge/use_cases/test_signing.py",
    "tests/simulation/staged", "tests/simulation/seeds.py",
    "tests/contract/test_numbers.py", "tests/mesh/events", "tests/mesh/storage/test_clock.py",
    "tests/mesh/storage/test_retention.py", "tests/mesh/storage/test_idempotency_keys.py",
)  # fmt: skip
SERVED = ("tests/providers", "tests/e2e/payments", "tests/e2e/providers", "tests/e2e/orders/test_payment_links.py")
LEFT_OUT = ("tests/mesh/events/test_bus.py",)
"""The bus is tested with servers of its own."""
LIMIT_SECONDS, LIMIT_FACTOR, MOST_LOAD = 5.0, 3.0, 4.0
"""How much longer than without a change a test may take, where nobody else works on the machine."""


@dataclass(frozen=True)
class Seconds:
    """How long a change is tried with tests of this process, and with those of a service."""

    near: float
    served: float


@dataclass(frozen=True)
class Outcome:
    """What became of a change: the test that saw it, or none."""

    mutant: Mutant
    found_by: str
    seconds: float
    tried: int
    """How many tests were tried."""
    module: str
    """What changes with the module's text."""
    survived: Sequence[str] = ()
    """The tests that do not see it."""
    doubt: str = ""
    """The test that failed with the change, and without it as well: it says nothing."""


class Host(RunGoesOn):
    """Runs instead of pytest's own loop, when all tests are collected."""

    def __init__(
        self, root: Path, folder: Path, bare: Connection, modules: Sequence[str], work: Callable[[Host], None]
    ) -> None:
        self._root = root
        self._folder = folder
        self._bare = bare
        self._work = work
        self._modules = modules
        self._session: pytest.Session
        self._run = Run.current()
        self._limits: dict[str, float] = {}
        self._has_ended = False
        self.map = Map()
        self.choice: Choice
        self._imported = executed_on_import(root, modules)
        for name in (*map(name_of, modules), "payment_svc.__main__"):
            importlib.import_module(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work, with what was collected."""
        self._session = session
        index()
        gc.collect()
        gc.freeze()
        self._work(self)
        return True

    def _digests(self, names: Iterable[str]) -> dict[str, str]:
        there = {name: self._root / name for name in names}
        return {name: digest(path.read_bytes()) for name, path in there.items() if path.exists()}

    def use(self, measured: Map) -> None:
        """Take what was measured, now or before."""
        there = {item.nodeid for item in self._session.items}
        near, served = ({test: one for test, one in kind.items() if test in there}
                        for kind in (measured.near, measured.served))  # fmt: skip
        self.map = replace(measured, near=near, served=served, imported=self._imported)
        self._limits = {test: one.seconds for kind in (near, served) for test, one in kind.items()}
        self.choice = Choice(self._root, self.map)

    def measure(self, known: Map, say: Callable[[str], None], keep: Callable[[Map], None]) -> None:
        """Run each test once, without a change, but for those that are known."""
        every = [item.nodeid for item in self._session.items]
        # those that are not tried this time stay measured as well
        files = {name.partition("::")[0] for name in (*every, *known.near, *known.served)}
        self.map = known.only(*map(self._digests, (files, self._modules)))
        new = [name for name in every if name not in {*self.map.near, *self.map.served, *self.map.failing}]
        near = [name for name in new if not name.startswith(SERVED)]
        served = [name for name in new if name.startswith(SERVED)]
        for name, seconds, failed, seen in self._measured(near) if near else ():
            self._note(self.map.near, name, seconds, failed, seen, say)
            if not len(self.map.near) % 100:
                keep(self.map)
        keep(self.map)
        lines = Lines(self._root, self._modules)
        if not served:
            return
        with self._serving(None, lines) as service:
            for name, seconds, failed, _ in self._measured(served):
                service.send("cut")
                _, seen = service.recv()
                self._note(self.map.served, name, seconds, failed, seen, say)
                keep(self.map)

    def untried(self, mutant: Mutant, seconds: Seconds, tried: Collection[str]) -> tuple[list[str], list[str]]:
        """Return the tests of this process and of a service that a change is tried with."""
        near = self.choice.near(mutant, seconds.near)
        served = self.choice.served(mutant, seconds.served) if mutant.module.startswith("payment_svc") else []
        return [test for test in near if test not in tried], [test for test in served if test not in tried]

    def try_(self, mutant: Mutant, seconds: Seconds, tried: Sequence[str]) -> Outcome:
        """Return what becomes of a change. Raises SyntaxError: it is none."""
        begin = time.monotonic()
        before, after = mutated(self._root, mutant)
        # of `**` before a mapping, cosmic-ray takes any for a power
        compile(after, mutant.module, "exec", dont_inherit=True)
        names: frozenset[str] | None = frozenset()
        if self.choice.is_imported(mutant):
            names = bound(self._root, mutant.module, mutant.line, self.map.imported)
        fresh, doubt = names is None, ""
        change = Change(self._root / mutant.module, name_of(mutant.module), before, after, names or frozenset())
        tests, served = self.untried(mutant, seconds, frozenset(tried))
        found = self._found(tests, change, fresh) if tests else ""
        if found and self._is_doubtful(found):
            # it is the change that the test failed for, and not the machine
            again = self._found([found.partition(" (")[0]], None, fresh)
            doubt, found = (found, "") if again else ("", found)
        if not found and served:
            tests += served
            found = self._found_by_service(served, change, fresh)
        if found:
            self.choice.has_killed(found.partition(" (")[0], mutant)
        survived = () if found else (*tried, *tests)
        text = self.map.files[mutant.module]
        return Outcome(mutant, found, time.monotonic() - begin, len(tests), text, survived, doubt)

    def _is_doubtful(self, found: str) -> bool:
        # what is pure fails by what it is given alone
        return found.endswith(")") or self._limits.get(found, 0.0) > 0.05

    def _found(self, tests: Sequence[str], change: Change | None, fresh: bool) -> str:
        """Return the test that fails; nothing when none does."""
        order = Tests(tests, change, self._folder / "trial.log", self._run.folder)
        with self._forked(order, fresh) as wire:
            return self._watch(wire, tests)

    def _watch(self, wire: Connection, tests: Sequence[str]) -> str:
        current, until = "", time.monotonic() + self._limit(5.0)
        while True:
            try:
                if not wire.poll(max(0.0, until - time.monotonic())):
                    return f"{current or tests[0]} (no end)"
                said = wire.recv()
            except EOFError:
                return f"{current or tests[0]} (died)"
            if said[0] == "begins":
                current = said[1]
                until = time.monotonic() + self._limit(self._limits.get(current, 1.0))
            elif said[0] == "ends" and said[2]:
                return current
            elif said[0] == "done":
                return ""
            elif said[0] == "ended":
                # what cannot be imported fails before the first test
                self._has_ended = True
                return f"{current or tests[0]} (died)"

    def _limit(self, seconds: float) -> float:
        return (LIMIT_SECONDS + LIMIT_FACTOR * seconds) * min(
            max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), MOST_LOAD
        )

    def _found_by_service(self, tests: Sequence[str], change: Change, fresh: bool) -> str:
        try:
            with self._serving(change, fresh=fresh):
                found = self._found(tests, None, False)
        except AssertionError:
            # it does not begin to serve
            found = f"{tests[0]} (does not start)"
        if found:
            # it is the change that failed, not the stack
            with self._serving(None):
                again = self._found([found.partition(" (")[0]], None, False)
            if again:
                return ""
        return found

    def _measured(self, tests: Sequence[str]) -> Iterator[tuple[str, float, bool, dict[str, frozenset[int]]]]:
        order = Tests(tests, None, self._folder / "measuring.log", self._run.folder)
        with self._forked(order, False, Lines(self._root, self._modules)) as wire:
            while True:
                try:
                    said = wire.recv()
                except EOFError:
                    raise RuntimeError(f"the tests have ended in the middle: {order.log.read_text()[-2000:]}") from None
                if said[0] == "ends":
                    _, name, failed, seconds, seen = said
                    yield name, seconds, failed, seen
                elif said[0] == "done":
                    return

    def _note(
        self, kind: dict[str, Measure], name: str, seconds: float, failed: bool, seen: dict[str, frozenset[int]],
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        if failed:
            self.map.failing.append(name)
            say(f"fails without a change, and is left out: {name}")
        else:
            kind[name] = Measure(seconds, {module: lines for module, lines in seen.items() if lines})

    @contextmanager
    def _serving(self, change: Change | None, lines: Lines | None = None, fresh: bool = False) -> Iterator[Connection]:
        """Run the payment service. Raises AssertionError when it does not begin to serve."""
        order = Serving(change, self._folder / "service.log", self._run.folder)
        ready = self._run.shared_stack()
        url = f"http://{json.loads((order.run / TOLD).read_text())['metrics']}/readyz"
        with self._forked(order, fresh, lines) as wire:
            eventually(lambda: _answer(url) == 200, "the payment service", seconds=self._limit(2.0))
            eventually(lambda: _is_routed(ready), "Envoy sees the payment service", seconds=self._limit(2.0))
            yield wire

    @contextmanager
    def _forked(self, order: Tests | Serving, fresh: bool, lines: Lines | None = None) -> Iterator[Connection]:
        """Have a fork carry an order out, and end it, and whatever it has begun, after the block."""
        if fresh:
            self._has_ended = False
            self._bare.send(order)
            pid = self._bare.recv()[1]
            try:
                yield self._bare
            finally:
                _end(pid)
                while not self._has_ended:
                    self._has_ended = self._bare.recv()[0] == "ended"
            return
        mine, theirs = Pipe()
        child = os.fork()
        if child == 0:
            mine.close()
            be(order, theirs, self._session, lines)
        theirs.close()
        try:
            assert mine.recv() == ("pid", child)
            yield mine
        finally:
            _end(child)
            os.waitpid(child, 0)
            mine.close()


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _answer(url: str, key: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _is_routed(ready: Ready) -> bool:
    return _answer(f"{ready.edge_url}/v1/payments?page_size=1", ready.merchant.api_key) == 200


@contextmanager
def stack_of(run: Run, components: Sequence[str] = ()) -> Iterator[None]:
    """Run a stack without a payment service while the block runs; of some components, where others are not needed."""
    log = (run.folder / "keeper.log").open("wb")
    argv = [sys.executable, "-m", "tests.mutants.keeper", *components]
    keeper = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        told = run.folder / TOLD
        eventually(lambda: told.exists() or keeper.poll() is not None, "the stack", seconds=START_SECONDS)
        assert told.exists(), (run.folder / "keeper.log").read_text()
        yield
    finally:
        run.end()
        keeper.wait()
        log.close()


def sweep(ready: Ready) -> None:
    """End the statements and drop the databases of trials that were ended."""
    server = ready.database_urls["orders"].rpartition("/")[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        # a query without an end goes on when nobody waits for it any more
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ~ '^(mesh|simulation)_'")
        left = admin.execute("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname ~ '^mesh_'")
        for (name,) in left.fetchall():
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
