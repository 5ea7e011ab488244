"""A merchant's requests are found by their trace. Expands only."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_index("ix_entries_trace", "entries", ["trace_id"], postgresql_where=sa.text("merchant_id <> ''"))


def downgrade() -> None:
    op.drop_index("ix_entries_trace", "entries")
