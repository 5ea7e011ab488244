"""A database of the audit's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import sqlalchemy as sa

from audit_svc.domain.entry import START
from audit_svc.tables import metadata
from mesh.storage.database import Database
from stack.stack import Ready


@pytest.fixture
def url(gateway: Ready) -> Iterator[str]:
    """The URL of a database with the tables and an empty chain, gone afterwards."""
    server, _, _ = gateway.database_urls["orders"].rpartition("/")
    name = f"audit_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        made = f"{server}/{name}"
        engine = sa.create_engine(made.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.pool.NullPool)
        metadata.create_all(engine)
        with psycopg.connect(made) as connection:
            connection.execute("INSERT INTO head VALUES (true, %s, %s)", [START.seq, START.hash])
        yield made
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    pool = Database(url, 2)
    await pool.open()
    yield pool
    await pool.close()
