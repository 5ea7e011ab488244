"""A database of payments for tests of single statements: migrated, with a clock that stands still, and rows alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from mesh.storage.database import Database
from stack.stack import Ready
from tests.support.databases.simulated import KEPT, Store, lifetime, stores
from tests.support.databases.virtual_loop import Turnstile
from tests.support.rows import NOW


@pytest.fixture(scope=lifetime)
def store(gateway: Ready) -> Iterator[Store]:
    """The database, in which a row needs no other one: what it refers to is not what is tested."""
    server = gateway.database_urls["orders"].rpartition("/")[0]
    kept = os.environ.get(KEPT, "")
    with stores(server, f"rows_{kept or os.getpid()}", Turnstile(), keeps=bool(kept)) as made:
        store = made["payments"]
        for name, table in store.rows("SELECT conname, conrelid::regclass FROM pg_constraint WHERE contype = 'f'"):
            store.look.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
        yield store


@pytest.fixture
async def database(store: Store) -> AsyncIterator[Database]:
    """The way to the database, when nothing is in it."""
    store.clear()
    store.set_clock(NOW)
    database = Database(store.url, 1)
    await database.open()
    yield database
    await database.close()
