"""What a fork does: some tests, one after the other until one fails, or the payment service."""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.mutants.lines import Lines
from tests.mutants.swapping import Change, put_in

VARIABLE = "TEST_RUN_FOLDER"
TOLD = "service.json"
"""The file that says how the service would run."""

OPTIONS = ("-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "--tb=short")


@dataclass(frozen=True)
class Tests:
    """Run tests with a change; by whoever has imported nothing of ours, where the change takes effect on import."""

    names: Sequence[str]
    change: Change | None
    log: Path
    run: Path
    """The folder of the run whose stack they use."""


@dataclass(frozen=True)
class Serving:
    """Be the payment service with a change."""

    change: Change | None
    log: Path
    run: Path


def be(
    order: Tests | Serving, wire: Connection, session: pytest.Session | None, lines: Lines | None = None
) -> NoReturn:
    """Carry an order out in this process, say so, and end."""
    os.setsid()
    status = 1
    wire.send(("pid", os.getpid()))
    try:
        _write_to(order.log)
        os.environ[VARIABLE] = str(order.run)
        if order.change:
            put_in(order.change)
        if isinstance(order, Serving):
            _serve(order, wire, lines)
        elif session:
            named = {item.nodeid: item for item in session.items}
            _run(session, [named[name] for name in order.names], wire, lines)
        else:
            # a change that cannot be imported fails here
            pytest.main([*OPTIONS, f"--basetemp={order.log}.tmp", *order.names], plugins=[_Loop(wire)])
        status = 0
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
    finally:
        os._exit(status)


class RunGoesOn:
    """Says to the suite's conftest that the run has been begun by somebody else."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Be a worker."""
        config.workerinput = {}  # type: ignore[attr-defined]
        from hypothesis import settings

        settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
        settings.load_profile("mutants")


class _Loop(RunGoesOn):
    def __init__(self, wire: Connection) -> None:
        self._wire = wire

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run what was collected."""
        _run(session, session.items, self._wire, None)
        return True


def _run(session: pytest.Session, items: Sequence[pytest.Item], wire: Connection, lines: Lines | None) -> None:
    """Run tests, and say how each went; only with `lines`, which are told as well, any after one that fails."""
    items = [item for item in items if not item.get_closest_marker("skip")]
    for item, following in zip_longest(items, items[1:]):
        wire.send(("begins", item.nodeid))
        begin, failed = time.monotonic(), session.testsfailed
        if lines:
            lines.cut()
            lines.begin()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if lines:
            lines.end()
        has_failed = session.testsfailed > failed
        seen = lines.cut() if lines else {}
        wire.send(("ends", item.nodeid, has_failed, time.monotonic() - begin, seen))
        if has_failed and not lines:
            break
    try:
        session._setupstate.teardown_exact(None)
    finally:
        wire.send(("done",))


def _serve(order: Serving, wire: Connection, lines: Lines | None) -> None:
    told: dict[str, Any] = json.loads((order.run / TOLD).read_text())
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    if lines:
        lines.begin()
        threading.Thread(target=_tell, args=(wire, lines.cut), daemon=True).start()
    sys.argv = ["payment_svc"]
    runpy.run_module("payment_svc", run_name="__main__", alter_sys=True)


def _tell(wire: Connection, cut: Callable[[], Any]) -> None:
    while True:
        wire.recv()
        wire.send(("seen", cut()))


def _write_to(log: Path) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
