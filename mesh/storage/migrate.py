"""Schema migrations: alembic, one line of numbered revisions a service, each in the service's own database.

`python -m mesh.storage.migrate order_svc` brings the database in `FUSIONXPAY_DATABASE_URL` up to date, and
`python -m mesh.storage.migrate order_svc=orders edge=identity` the databases of these names on the same server.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config

from mesh.settings import ServiceSettings, load


def config(migrations: Path, url: str) -> Config:
    """Return alembic's configuration for a service's migrations and database."""
    settings = Config()
    # to the parser, a percent sign in a path is the beginning of a reference
    settings.set_main_option("script_location", str(migrations).replace("%", "%%"))
    settings.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return settings


def upgrade(migrations: Path, url: str) -> None:
    """Bring the database to the newest revision. Several replicas may call it at once: an advisory lock orders them."""
    with psycopg.connect(url, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(hashtext('fusionxpay-migrations'))")
        command.upgrade(config(migrations, url), "head")


def run_env(metadata: sa.MetaData) -> None:
    """Be the body of `<service>/migrations/env.py`."""
    url = context.config.attributes["url"]
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()


def main() -> None:
    """Migrate the services that the arguments name, one after the other."""
    jobs = [argument.partition("=") for argument in sys.argv[1:]]
    specs = [find_spec(service) for service, _, _ in jobs]
    folders = [Path(spec.origin).parent / "migrations" for spec in specs if spec and spec.origin]
    if not jobs or len(folders) < len(jobs):
        raise SystemExit("usage: python -m mesh.storage.migrate <service package>[=<database>] ...")
    url = load(ServiceSettings).database_url
    for folder, (_, _, database) in zip(folders, jobs, strict=True):
        upgrade(folder, urlunsplit(urlsplit(url)._replace(path=f"/{database}")) if database else url)


if __name__ == "__main__":
    main()
