"""What an endpoint never took is found at once."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    lost = sa.text("status IN ('FAILED', 'CANCELLED')")
    add_index("ix_deliveries_lost", "deliveries", ["endpoint_id", "status", "event_id"], postgresql_where=lost)


def downgrade() -> None:
    op.drop_index("ix_deliveries_lost", table_name="deliveries")
