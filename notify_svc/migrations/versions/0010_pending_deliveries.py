"""What an endpoint is still to take is found at once."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    pending = sa.text("status = 'PENDING'")
    add_index("ix_deliveries_pending", "deliveries", ["endpoint_id", "event_id"], postgresql_where=pending)


def downgrade() -> None:
    op.drop_index("ix_deliveries_pending", table_name="deliveries")
