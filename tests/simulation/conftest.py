"""What the tests of the simulation share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

import pytest

from stack.stack import Ready
from tests.simulation.loop import VirtualLoop
from tests.simulation.schedule import Runner
from tests.simulation.storage import stores

KEPT_CONNECTIONS = 6
KEPT = "TEST_SIMULATION"
"""In the environment: the name of databases that outlive the tests, of which one process at a time runs some."""


def _scope(fixture_name: str, config: pytest.Config) -> Literal["session", "module"]:
    """A module's, as it has many connections, unless nobody else has any."""
    return "session" if KEPT in os.environ else "module"


@pytest.fixture(scope=_scope)
def runner(gateway: Ready) -> Iterator[Runner]:
    """Databases and a loop for the schedules of this process."""
    server = gateway.database_urls["orders"].rpartition("/")[0]
    loop = VirtualLoop()
    kept = os.environ.get(KEPT, "")
    with stores(server, kept or f"test_{os.getpid()}", loop.turnstile, keeps=bool(kept)) as made:
        yield Runner(loop, made, *([KEPT_CONNECTIONS] if kept else []))
    loop.close()
