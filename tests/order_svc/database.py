"""A database with the tables of the order service, for one test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from order_svc.tables import metadata
from stack.stack import Ready


@contextmanager
def made_database(gateway: Ready) -> Iterator[str]:
    """Yield the URL of a database with the tables, gone afterwards."""
    server, _, _ = gateway.database_urls["orders"].rpartition("/")
    name = f"orders_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        url = f"{server}/{name}"
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.pool.NullPool)
        metadata.create_all(engine)
        yield url
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
