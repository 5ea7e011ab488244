"""Alembic's entry for the database `audit`."""

from audit_svc.tables import metadata
from mesh.storage.migrate import run_env

run_env(metadata)
