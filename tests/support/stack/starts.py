"""`python -m tests.support.stack.starts <package>`: starts a service once for each environment of a list.

What starting costs is importing: here that is done once, and each start is a fork of it. Environments come in as JSON,
a list of objects; out goes a list of `[status, what was written to stderr]`.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib import import_module
from tempfile import TemporaryFile
from typing import NoReturn

from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE


def starts(package: str, environments: Iterable[Mapping[str, str]]) -> list[tuple[int, str]]:
    """Start a service in each environment; return the status that it ended with, and what it wrote to stderr."""
    argv = [sys.executable, "-m", "tests.support.stack.starts", package]
    done = subprocess.run(
        argv, cwd=ROOT, input=json.dumps(list(environments)), stdout=subprocess.PIPE, text=True, check=True
    )
    return [(status, said) for status, said in json.loads(done.stdout)]


def main() -> None:
    """Start the service that the argument names."""
    package = sys.argv[1]
    import_module(f"{package}.__main__")
    json.dump([_started(package, environment) for environment in json.load(sys.stdin)], sys.stdout)


def _started(package: str, environment: Mapping[str, str]) -> tuple[int, str]:
    with TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            os.dup2(said.fileno(), sys.stderr.fileno())
            os.environ.clear()
            os.environ.update(environment)
            # one that starts after all would never end
            signal.alarm(int(PATIENCE))
            _run(package)
        _, ended = os.waitpid(pid, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(ended), said.read().decode()


def _run(package: str) -> NoReturn:
    status: object = 0
    try:
        runpy.run_module(package, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    main()
