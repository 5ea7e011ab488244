"""Migrations only expand: the version before goes on working on the schema of the next one."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from mesh.storage import migrate
from mesh.storage.revision import head_revision
from stack.layout import REPLICATED
from tests.support.waiting import eventually

Columns = dict[tuple[str, str], tuple[str, bool]]
"""By table and column: its type, and whether an INSERT has to name it."""
COLUMNS = """
SELECT table_name, column_name, data_type,
       is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""
BEFORE_THE_RULE = {("payment_svc", "0003")}
"""Migrations that were applied everywhere before versions ran beside each other. None is added."""

BUILT_BEFORE_THE_RULE = {"audit_svc": 1, "console": 1, "edge": 2, "notify_svc": 8, "order_svc": 7, "payment_svc": 7}
"""The last migration of each service that may lock a table for as long as it takes to read it."""
BLOCKING = re.compile(
    r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON (?:ONLY )?(\w+)"
    r"|ALTER TABLE (\w+) ADD CONSTRAINT (?!.*(?:NOT VALID|USING INDEX))"
    r"|ALTER TABLE (\w+) ALTER (?:COLUMN )?\w+ (?:TYPE|SET NOT NULL)",
    re.DOTALL | re.IGNORECASE,
)
"""What reads a whole table while nobody may write to it."""
STALLING = re.compile(r"DROP INDEX (?!CONCURRENTLY)", re.IGNORECASE)
"""What waits for every reader, and has all that come later wait behind it, where there is a way to wait beside them."""

WIDER = {("integer", "bigint"), ("character varying", "text")}
"""Changes of a type that what was written for the first goes on working with."""


def _columns(url: str) -> Columns:
    with psycopg.connect(url) as connection:
        rows = connection.execute(COLUMNS).fetchall()
    return {(table, column): (kind, required) for table, column, kind, required in rows}


def _blocking(statement: str, tables: set[str]) -> bool:
    """Return whether a statement locks a table that is in use for as long as it is read, by it or by others."""
    if STALLING.search(statement):
        return True
    return any(found[found.lastindex or 0] in tables for found in BLOCKING.finditer(statement))


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Collect what is executed."""
    found: list[str] = []

    def note(*arguments: Any) -> None:
        found.append(arguments[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def _broken(before: Columns, after: Columns) -> list[str]:
    """Return what the version before would stumble over."""
    found = []
    tables = {table for table, _ in before}
    for (table, column), (kind, _) in before.items():
        if (table, column) not in after:
            found.append(f"{table}.{column} is gone")
        elif (now := after[table, column][0]) != kind and (kind, now) not in WIDER:
            found.append(f"{table}.{column} was {kind} and is {now}")
    for (table, column), (_, required) in after.items():
        if required and table in tables and not before.get((table, column), ("", False))[1]:
            found.append(f"an INSERT into {table} has to name {column}, which the version before does not")
    return found


@pytest.mark.parametrize("service", REPLICATED)
def test_version_before_reads_and_writes_what_each_migration_leaves(service: str, scratch: str) -> None:
    """Step through all revisions of a service on a real database.

    Proves of each: what the version before selects is there and of its type, what it inserts need name nothing that
    it does not know, and nothing keeps it from writing while a whole table is read. Does not prove that new constraints
    and triggers take what it writes: `make rolling` runs both.
    """
    migrations = Path(str(importlib.import_module(service).__file__)).parent / "migrations"
    config = migrate.config(migrations, scratch)
    revisions = sorted(path.name.split("_")[0] for path in (migrations / "versions").glob("[0-9]*_*.py"))
    before: Columns = {}
    for revision in revisions:
        with _statements() as statements:
            command.upgrade(config, revision)
        after = _columns(scratch)
        if int(revision) > BUILT_BEFORE_THE_RULE[service]:
            tables = {table for table, _ in before}
            assert [one for one in statements if _blocking(one, tables)] == [], f"{service} {revision}"
        if (service, revision) not in BEFORE_THE_RULE:
            assert _broken(before, after) == [], f"{service} {revision}"
        before = after


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("ALTER TABLE orders DROP COLUMN description", "description is gone"),
        ("ALTER TABLE orders RENAME COLUMN description TO words", "description is gone"),
        ("DROP TABLE orders CASCADE", "is gone"),
        ("ALTER TABLE orders ALTER COLUMN description TYPE bytea USING NULL", "was text and is bytea"),
        ("ALTER TABLE orders ADD COLUMN channel text NOT NULL", "has to name channel"),
        ("ALTER TABLE orders ALTER COLUMN payment_id SET NOT NULL", "has to name payment_id"),
        ("ALTER TABLE orders ALTER COLUMN amount_minor TYPE integer", "was bigint and is integer"),
    ],
)
def test_change_that_the_version_before_does_not_survive_is_seen(change: str, complaint: str, scratch: str) -> None:
    migrate.upgrade(Path(str(importlib.import_module("order_svc").__file__)).parent / "migrations", scratch)
    before = _columns(scratch)
    with psycopg.connect(scratch, autocommit=True) as connection:
        connection.execute(change.encode())
    assert re.search(complaint, "; ".join(_broken(before, _columns(scratch))))


def test_changes_that_only_expand_are_taken(scratch: str) -> None:
    migrate.upgrade(Path(str(importlib.import_module("order_svc").__file__)).parent / "migrations", scratch)
    before = _columns(scratch)
    with psycopg.connect(scratch, autocommit=True) as connection:
        connection.execute("ALTER TABLE orders ADD COLUMN a text, ADD COLUMN b integer NOT NULL DEFAULT 1")
        connection.execute("CREATE TABLE further (id uuid PRIMARY KEY)")
    assert _broken(before, _columns(scratch)) == []


@pytest.mark.parametrize(
    ("statement", "blocks"),
    [
        ("CREATE INDEX ix ON orders (status)", True),
        ("CREATE UNIQUE INDEX ix ON orders (status)", True),
        ("CREATE INDEX CONCURRENTLY ix ON orders (status)", False),
        ("CREATE INDEX ix ON further (status)", False),
        ("DROP INDEX IF EXISTS ix", True),
        ("DROP INDEX CONCURRENTLY IF EXISTS ix", False),
        ("ALTER TABLE orders ADD CONSTRAINT c CHECK (true)", True),
        ("ALTER TABLE orders ADD CONSTRAINT c CHECK (true) NOT VALID", False),
        ("ALTER TABLE orders ALTER COLUMN status SET NOT NULL", True),
        ("ALTER TABLE orders ALTER COLUMN status SET DEFAULT ''", False),
        ("ALTER TABLE orders ADD COLUMN a text", False),
    ],
)
def test_statement_that_locks_a_table_while_it_is_read_is_seen(statement: str, blocks: bool) -> None:
    assert _blocking(statement, {"orders"}) is blocks


class _InterruptedError(Exception):
    """The process was killed, or the connection lost, while an index was built."""


@contextmanager
def _first_builds_interrupted() -> Iterator[None]:
    """Interrupt the first try to build each index beside others' work."""
    begun: set[str] = set()

    def interrupt(*arguments: Any) -> None:
        statement = str(arguments[2])
        if re.match(r"CREATE (UNIQUE )?INDEX CONCURRENTLY", statement) and statement not in begun:
            begun.add(statement)
            raise _InterruptedError(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", interrupt)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", interrupt)


@pytest.mark.parametrize("service", REPLICATED)
def test_migration_that_was_interrupted_while_it_built_an_index_goes_on(service: str, scratch: str) -> None:
    """What it did before the index is committed by then: all of it runs again."""
    migrations = Path(str(importlib.import_module(service).__file__)).parent / "migrations"
    with _first_builds_interrupted():
        while True:
            with suppress(_InterruptedError):
                command.upgrade(migrate.config(migrations, scratch), "head")
                break
    with psycopg.connect(scratch) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (head_revision(migrations),)


def test_replicas_that_migrate_at_once_build_indexes(scratch: str) -> None:
    """Who waits for its turn is nobody that the build of an index waits for."""
    migrations = Path(str(importlib.import_module("payment_svc").__file__)).parent / "migrations"
    command.upgrade(migrate.config(migrations, scratch), "0009")
    replica = threading.Thread(target=migrate.upgrade, args=[migrations, scratch])
    with psycopg.connect(scratch, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(hashtext('fusionxpay-migrations'))")
        replica.start()
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'advisory' AND pid <> %s"
        )
        eventually(lambda: guard.execute(waiting, [guard.info.backend_pid]).fetchone())
        command.upgrade(migrate.config(migrations, scratch), "0010")
    replica.join()
    with psycopg.connect(scratch) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (head_revision(migrations),)
