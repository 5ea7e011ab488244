"""Databases with a service's tables, each for one test: copies of one that is made once, as making it costs more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql

from stack.stack import Ready


class Templates:
    """What the databases of this process's tests are copies of, by the tables that they have."""

    def __init__(self, server: str) -> None:
        self._admin = psycopg.connect(f"{server}/postgres", autocommit=True)
        self._server = server
        self._made: dict[tuple[str, int, str], str] = {}

    @contextmanager
    def copied(self, service: str, metadata: sa.MetaData, more: LiteralString) -> Iterator[str]:
        """Yield the URL of an empty database that has a service's tables, and what `more` makes; it goes afterwards."""
        key = (service, id(metadata), more)
        if key not in self._made:
            self._made[key] = self._template(service, metadata, more)
        name = f"{service}_{uuid.uuid4().hex}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._admin.execute(copy.format(sql.Identifier(name), sql.Identifier(self._made[key])))
        try:
            yield f"{self._server}/{name}"
        finally:
            self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _template(self, service: str, metadata: sa.MetaData, more: LiteralString) -> str:
        name = f"{service}_template_{uuid.uuid4().hex}"
        self._admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = f"{self._server}/{name}"
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
        metadata.create_all(engine)
        with psycopg.connect(url) as connection:
            connection.execute(more)
        return name


@lru_cache(maxsize=1)
def templates(server: str) -> Templates:
    """Return this process's templates on a server."""
    return Templates(server)


@contextmanager
def lent_database(gateway: Ready, service: str, metadata: sa.MetaData, more: LiteralString = "") -> Iterator[str]:
    """Yield the URL of an empty database on the stack's server, with a service's tables and what `more` makes."""
    server, _, _ = gateway.database_urls["orders"].rpartition("/")
    with templates(server).copied(service, metadata, more) as url:
        yield url
