"""A database and a bus of the test's own, on the run's real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from mesh.events.bus import Bus
from mesh.storage.database import Database
from mesh.storage.schema import mesh_metadata
from stack.stack import Ready
from tests.support.databases.lent import lent_database
from tests.support.stack.bus import bus_tls


@pytest.fixture
def database_url(gateway: Ready) -> Iterator[str]:
    """A database with the tables that services share, the test's own while it runs."""
    with lent_database(gateway, "mesh", mesh_metadata) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The opened pool."""
    database = Database(database_url, 6)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def bus(gateway: Ready) -> AsyncIterator[Bus]:
    """A connection to the run's NATS."""
    bus = Bus(gateway.nats_url, "operator", bus_tls(gateway))
    bus.start()
    await bus.connected()
    yield bus
    await bus.close()
