"""Alembic's entry for the database `payments`."""

from mesh.storage.migrate import run_env
from payment_svc.tables import metadata

run_env(metadata)
