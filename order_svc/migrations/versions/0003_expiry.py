"""Orders that were not paid in time are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index(
        "ix_orders_expiring", "orders", ["expire_time"], postgresql_where=sa.text("status IN ('NEW', 'FAILED')")
    )


def downgrade() -> None:
    op.drop_index("ix_orders_expiring", table_name="orders")
