"""Alembic's entry for the database `identity`."""

from edge.tables import metadata
from mesh.storage.migrate import run_env

run_env(metadata)
