"""Schema migrations: alembic, one line of numbered revisions a service, each in the service's own database.

`python -m mesh.storage.migrate order_svc` brings the database in `FUSIONXPAY_DATABASE_URL` up to date, and
`python -m mesh.storage.migrate order_svc=orders edge=identity` the databases of these names on the same server.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import sqlalchemy as sa
from alembic import command, context, op
from alembic.config import Config
from psycopg import sql

from mesh.settings import ServiceSettings, load
from mesh.storage.revision import head_revision

LOCK_SECONDS = 10
TURN_SECONDS = 0.2
DML = "SELECT, INSERT, UPDATE, DELETE"


def config(migrations: Path, url: str) -> Config:
    """Return alembic's configuration for a service's migrations and database."""
    settings = Config()
    # to the parser, a percent sign in a path is the beginning of a reference
    settings.set_main_option("script_location", str(migrations).replace("%", "%%"))
    settings.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return settings


def upgrade(migrations: Path, url: str) -> bool:
    """Bring the database to the newest revision. Several replicas may call it at once: an advisory lock orders them.

    A database that a later version has brought further is left as it is, and False returned: this version works with
    it, as every change of a schema is one that the version before can do with.
    """
    with psycopg.connect(url, autocommit=True) as guard:
        # a statement that waits for the lock is one that the build of an index waits for, and neither would end
        while guard.execute("SELECT pg_try_advisory_lock(hashtext('fusionxpay-migrations'))").fetchone() != (True,):
            time.sleep(TURN_SECONDS)
        if _is_further(guard, head_revision(migrations)):
            return False
        command.upgrade(config(migrations, url), "head")
        return True


def _is_further(connection: psycopg.Connection[Any], head: str) -> bool:
    """Whether the database is at a revision of a later version: revisions are numbers, and this version's end there."""
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return False
    return any(number > head for (number,) in connection.execute("SELECT version_num FROM alembic_version"))


def grant(url: str, role: str, metadata: sa.MetaData) -> None:
    """Let a role read and write the tables, as far as each says (`info={"privileges": …}`), and nothing else.

    A server that has no such role is left alone: there, the service comes as somebody else.
    """
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
            return
        who = sql.Identifier(role)
        connection.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(who))
        for table in metadata.sorted_tables:
            privileges = sql.SQL(table.info.get("privileges", DML))
            connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(privileges, sql.Identifier(table.name), who))
        connection.execute(sql.SQL("GRANT SELECT ON alembic_version TO {}").format(who))
        connection.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(who))


def run_env(metadata: sa.MetaData) -> None:
    """Be the body of `<service>/migrations/env.py`."""
    url = context.config.attributes["url"]
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        # who waits for a lock has all that come later wait behind it: rather the migration fails, and is tried again
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        connection.commit()
        # a lock is held no longer than its own migration takes
        context.configure(
            connection=connection, target_metadata=metadata, compare_type=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()


def add_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Build an index of a table that is in use, while it is read and written.

    It commits what its migration did before, so it comes first there: all of it may run again after a failure. What a
    failed build has left is built anew; what was built stays, as hours may have gone into it: a migration that has an
    index of another kind under the same name drops it first.
    """
    with op.get_context().autocommit_block():
        # nobody waits behind a build, and it waits for every transaction that has begun
        if _is_built(name):
            return
        op.execute("SET lock_timeout = 0")
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)
        op.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")


def _is_built(name: str) -> bool:
    """Return whether there is an index of the name that is whole: one whose build failed is not valid."""
    valid = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
    return bool(op.get_bind().scalar(valid, {"name": name}))


def drop_index(name: str, table: str) -> None:
    """Drop an index of a table that is in use, and have nobody wait for that. It commits, as `add_index` does."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")


def fill(table: str, key: str, values: str, where: str) -> None:
    """Change the rows of a table that is in use, a thousand at a time, each time committed: nobody waits for all.

    `where` is true of no row that was changed. It commits, as `add_index` does, and what was interrupted goes on.
    """
    following = f"(:after IS NULL OR {key} > CAST(:after AS uuid)) AND {where} ORDER BY {key} LIMIT 1000"
    steps = (
        f"WITH part AS (SELECT {key} AS part_key FROM {table} WHERE {following}),",  # noqa: S608
        f"changed AS (UPDATE {table} SET {values} FROM part WHERE {key} = part_key AND {where})",  # noqa: S608
        "SELECT part_key::text FROM part ORDER BY part_key DESC LIMIT 1",
    )
    statement = sa.text(" ".join(steps)).bindparams(sa.bindparam("after", type_=sa.Text))
    with op.get_context().autocommit_block():
        after = None
        while (after := op.get_bind().execute(statement, {"after": after}).scalar()) is not None:
            pass


def change_key(table: str, columns: Sequence[str]) -> None:
    """Have other columns be the primary key of a table that is in use: none of them null, together unique.

    It commits, as `add_index` does, but for the last step, which only exchanges the one index for the other.
    """
    key, made = f"pk_{table}", f"pk_{table}_new"
    add_index(made, table, columns, unique=True)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key}, ADD CONSTRAINT {key} PRIMARY KEY USING INDEX {made}")


def main() -> None:
    """Migrate the services that the arguments name, one after the other."""
    jobs = [argument.partition("=") for argument in sys.argv[1:]]
    specs = [find_spec(service) for service, _, _ in jobs]
    folders = [Path(spec.origin).parent / "migrations" for spec in specs if spec and spec.origin]
    if not jobs or len(folders) < len(jobs):
        raise SystemExit("usage: python -m mesh.storage.migrate <service package>[=<database>] ...")
    url = load(ServiceSettings).database_url
    for folder, (service, _, database) in zip(folders, jobs, strict=True):
        own = urlunsplit(urlsplit(url)._replace(path=f"/{database}")) if database else url
        if upgrade(folder, own):
            grant(own, service, import_module(f"{service}.tables").metadata)
        else:
            sys.stdout.write(f"{service}: left as a later version made it, which this version works with\n")


if __name__ == "__main__":
    main()
