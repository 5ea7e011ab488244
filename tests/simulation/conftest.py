"""What the tests of the simulation share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from stack.stack import Ready
from tests.simulation.schedule import Runner
from tests.support.databases.simulated import KEPT, lifetime, stores
from tests.support.databases.virtual_loop import VirtualLoop

KEPT_CONNECTIONS = 6


@pytest.fixture(scope=lifetime)
def runner(gateway: Ready) -> Iterator[Runner]:
    """Databases and a loop for the schedules of this process."""
    server = gateway.database_urls["orders"].rpartition("/")[0]
    loop = VirtualLoop()
    kept = os.environ.get(KEPT, "")
    with stores(server, kept or f"test_{os.getpid()}", loop.turnstile, keeps=bool(kept)) as made:
        yield Runner(loop, made, *([KEPT_CONNECTIONS] if kept else []))
    loop.close()
