"""What lists of orders filter by, and how much was given back. Expands only."""

import sqlalchemy as sa
from alembic import op

from mesh.storage.migrate import add_index

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    add_index("ix_orders_merchant_updated", "orders", ["merchant_id", "update_time"])
    add_index(
        "ix_orders_metadata",
        "orders",
        ["metadata"],
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
        postgresql_where=sa.text("metadata <> '{}'::jsonb"),
    )
    op.add_column("orders", sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("orders", sa.Column("refunded_version", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_index("ix_orders_metadata", "orders")
    op.drop_index("ix_orders_merchant_updated", "orders")
    op.drop_column("orders", "refunded_version")
    op.drop_column("orders", "refunded_minor")
