"""Schema migrations: alembic, one line of numbered revisions a service, each in the service's own database.

`python -m mesh.storage.migrate order_svc` brings the database in `FUSIONXPAY_DATABASE_URL` up to date.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config

from mesh.settings import ServiceSettings, load


def config(migrations: Path, url: str) -> Config:
    """Return alembic's configuration for a service's migrations and database."""
    settings = Config()
    settings.set_main_option("script_location", str(migrations))
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
    """Migrate the service that the first argument names."""
    spec = find_spec(sys.argv[1]) if len(sys.argv) == 2 else None
    if spec is None or not spec.origin:
        raise SystemExit("usage: python -m mesh.storage.migrate <service package>")
    upgrade(Path(spec.origin).parent / "migrations", load(ServiceSettings).database_url)


if __name__ == "__main__":
    main()
