"""An index of a table that is in use: what was built stays, what failed is built anew."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from mesh.storage.migrate import add_index
from stack.stack import Ready


@pytest.fixture
def url(gateway: Ready) -> Iterator[str]:
    """The URL of a database with a table `things`, gone afterwards."""
    server, _, _ = gateway.database_urls["orders"].rpartition("/")
    name = f"migrate_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(f"{server}/{name}", autocommit=True) as connection:
            connection.execute("CREATE TABLE things AS SELECT 1 AS number FROM generate_series(1, 2)")
        yield f"{server}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def add(url: str, *, unique: bool = False) -> None:
    """Do it as a migration does."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.pool.NullPool)
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):
        add_index("ix_things", "things", ["number"], unique=unique)


def built(url: str) -> tuple[int, bool] | None:
    """Return which index there is, and whether it is valid."""
    with psycopg.connect(url) as connection:
        asked = "SELECT indexrelid::int, indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_things')"
        return connection.execute(asked).fetchone()


def test_index_that_was_built_stays_when_its_migration_is_tried_again(url: str) -> None:
    add(url)
    first = built(url)
    add(url)
    assert built(url) == first
    assert first
    assert first[1]


def test_index_whose_build_failed_is_built_anew(url: str) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        add(url, unique=True)
    failed = built(url)
    assert failed
    assert not failed[1]
    add(url)
    assert built(url) not in (None, failed, (failed[0], True))
