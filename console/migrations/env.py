"""Alembic's entry for the database `console`."""

from console.tables import metadata
from mesh.storage.migrate import run_env

run_env(metadata)
