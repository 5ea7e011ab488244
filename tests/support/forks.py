"""Our services for single tests: forks, as in a stack, since what starting one costs is importing."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from functools import cache

from stack.forking.forks import Nurseries
from stack.process import Command
from stack.servers import outside_env
from tests.support.paths import ROOT
from tests.support.stack.run import Run


def service_command(module: str, env: Mapping[str, str]) -> Command:
    """Return what runs a service with an environment."""
    return Command([sys.executable, "-m", module], env, ROOT, forks=_forks())


@cache
def _forks() -> Nurseries:
    """Return who forks for this process, and ends with it."""
    made = Nurseries(ROOT, Run.current().folder / f"nursery-{os.getpid()}.log", outside_env())
    atexit.register(made.close)
    return made
