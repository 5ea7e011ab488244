"""What all tables of the database `payments` are part of."""

from __future__ import annotations

import sqlalchemy as sa

from mesh.storage.schema import NAMING, history, idempotency_keys, outbox, with_mesh_tables

metadata = sa.MetaData(naming_convention=NAMING)
with_mesh_tables(metadata, outbox, idempotency_keys, history)
