"""A database and a bus of the test's own, on the run's real servers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import sqlalchemy as sa

from mesh.events.bus import Bus
from mesh.storage.database import Database
from mesh.storage.schema import mesh_metadata
from stack.stack import Ready
from tests.support.stack.bus import bus_tls


@pytest.fixture
def database_url(gateway: Ready) -> Iterator[str]:
    """A database with the tables that services share, gone after the test."""
    server, _, _ = gateway.database_urls["orders"].rpartition("/")
    name = f"mesh_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        url = f"{server}/{name}"
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.pool.NullPool)
        mesh_metadata.create_all(engine)
        yield url
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


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
