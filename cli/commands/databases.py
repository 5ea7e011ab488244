"""`fusionxpay databases`: the databases of a PostgreSQL server, and a role for each service."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from stack.databases import DATABASES, MIGRATIONS, create_databases_and_roles, role_url
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
