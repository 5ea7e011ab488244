"""Alembic's entry for the database `notify`."""

from mesh.storage.migrate import run_env
from notify_svc.tables import metadata

run_env(metadata)
