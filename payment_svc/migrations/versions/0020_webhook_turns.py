"""Webhooks that wait are found by whose turn it is, without looking at those that do not."""

import sqlalchemy as sa
from alembic import op

from mesh.storage import migrate

revision = "0020"
down_revision = "0019"
NAME, TABLE = "ix_provider_events_turns", "provider_events"


def upgrade() -> None:
    columns = ["provider", "account", "next_attempt_time"]
    migrate.add_index(NAME, TABLE, columns, postgresql_where=sa.text("next_attempt_time IS NOT NULL"))


def downgrade() -> None:
    op.drop_index(NAME, TABLE)
