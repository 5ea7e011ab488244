"""Alembic's entry for the database `orders`."""

from mesh.storage.migrate import run_env
from order_svc.tables import metadata

run_env(metadata)
