"""`fusionxpay databases`, `backup` and `restore`: the databases of a PostgreSQL server, and a role for each service."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import psycopg
import typer

from cli.endings import Interrupted, failed, interruptible
from cli.operator_api import READY_FILE, AsJson, Ready, ready_document
from stack.databases import DATABASES, MIGRATIONS, create_databases_and_roles, role_url
from stack.operate import backup as backups
from stack.operate.missed import missed
from stack.process import StackError
from stack.state import write_private

FILE = "database_url"


def databases(
    folder: Annotated[Path, typer.Option(help="Where each role's URL is put, in a folder of its own, as a file.")],
    url: Annotated[
        str,
        typer.Option(envvar="FUSIONXPAY_POSTGRES_URL", help="The server, with a superuser. Rather by the environment."),
    ],
) -> None:
    """Have a database for each service, and a role that gets into that one alone; then migrate as `migrations`.

    May be called again: what is there stays, and so do the passwords. Without its file, a role gets a new one. Each URL
    is of one database; `mesh.storage.migrate` goes from one to the other by their names.
    """
    files = {role: folder / role / FILE for role in (*DATABASES, MIGRATIONS)}
    passwords = {role: _password_in(file) or secrets.token_hex(24) for role, file in files.items()}
    create_databases_and_roles(url, passwords)
    for role, file in files.items():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, role_url(url, role, passwords[role], DATABASES.get(role, "orders")))
        typer.echo(f"{role}: {file}")


def _password_in(file: Path) -> str:
    return (urlsplit(file.read_text().strip()).password or "") if file.exists() else ""


Server = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="FUSIONXPAY_POSTGRES_URL",
        help="The server, with its superuser. Rather by the environment. Default: that of the ready file.",
    ),
]


def backup(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept: each gets a folder of its own there.")],
    url: Server = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Dump every service's database, consistent with the outboxes; the services go on meanwhile.

    Keep it elsewhere, with the encryption keys (`*_SECRET_KEYS`), without which parts of it cannot be read.
    """
    with _said():
        typer.echo(str(backups.backup(_server(url, ready_file), folder, _say)))


def restore(
    place: Annotated[Path, typer.Argument(help="The folder of one backup.")],
    database: Annotated[
        list[str], typer.Option(help="What to restore: orders, payments, notify, identity, console or audit.")
    ],
    keep_revoked: Annotated[
        bool,
        typer.Option(help="Let keys, merchants, users, links and logins that were ended since the backup work again."),
    ] = False,
    url: Server = "",
    as_json: AsJson = False,
    ready_file: Ready = READY_FILE,
) -> None:
    """Bring databases back from a backup, and list what was acknowledged after it and others still know.

    What is there is kept under another name, and what was revoked or disabled there since the backup is so again. Then:
    `events rebuild`, `reconcile` and `audit verify`. The list has each order, payment, refund and dispute that
    is missing or older than what others know of it; `events rebuild` makes it shorter.
    """
    with _said(), _in_order():
        server = _server(url, ready_file)
        withdrawn = backups.restore(server, place, database, _say, keep_revoked=keep_revoked)
        found = [asdict(one) for one in missed(server)]
    if as_json:
        typer.echo(json.dumps([*map(asdict, withdrawn), *found], indent=2))
        return
    for ended in withdrawn:
        then = "is so again" if ended.ended else "works AGAIN AS BEFORE"
        whose = f"of merchant {ended.merchant_id}" if ended.merchant_id else "of the platform"
        typer.echo(f"{ended.kind} {ended.object_id} {whose} was {ended.what} since the backup, and {then}")
    for one in found:
        what = f"is at version {one['version']}, was at {one['known']}" if one["version"] else "is missing"
        typer.echo(
            f"{one['kind']} {one['object_id']} of merchant {one['merchant_id']} {what} (known by {one['known_by']})"
        )
    typer.echo(
        f"{len(found)} orders, payments, refunds and disputes were acknowledged after the backup,"
        " and are not as far as they were"
    )


def _server(url: str, ready_file: Path) -> str:
    return url or str(next(iter(ready_document(ready_file)["database_urls"].values())))


def _say(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _in_order() -> Iterator[None]:
    """Have Ctrl-C, or a terminal that is gone, undo what is half done."""
    try:
        with interruptible():
            yield
    except Interrupted:
        raise typer.Exit(130) from None


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except (StackError, psycopg.Error) as error:
        raise failed(error, 1) from None
