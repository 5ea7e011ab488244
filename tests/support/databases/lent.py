"""Databases with a service's tables, each one test's at a time: emptied between tests, as making one costs more."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql

from stack.stack import Ready

Kind = tuple[str, int, str]

# what a test could leave that emptying takes away nothing of: another schema, and what the planner was told of rows
SHAPE: LiteralString = """
SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (
  SELECT concat_ws(' ', c.relname, c.relkind, c.relacl, c.reloptions, a.attname, a.atttypid, a.attnotnull, a.attacl)
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', conrelid, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', tgrelid, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
  UNION ALL SELECT concat_ws(' ', setrole, setconfig) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
  UNION ALL SELECT concat_ws(' ', starelid, staattnum) FROM pg_statistic WHERE starelid >= 16384
) AS lines (line)
"""
USED: LiteralString = """
SELECT relname, relkind = 'p' OR pg_relation_size(oid) > 65536 FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND (relkind = 'p' OR pg_relation_size(oid) > 0)
"""
SEQUENCES: LiteralString = """
SELECT setval(oid, 1, false) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
"""
OTHERS: LiteralString = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()
  AND pid != pg_backend_pid()
"""


@dataclass(frozen=True)
class Lent:
    """A database as it was made. Nobody is connected who looks after it: a test may count connections."""

    name: str
    url: str
    shape: str

    @classmethod
    def of(cls, server: str, name: str) -> Lent:
        """Look at a database as it was made."""
        url = f"{server}/{name}"
        with psycopg.connect(url) as look:
            return cls(name, url, _value(look, SHAPE))

    def emptied(self) -> bool:
        """Whether it is as it was made: nobody is connected, nothing stored, and its schema was left alone."""
        with psycopg.connect(self.url, autocommit=True) as look:
            look.execute(OTHERS)
            if _value(look, SHAPE) != self.shape:
                return False
            look.execute("SET session_replication_role = replica")
            used = look.execute(USED).fetchall()
            # deleting few rows costs a twentieth of truncating, which makes every file of table and indexes anew
            for clear, tables in (
                (sql.SQL("TRUNCATE {} CASCADE"), [name for name, is_large in used if is_large]),
                (sql.SQL("DELETE FROM {}"), [name for name, is_large in used if not is_large]),
            ):
                for table in tables:
                    look.execute(clear.format(sql.Identifier(table)))
            look.execute(SEQUENCES)
        return True


class Databases:
    """What this process's tests are lent, by the tables that they have."""

    def __init__(self, server: str) -> None:
        self._admin = psycopg.connect(f"{server}/postgres", autocommit=True)
        self._server = server
        self._templates: dict[Kind, str] = {}
        self._free: defaultdict[Kind, list[Lent]] = defaultdict(list)

    @contextmanager
    def lent(self, service: str, metadata: sa.MetaData, more: LiteralString) -> Iterator[str]:
        """Yield the URL of an empty database that has a service's tables, and what `more` makes."""
        kind = (service, id(metadata), more)
        if kind not in self._templates:
            self._templates[kind] = self._template(service, metadata, more)
        lent = self._free[kind].pop() if self._free[kind] else self._copy(service, kind)
        try:
            yield lent.url
        finally:
            if lent.emptied():
                self._free[kind].append(lent)
            else:
                self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(lent.name)))

    def _copy(self, service: str, kind: Kind) -> Lent:
        name = f"{service}_{uuid.uuid4().hex}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._admin.execute(copy.format(sql.Identifier(name), sql.Identifier(self._templates[kind])))
        return Lent.of(self._server, name)

    def _template(self, service: str, metadata: sa.MetaData, more: LiteralString) -> str:
        name = f"{service}_template_{uuid.uuid4().hex}"
        self._admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = f"{self._server}/{name}"
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
        metadata.create_all(engine)
        with psycopg.connect(url) as connection:
            connection.execute(more)
        return name


def _value(look: psycopg.Connection[Any], query: LiteralString) -> str:
    row = look.execute(query).fetchone()
    assert row
    return str(row[0])


@lru_cache(maxsize=1)
def databases(server: str) -> Databases:
    """Return this process's databases on a server."""
    return Databases(server)


@contextmanager
def lent_database(gateway: Ready, service: str, metadata: sa.MetaData, more: LiteralString = "") -> Iterator[str]:
    """Yield the URL of an empty database on the stack's server, with a service's tables and what `more` makes."""
    server, _, _ = gateway.database_urls["orders"].rpartition("/")
    with databases(server).lent(service, metadata, more) as url:
        yield url
