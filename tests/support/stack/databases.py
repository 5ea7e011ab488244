"""Databases with a service's tables, lent to one test after the other: one that is made anew costs a fifth of a second.

A test that has changed anything but rows gets its database to itself: it is gone afterwards.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql

from stack.stack import Ready

MOST_ROWS = 1_000
"""Of a table: what was deleted is read over by whoever comes next."""
_STRUCTURE = """
SELECT current_database()::text, array_agg(one::text ORDER BY one::text) FROM (
  SELECT c.oid, c.reltype, c.relname, c.relacl, c.reloptions FROM pg_class c
    WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT p.oid, p.prorettype, p.proname, p.proacl, ARRAY[p.prosrc] FROM pg_proc p
    WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT attrelid, atttypid, attname, attacl, ARRAY[attnotnull::text, atthasdef::text] FROM pg_attribute
    WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AND attnum > 0
  UNION ALL SELECT oid, tgfoid, tgname, NULL, ARRAY[tgenabled::text] FROM pg_trigger
  UNION ALL SELECT oid, conrelid, conname, NULL, ARRAY[convalidated::text] FROM pg_constraint
) AS one
"""


class Spares:
    """The databases of this process that no test uses, by the tables that they have."""

    def __init__(self, server: str) -> None:
        self._admin = psycopg.connect(f"{server}/postgres", autocommit=True)
        self._server = server
        self._free: dict[str, list[tuple[str, Any]]] = {}

    @contextmanager
    def lent(self, service: str, metadata: sa.MetaData, more: LiteralString) -> Iterator[str]:
        """Yield the URL of an empty database that has a service's tables, and what `more` makes."""
        free = self._free.setdefault(service, [])
        name, structure = free.pop() if free else self._made(service, metadata, more)
        try:
            yield self._url(name)
        finally:
            if self._is_cleared(name, structure):
                free.append((name, structure))
            else:
                self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _url(self, name: str) -> str:
        return f"{self._server}/{name}"

    def _made(self, service: str, metadata: sa.MetaData, more: LiteralString) -> tuple[str, Any]:
        name = f"{service}_{uuid.uuid4().hex}"
        self._admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        engine = sa.create_engine(
            self._url(name).replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
        )
        metadata.create_all(engine)
        with psycopg.connect(self._url(name)) as connection:
            connection.execute(more)
            return name, connection.execute(_STRUCTURE).fetchone()

    def _is_cleared(self, name: str, structure: Any) -> bool:
        """Delete every row, unless that would not make it as it was."""
        self._admin.execute("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            with psycopg.connect(self._url(name)) as connection:
                if connection.execute(_STRUCTURE).fetchone() != structure:
                    return False
                return _cleared(connection)
        except psycopg.OperationalError:
            return False


def _cleared(connection: psycopg.Connection[Any]) -> bool:
    connection.execute("SET LOCAL session_replication_role = replica")
    of_public = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = %s"
    for (table,) in connection.execute(of_public, ["r"]).fetchall():
        if connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table))).rowcount > MOST_ROWS:
            connection.rollback()
            return False
    for (sequence,) in connection.execute(of_public, ["S"]).fetchall():
        connection.execute("SELECT setval(%s::regclass, 1, false)", [sequence])
    return True


@lru_cache(maxsize=1)
def spares(server: str) -> Spares:
    """Return this process's databases on a server."""
    return Spares(server)


@contextmanager
def lent_database(gateway: Ready, service: str, metadata: sa.MetaData, more: LiteralString = "") -> Iterator[str]:
    """Yield the URL of an empty database on the stack's server, with a service's tables and what `more` makes."""
    server, _, _ = gateway.database_urls["orders"].rpartition("/")
    with spares(server).lent(service, metadata, more) as url:
        yield url
